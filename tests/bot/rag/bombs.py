"""Make fifty documents that were written to stop whoever reads them; each small, each of a few lines."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

from tests.bot.rag.reading.test_parse import PDF

Bomb = tuple[str, Callable[[], bytes]]

MIB = 1024 * 1024
CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/{part}" ContentType="application/vnd.openxmlformats-officedocument.{kind}.main+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="{part}"/></Relationships>'
)
PARTS = {
    "docx": ("word/document.xml", "wordprocessingml.document"),
    "pptx": ("ppt/presentation.xml", "presentationml.presentation"),
    "xlsx": ("xl/workbook.xml", "spreadsheetml.sheet"),
}
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)
QUADRATIC = '<?xml version="1.0"?><!DOCTYPE q [<!ENTITY a "' + "x" * 100_000 + '">]>'
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE e [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def package(kind: str, body: bytes | str = "", extra: dict[str, bytes] | None = None) -> bytes:
    """Zip an office file whose main part is `body`."""
    part, name = PARTS[kind]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("[Content_Types].xml", CONTENT_TYPES.format(part=part, kind=name))
        file.writestr("_rels/.rels", RELS.format(part=part))
        file.writestr(part, body)
        for path, content in (extra or {}).items():
            file.writestr(path, content)
    return out.getvalue()


def liar() -> bytes:
    """Claim in the directory that a part is small."""
    whole = bytearray(package("docx", b" " * (150 * MIB)))
    at = whole.find(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<I", whole, at + 24, 10)
        at = whole.find(b"PK\x01\x02", at + 4)
    return bytes(whole)


def overlapping() -> bytes:
    """Let many entries of the directory point to the same data."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("word/a.xml", b"0" * (50 * MIB))
        first = file.infolist()[0]
        for n in range(300):
            again = zipfile.ZipInfo(f"word/{n:05}.xml")
            for field in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(again, field, getattr(first, field))
            file.filelist.append(again)
    return out.getvalue()


def pdf_stream(data: bytes, filters: str = "/FlateDecode") -> bytes:
    """Put a stream into the page of a PDF."""
    old = b"4 0 obj<</Length 47>>stream\nBT /F1 12 Tf 20 200 Td (The first page) Tj ET\nendstream"
    new = b"4 0 obj<</Filter%s/Length %d>>stream\n%s\nendstream" % (filters.encode(), len(data), data)
    assert old in PDF
    return PDF.replace(old, new)


def docx_body(inner: str) -> str:
    """Return a main part of Word."""
    return f'<?xml version="1.0"?><w:document xmlns:w="{W}"><w:body>{inner}</w:body></w:document>'


