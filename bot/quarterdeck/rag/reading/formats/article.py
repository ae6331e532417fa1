"""Read a page of the web: what it says, without what stands around it."""

from __future__ import annotations

from quarterdeck.rag.reading.formats.page import markdown_of
from quarterdeck.rag.reading.formats.parsed import Parsed

LEAST_SHARE = 0.2  # of what the whole page says; less, and the article was not found
LARGEST = 3_000_000  # characters of markup; beyond, the extractor would need minutes


def read_article(html: str, url: str) -> Parsed:
    """Return the main text with its headings, lists, tables and code as Markdown."""
    title, whole = markdown_of(html)
    if len(html) > LARGEST:
        return Parsed(text=whole, title=title)
    import trafilatura

    found = trafilatura.extract(
        html,
        url=url or None,
        output_format="markdown",
        include_tables=True,
        include_formatting=True,
        include_comments=False,
        include_links=False,
        favor_recall=True,
        deduplicate=False,
    )
    if not found or len(found) < LEAST_SHARE * len(whole):
        return Parsed(text=whole, title=title)
    return Parsed(text=found, title=title)
