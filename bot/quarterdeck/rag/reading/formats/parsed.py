"""Describe what a reader of a format makes of a file, and bound it."""

from __future__ import annotations

import codecs
import re
from typing import Final

from quarterdeck.core.errors import UsageError
from quarterdeck.core.value import dataclass

TEXT_LIMIT: Final = 20 * 1024 * 1024  # characters that a document may expand to
PAGE_LIMIT: Final = 2000

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{2,40})")


@dataclass(frozen=True, slots=True)
class Mark:
    """Say that a part under `heading` begins at the character `start`; levels count from 1."""

    level: int
    heading: str
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Hold a document's text, Markdown unless it `is_plain`.

    `pages` are the offsets where pages begin, empty without pages. `marks` are the parts of a text that shows no
    headings itself. `has_lines` tells that its lines are the file's own.
    """

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()
    marks: tuple[Mark, ...] = ()
    is_plain: bool = False
    has_lines: bool = False


class TextBuilder:
    """Put a text together from parts, and refuse one that grows beyond `TEXT_LIMIT`."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.length = 0

    def add(self, part: str) -> None:
        """Append a part.

        Raises:
            UsageError: the text is too long now.
        """
        self._parts.append(part)
        self.length += len(part)
        refuse_longer(self.length)

    def text(self) -> str:
        """Return the whole."""
        return "".join(self._parts)


def refuse_longer(length: int) -> None:
    """Refuse a text of more than `TEXT_LIMIT` characters.

    Raises:
        UsageError: it is longer.
    """
    if length > TEXT_LIMIT:
        raise UsageError(f"it holds more than {TEXT_LIMIT // 1024 // 1024} million characters of text")


def table_row(cells: list[str]) -> str:
    """Return cells as one row of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |\n"


def table_rule(count: int) -> str:
    """Return the line below the head of a table of `count` columns."""
    return "|" + " --- |" * count + "\n"


def decode(data: bytes, *, sniff: bool = False) -> str:
    """Return text with line feeds only, from UTF-8, UTF-16, UTF-32 with their marks, or Windows-1252.

    `sniff` looks for an HTML charset declaration.

    Raises:
        UsageError: this is no text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return lines(data.decode(encoding, errors="replace"))
    if b"\0" in data[:8192]:
        raise UsageError("it is not text")
    declared = _CHARSET.search(data[:2048]) if sniff else None
    for encoding in ("utf-8", declared.group(1).decode("ascii") if declared else "cp1252"):
        try:
            return lines(data.decode(encoding))
        except (UnicodeDecodeError, LookupError):
            continue
    return lines(data.decode("latin-1"))


def lines(text: str) -> str:
    """Return text with line feeds only, and without NUL."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")