def png(width: int, height: int) -> bytes:
    """Claim a size, and hold rows of nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * min((width * 3 + 1) * height, 30 * MIB), 9)
    chunks = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def mail(depth: int) -> bytes:
    """Nest parts in parts."""
    head = b"From: a@example.com\nSubject: nested\n"
    for n in range(depth):
        head += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n)
    return head + b"Content-Type: text/plain\n\nwords\n"


def _packed() -> Iterator[Bomb]:
    for kind in PARTS:
        yield f"zeros.{kind}", lambda kind=kind: package(kind, b"\0" * (200 * MIB))
        yield f"laughs.{kind}", lambda kind=kind: package(kind, LAUGHS + "<x>&i;</x>")
        yield (
            f"quadratic.{kind}",
            lambda kind=kind: package(kind, QUADRATIC + "<x>" + "&a;" * 50_000 + "</x>"),
        )
        yield f"external.{kind}", lambda kind=kind: package(kind, EXTERNAL + "<x>&a;</x>")
        yield f"deep.{kind}", lambda kind=kind: package(kind, "<a>" * 500_000)
        yield (
            f"many.{kind}",
            lambda kind=kind: package(kind, "<a/>", {f"x/{n}.xml": b"" for n in range(6000)}),
        )
    yield "liar.docx", lambda: liar()
    yield "overlapping.docx", lambda: overlapping()
    yield "truncated.docx", lambda: package("docx", docx_body(""))[:200]
    yield "nested.docx", lambda: package("docx", docx_body("<w:p/>"), {"a.zip": gzip.compress(b"0" * MIB)})
    tables, ends = "<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"
    yield "tables.docx", lambda: package("docx", docx_body(tables * 3000 + ends * 3000))
    yield (
        "paragraphs.docx",
        lambda: package("docx", docx_body("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 500_000)),
    )


def _pdfs() -> Iterator[Bomb]:
    yield "stream.pdf", lambda: pdf_stream(zlib.compress(b"q " * 50_000_000, 9))
    yield (
        "filters.pdf",
        lambda: pdf_stream(_thrice(b"q " * (100 * MIB)), "[/FlateDecode/FlateDecode/FlateDecode]"),
    )
    text = b"BT /F1 12 Tf (" + b"word " * 200 + b") Tj "
    yield "words.pdf", lambda: pdf_stream(zlib.compress(text * 60_000 + b" ET", 9))
    yield "nested.pdf", lambda: PDF.replace(b"/Kids[", b"/Kids[[" + b"[" * 100_000)
    yield "itself.pdf", lambda: PDF.replace(b"3 0 R", b"2 0 R")
    yield (
        "pages.pdf",
        lambda: PDF.replace(b"/Count 2", b"/Count 2147483647").replace(b"/Count 1", b"/Count 2147483647"),
    )
    yield (
        "dictionary.pdf",
        lambda: b"%PDF-1.7\n1 0 obj" + b"<<" * 500_000 + b"\ntrailer<</Root 1 0 R>>\n%%EOF",
    )


def _texts() -> Iterator[Bomb]:
    yield "comments.html", lambda: b"<!--" * (4 * MIB)
    yield "divs.html", lambda: b"<div>" * (3 * MIB)
    yield "attributes.html", lambda: b"<a " + b"b='" * (4 * MIB)
    yield "brackets.md", lambda: b"[" * (8 * MIB)
    yield "quotes.md", lambda: b"> " * (4 * MIB)
    yield "lists.md", lambda: b"".join(b" " * (2 * n) + b"- x\n" for n in range(2500))
    yield "emphasis.md", lambda: b"*_" * (4 * MIB)
    yield "links.md", lambda: b"![a](" * (2 * MIB)
    yield "table.md", lambda: b"|a|b|\n|-|-|\n" + b"|" * (8 * MIB)
    yield "line.txt", lambda: b"a" * (19 * MIB)
    yield "words.txt", lambda: b"word " * (4 * MIB)
    yield "deep.json", lambda: b"[" * (8 * MIB)
    yield "numbers.json", lambda: b"[" + b"1" * (8 * MIB) + b"]"
    yield "wide.json", lambda: json.dumps({"a": [[]] * 2_000_000}).encode()
    yield (
        "aliases.yaml",
        lambda: ("a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a]\n" for n in range(15_000))).encode(),
    )
    yield "quotes.csv", lambda: b'"' * (8 * MIB)
    yield "columns.csv", lambda: b"," * (10 * MIB)
    yield "rows.csv", lambda: b"a\n" * (4 * MIB)
    yield "parts.eml", lambda: mail(5000)
    yield "headers.eml", lambda: b"From: a@example.com\n" + b"X: y\n" * 1_000_000 + b"\nwords\n"
    yield "function.c", lambda: b"a " * (4 * MIB) + b"("
    yield "def.py", lambda: b"def " * (4 * MIB)
    yield "title.rst", lambda: b"=\n" * (4 * MIB)


def _pictures() -> Iterator[Bomb]:
    yield "huge.png", lambda: png(60_000, 60_000)
    yield "wide.png", lambda: png(2_000_000_000, 1)


def _thrice(data: bytes) -> bytes:
    """Compress what was compressed."""
    for _ in range(3):
        data = zlib.compress(data, 9)
    return data


BOMBS: dict[str, Callable[[], bytes]] = dict((*_packed(), *_pdfs(), *_texts(), *_pictures()))
"""What makes each, by its name."""
