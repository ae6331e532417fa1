"""Each format gives its words, its headings and its places."""

import io
from pathlib import Path

import pytest
from tests.bot.rag.bombs import png

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.chunk import Chunker
from quarterdeck.rag.reading.formats.feed import read_feed, read_sitemap
from quarterdeck.rag.reading.formats.parsed import Parsed
from quarterdeck.rag.reading.formats.picture import shrink
from quarterdeck.rag.reading.parse import parse
from quarterdeck.rag.reading.sources import format_of
from quarterdeck.rag.vector.minilm import tokenizer


def saved(document: object) -> bytes:
    """Return an office document as bytes."""
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def read(data: bytes, name: str) -> Parsed:
    """Read what a name says."""
    kind = format_of(Path(name))
    assert kind is not None
    return parse(data, kind, name)


def cut(parsed: Parsed, tokens: int = 60):
    """Cut what was read."""
    return Chunker(tokenizer(), chunk_tokens=tokens, overlap_tokens=0).cut(parsed, "untitled")


def test_word() -> None:
    """Headings, lists and tables in their order."""
    import docx

    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Keys", 1)
    document.add_paragraph("Keys are at the desk.")
    document.add_paragraph("front door", style="List Bullet")
    table = document.add_table(2, 2)
    for n, word in enumerate(("room", "seats", "large", "12")):
        table.cell(n // 2, n % 2).text = word
    parsed = read(saved(document), "a.docx")

    assert "Handbook" == parsed.title
    assert "# Keys\n\nKeys are at the desk.\n\n- front door\n" in parsed.text
    assert "| room | seats |\n| --- | --- |\n| large | 12 |" in parsed.text


def test_slides_are_pages() -> None:
    """A citation names the slide."""
    import pptx

    presentation = pptx.Presentation()
    for title, words in (("Plan", "We begin in May."), ("Risks", "The disk is full.")):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = words
    slide.notes_slide.notes_text_frame.text = "Say this slowly."
    _, pieces = cut(read(saved(presentation), "a.pptx"))

    assert [("Plan", 1), ("Risks", 2)] == [(one.heading, one.page) for one in pieces]
    assert "Say this slowly." in pieces[1].text


def test_sheets_are_tables() -> None:
    """Numbers as people see them, empty rows left out."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "Rooms"
    for row in (("room", "seats"), (), ("large", 12.0), ("small", 4)):
        book.active.append(row)
    parsed = read(saved(book), "a.xlsx")

    assert "## Rooms\n\n| room | seats |\n| --- | --- |\n| large | 12 |\n| small | 4 |\n" in parsed.text


@pytest.mark.parametrize(
    "text", ["room;seats\nlarge;12\n", "room,seats\nlarge,12\n", "room\tseats\nlarge\t12\n"]
)
def test_delimited_rows(text: str) -> None:
    """Whatever delimits them."""
    assert "| room | seats |\n| --- | --- |\n| large | 12 |\n\n" == read(text.encode(), "a.csv").text


def test_a_long_table_repeats_its_head() -> None:
    """A row without its head says nothing."""
    rows = "room,seats,floor\n" + "".join(f"room number {n},{n},third floor\n" for n in range(60))
    _, pieces = cut(read(rows.encode(), "a.csv"))

    assert len(pieces) > 5
    assert all(one.text.startswith("| room | seats | floor |\n| --- | --- | --- |\n") for one in pieces)
    assert 60 == sum(one.text.count("room number") for one in pieces)


def test_long_code_stays_code() -> None:
    """Both halves of a cut block are fenced; one that nearly fits is not cut."""
    block = "```python\n" + "".join(f"value_{n} = compute({n})\n" for n in range(60)) + "```\n"
    _, pieces = cut(Parsed(text=f"# Title\n\nBefore it.\n\n{block}\nAfter it.\n"))
    code = [one.text for one in pieces if "```" in one.text]

    assert len(code) > 2
    assert all(one.startswith("```python\n") and one.endswith("\n```") for one in code)
    short = "```\n" + "".join(f"value_{n} = {n}\n" for n in range(12)) + "```\n"
    assert [short.strip()] == [one.text for one in cut(Parsed(text=short))[1]]


def test_code_is_cut_at_definitions_with_its_lines() -> None:
    """A citation names the function and its line."""
    body = "".join(f"        total += step({n}) * weight({n}) - offset\n" for n in range(8))
    text = f'"""Count."""\n\n\nclass Till:\n    def add(self):\n{body}\n    def pay(self):\n{body}'
    _, pieces = cut(read(text.encode(), "till.py"), 120)

    assert "Till › pay" in [one.heading for one in pieces]
    found = next(one for one in pieces if one.heading == "Till › pay")
    assert text.split("\n")[found.line - 1].strip() == "def pay(self):"


def test_records_are_cut_at_keys() -> None:
    """And never loaded: an alias stays a word."""
    text = "server:\n  port: 8420\n" + "".join(f"key{n}: value number {n}\n" for n in range(60))
    title, pieces = cut(read(text.encode(), "a.yaml"))

    assert ("untitled", 1) == (title, pieces[0].line)
    assert pieces[0].text.startswith("server:\n  port: 8420")
    assert '"port": 1' in read(b'{"server": {"port": 1}, "list": [' + b"1," * 600 + b"2]}", "a.json").text


def test_mail_with_an_attachment() -> None:
    """One level deep."""
    message = (
        b"From: ada@example.com\nTo: bob@example.com\nSubject: Keys\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n"
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain\n\n'
        b"The keys are at the desk.\n--x\nContent-Type: text/markdown\n"
        b'Content-Disposition: attachment; filename="rooms.md"\n\n# Rooms\n--x--\n'
    )
    parsed = read(message, "a.eml")

    assert "Keys" == parsed.title
    for words in ("From: ada@example.com", "The keys are at the desk.", "## rooms.md", "# Rooms"):
        assert words in parsed.text


def test_pictures_are_made_small_and_plain() -> None:
    """A model sees no more than it needs."""
    assert shrink(png(3000, 10)).startswith(b"\x89PNG")
    with pytest.raises(UsageError):
        shrink(b"GIF89a nothing")


def test_sitemaps_and_feeds_are_lists() -> None:
    """What is none is said."""
    assert [
        {"kind": "page", "url": "https://e.com/?a=1&b=2", "modified_at_ms": 1767312000000}
    ] == read_sitemap(
        b"<urlset><url><loc>https://e.com/?a=1&amp;b=2</loc><lastmod>2026-01-02</lastmod></url></urlset>"
    )
    for reader in (read_sitemap, read_feed):
        with pytest.raises(UsageError):
            reader(b"<html><body>Not found</body></html>")


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.eml", "a.json", "a.pdf"])
def test_what_is_damaged_says_so(name: str) -> None:
    """In a sentence for the list of failures."""
    data = b"{" * 2000 if name == "a.json" else b"PK\x03\x04 broken"
    with pytest.raises(UsageError) as refusal:
        read(data, name)

    assert refusal.value.message.startswith("it is")
