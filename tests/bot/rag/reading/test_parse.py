"""Every format becomes Markdown; what is none of them is refused with a reason."""

import contextlib
from pathlib import Path

import pytest

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.formats.parsed import decode
from quarterdeck.rag.reading.parse import parse

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 47>>stream
BT /F1 12 Tf 20 200 Td (The first page) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
6 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 7 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
7 0 obj<</Length 47>>stream
BT /F1 12 Tf 20 200 Td (The second one) Tj ET
endstream endobj
trailer<</Root 1 0 R>>
%%EOF"""


def test_a_pdf_has_pages() -> None:
    """A citation of a PDF names the page."""
    parsed = parse(PDF, "pdf")

    assert 2 == len(parsed.pages)
    assert "The second one" in parsed.text[parsed.pages[1] :]
    assert "The first page" in parsed.text[: parsed.pages[1]]


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4\n%%EOF", b"not a pdf at all", PDF[:200]])
def test_a_damaged_pdf_is_refused_with_a_reason(data: bytes) -> None:
    """The person who added it reads the reason in the list."""
    with pytest.raises(UsageError):
        parse(data, "pdf")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("grün".encode(), "grün"),
        (b"\xef\xbb\xbf" + "grün".encode(), "grün"),
        ("grün".encode("utf-16"), "grün"),
        ("grün".encode("cp1252"), "grün"),
        (b"a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_text_is_read_in_the_encodings_that_files_have(data: bytes, text: str) -> None:
    """Windows still writes its own."""
    assert text == decode(data)


def test_a_program_called_md_is_not_text() -> None:
    """Otherwise its bytes would be embedded and cited."""
    with pytest.raises(UsageError, match="not text"):
        parse(b"\x7fELF\x02\x01\x00\x00\x00", "markdown")


def test_html_keeps_structure_and_drops_what_is_no_content() -> None:
    """Headings are what an answer is cited by; scripts and menus are noise."""
    page = """<!doctype html><title>Guide &amp; more</title><script>alert("x")</script><nav>Menu</nav>
    <h1>Guide</h1><p>One <em>two</em>&nbsp;three<br>four</p><ul><li>first<li><p>second</p></ul>
    <pre><code>a = 1\n  b = 2</code></pre>
    <table><tr><th>Name</th><th>Size</th></tr><tr><td>x|y</td><td>2</td></tr></table><footer>Imprint</footer>"""
    parsed = parse(page.encode(), "html")

    assert "Guide & more" == parsed.title
    assert (
        "# Guide\n\nOne two three four\n\n- first\n- second\n```\na = 1\n  b = 2\n```\n\n"
        "| Name | Size |\n| --- | --- |\n| x\\|y | 2 |\n\n" == parsed.text
    )


def test_menus_are_left_out_and_lists_with_links_stay() -> None:
    """A table of contents has every word of the page and says nothing."""
    menu = "<ul>" + "".join(f"<li><a href='#{n}'>Topic {n}</a>" for n in range(12)) + "</ul>"
    page = f"<p>Start</p>{menu}<ul><li>See <a href='x'>the guide</a><li><a href='y'>Only this</a></ul>"

    assert "Start\n\n- See the guide\n- Only this\n" == parse(page.encode(), "html").text


def test_headings_of_restructured_text_become_markdown() -> None:
    """Half of Python's documentation is written that way."""
    source = "=====\nTitle\n=====\n\nIntro\n\nPart\n----\n\nText\n\nDeeper\n~~~~~~\n\nPart two\n--------\n"
    lines = [line for line in parse(source.encode(), "rst").text.split("\n") if line.startswith("#")]

    assert ["# Title", "## Part", "### Deeper", "## Part two"] == lines


def test_a_file_without_words_is_refused(tmp_path: Path) -> None:
    """An empty document cannot be cited."""
    with pytest.raises(UsageError, match="no text"):
        parse(b" \n\t ", "text")


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<a href='", "<!--", "<![CDATA[", "&#", "<p><table><tr><td>", "</p", "<!", "<?", "<pre>`"],
)
def test_hostile_html_is_read_in_little_time(piece: str) -> None:
    """Half a megabyte of the same beginning; the limit is pytest's."""
    with contextlib.suppress(UsageError):
        parse((piece * (500_000 // len(piece))).encode(), "html")
