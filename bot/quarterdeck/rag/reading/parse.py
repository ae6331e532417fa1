"""Read a file of any format that we know as Markdown with a title. Runs in the reader process only.

What comes in may be hostile: everything here is linear in its input, bounded, and may be killed at any moment.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.page import markdown_of
from quarterdeck.rag.reading.sources import Format

if TYPE_CHECKING:
    import pypdfium2

TEXT_LIMIT = 20 * 1024 * 1024  # characters that a document may expand to
PAGE_LIMIT = 2000

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{2,40})")
_UNDERLINE = re.compile(r"([=\-~^\"'#*+.:`_])\1{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Hold a document's text as Markdown; `pages` are the offsets where pages begin, empty without pages."""

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()


def parse(data: bytes, format_: Format) -> Parsed:
    """Read `data`.

    Raises:
        UsageError: it is not what its name says, is encrypted, or has no text; the message says which.
    """
    match format_:
        case "pdf":
            parsed = _pdf(data)
        case "html":
            title, text = markdown_of(decode(data, sniff=True))
            parsed = Parsed(text=text, title=title)
        case "rst":
            parsed = Parsed(text=_headings_of_rst(decode(data)))
        case "markdown" | "text":
            parsed = Parsed(text=decode(data))
        case _:
            assert_never(format_)
    if len(parsed.text) > TEXT_LIMIT:
        raise UsageError(f"it holds more than {TEXT_LIMIT // 1024 // 1024} million characters of text")
    if not parsed.text.strip():
        raise UsageError("it holds no text", hint="a scanned PDF needs text recognition first")
    return parsed


def decode(data: bytes, *, sniff: bool = False) -> str:
    """Return text with line feeds only, from UTF-8, UTF-16, UTF-32 with their marks, or Windows-1252.

    `sniff` looks for an HTML charset declaration.

    Raises:
        UsageError: this is no text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _lines(data.decode(encoding, errors="replace"))
    if b"\0" in data[:8192]:
        raise UsageError("it is not text")
    declared = _CHARSET.search(data[:2048]) if sniff else None
    for encoding in ("utf-8", declared.group(1).decode("ascii") if declared else "cp1252"):
        try:
            return _lines(data.decode(encoding))
        except (UnicodeDecodeError, LookupError):
            continue
    return _lines(data.decode("latin-1"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")


def _headings_of_rst(text: str) -> str:
    """Return reStructuredText with its underlined titles as Markdown headings, levels in order of appearance."""
    lines = text.split("\n")
    styles: list[str] = []
    out: list[str] = []
    n = 0
    while n < len(lines):
        line, below = lines[n], lines[n + 1] if n + 1 < len(lines) else ""
        is_overline = (
            bool(_UNDERLINE.fullmatch(line.rstrip())) and n + 2 < len(lines) and line == lines[n + 2]
        )
        if is_overline and below.strip():
            line, below, n = below.strip(), lines[n + 2], n + 1
        is_title = line.strip() and line == line.lstrip() and len(below.rstrip()) >= len(line.rstrip()) - 1
        if is_title and _UNDERLINE.fullmatch(below.rstrip()) and not _UNDERLINE.fullmatch(line.rstrip()):
            style = below[0] * (2 if is_overline else 1)
            if style not in styles:
                styles.append(style)
            out.append("#" * min(6, styles.index(style) + 1) + " " + line.strip())
            n += 2
        else:
            out.append(lines[n])
            n += 1
    return "\n".join(out)


def _pdf(data: bytes) -> Parsed:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise UsageError("it is protected by a password") from error
        raise UsageError("it is not a PDF that can be read") from error
    try:
        if len(document) > PAGE_LIMIT:
            raise UsageError(f"it has more than {PAGE_LIMIT} pages")
        return _pages(document)
    except pypdfium2.PdfiumError as error:
        raise UsageError("the PDF is damaged") from error
    finally:
        document.close()


def _pages(document: pypdfium2.PdfDocument) -> Parsed:
    starts: list[int] = []
    texts: list[str] = []
    length = 0
    for n in range(len(document)):
        page = document[n]
        text_page = page.get_textpage()
        text = _lines(text_page.get_text_bounded()).replace("\ufffe", "").strip() + "\n\n"
        text_page.close()
        page.close()
        starts.append(length)
        texts.append(text)
        length += len(text)
        if length > TEXT_LIMIT:
            raise UsageError(f"it holds more than {TEXT_LIMIT // 1024 // 1024} million characters of text")
    return Parsed(text="".join(texts), pages=tuple(starts))
