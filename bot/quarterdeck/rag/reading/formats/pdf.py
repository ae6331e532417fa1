"""Read PDF, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.formats.parsed import PAGE_LIMIT, Parsed, TextBuilder, lines

if TYPE_CHECKING:
    import pypdfium2


def read_pdf(data: bytes) -> Parsed:
    """Return the text of all pages, with where each begins.

    Raises:
        UsageError: it is no PDF, damaged, protected, or too long.
    """
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
    text = TextBuilder()
    for n in range(len(document)):
        page = document[n]
        text_page = page.get_textpage()
        words = lines(text_page.get_text_bounded()).replace("\ufffe", "").strip() + "\n\n"
        text_page.close()
        page.close()
        starts.append(text.length)
        text.add(words)
    return Parsed(text=text.text(), pages=tuple(starts))
