"""Describe a document that was read and cut; light enough for the main process."""

from __future__ import annotations

import re

from quarterdeck.core.value import dataclass

HEADING_SEPARATOR = " › "
CONTEXT_LIMIT = 160  # characters of title and headings that go before a chunk when it is embedded

_HTML = (  # what pages are made of; `npm install <name>` is none of it
    "a|abbr|b|blockquote|br|center|code|dd|del|details|div|dl|dt|em|figcaption|figure|font|h[1-6]|hr|i|img|ins|kbd|"
    "li|ol|p|picture|pre|s|section|small|source|span|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|video"
)
_TAG = re.compile(rf"</?(?:{_HTML})(?:\s[^<>]{{0,1000}})?/?>", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\](?:\([^()\s]{0,1000}[^()]{0,200}\)|\[[^\[\]]{0,100}\])")
_MARKS = re.compile(r"(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)|`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Hold one piece of a document; `start` and `end` count characters into its text, `page` and lines from 1."""

    heading: str
    text: str
    start: int
    end: int
    page: int | None = None
    line: int | None = None
    end_line: int | None = None


def plain(text: str) -> str:
    """Return Markdown without tags and link targets: what is worth embedding and searching."""
    return _LINK.sub(r"\1", _TAG.sub(" ", text))


def inline(text: str) -> str:
    """Return a heading's Markdown as the words that a reader sees, on one line."""
    return " ".join(_MARKS.sub("", plain(text)).split())


def context(title: str, heading: str) -> str:
    """Return what goes before a piece so that it can be understood alone: title and headings."""
    parts = heading.split(HEADING_SEPARATOR) if heading else []
    if title and title not in parts:
        parts.insert(0, title)
    while len(parts) > 2 and len(HEADING_SEPARATOR.join(parts)) > CONTEXT_LIMIT:
        del parts[1]
    return HEADING_SEPARATOR.join(parts)[:CONTEXT_LIMIT]


def to_embed(title: str, heading: str, text: str) -> str:
    """Return the text that stands for a chunk in the vector space."""
    before = context(title, heading)
    return f"{before}\n{plain(text)}" if before else plain(text)
