"""Write blocks as Telegram shows them: plain text, and marks on it ("entities") instead of markup to be escaped.

Marks follow the vendor's rules: code holds no other mark and stands in none, quotes do not nest, a message has at
most 100 of them (Bot API, MessageEntity; limits.tginfo.me; 2026-11-21).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, assert_never
from urllib.parse import urlsplit

from quarterdeck.core.text import well_formed
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.markdown import (
    Block,
    Break,
    Bullets,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Link,
    Numbered,
    Paragraph,
    Quote,
    Rule,
    Span,
    Strike,
    Strong,
    Table,
    Text,
    grid,
)

ISOLATES: Final = {0x202A: 0x2066, 0x202B: 0x2067, 0x202C: 0x2069, 0x202D: 0x2066, 0x202E: 0x2067}
# What Telegram takes out of every text (tdlib, clean_input_string, 2026-11-21), and what we write in its place.
REPLACED: Final[dict[int, str | int]] = {
    **{code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A},
    0x09: "    ",
    0x0D: "\n",
    0x030A: "\u02da",
    0x0333: "\u2017",
    0x033F: "\u203e",
    0x2028: "\n",
    0x2029: "\n",
    **ISOLATES,
}
INDENT: Final = "   "


@dataclass(frozen=True, slots=True)
class Style:
    """Say how a run of text is marked; with `code`, `language` may be named, and all else is off."""

    marks: frozenset[str] = frozenset()
    url: str = ""
    code: str = ""
    language: str = ""
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """Hold text as runs that each have one style."""

    runs: tuple[tuple[str, Style], ...]

    @property
    def text(self) -> str:
        """Return the characters."""
        return "".join(text for text, _ in self.runs)


PLAIN: Final = Style()


def write(blocks: Sequence[Block]) -> Written:
    """Return the blocks as runs of text."""
    writer = _Writer()
    writer.blocks(blocks, PLAIN, "")
    return Written(tuple(writer.runs))


def clean(text: str) -> str:
    """Return `text` without what Telegram would take out of it silently; something visible stands there instead."""
    if text.isascii() and text.isprintable():
        return text
    text = well_formed(text).replace("\r\n", "\n")
    if "\u030a" in text:
        text = unicodedata.normalize("NFC", text)
    return text.translate(REPLACED)


class _Writer:
    """Collect runs."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, Style]] = []

    def add(self, text: str, style: Style) -> None:
        """Write `text`."""
        text = clean(text)
        if not text:
            return
        if self.runs and self.runs[-1][1] == style and not style.code:
            text = self.runs.pop()[0] + text
        self.runs.append((text, style))

    def blocks(self, blocks: Sequence[Block], style: Style, indent: str) -> None:
        """Write blocks below each other; the lines after the first begin with `indent`."""
        before: Block | None = None
        for block in blocks:
            if before is not None:
                is_close = indent and (
                    isinstance(block, Bullets | Numbered) or isinstance(before, Bullets | Numbered)
                )
                self.add("\n" if is_close else "\n\n", _gap(style, before, block))
                if not isinstance(block, CodeBlock | Table):
                    self.add(indent, style)
            self.block(block, style, indent)
            before = block

    def block(self, block: Block, style: Style, indent: str) -> None:
        """Write one block, from where the line stands."""
        match block:
            case Paragraph(spans):
                self.spans(spans, style, indent)
            case Heading(_, spans):
                self.spans(spans, _with(style, "bold"), indent)
            case CodeBlock(language, text):
                self.add(text or " ", Style(code="pre", language=language))
            case Quote(blocks):
                self.blocks(blocks, replace(style, is_quoted=True), indent)
            case Bullets(items):
                self.items([("• ", item) for item in items], style, indent)
            case Numbered(start, items):
                self.items([(f"{start + n}. ", item) for n, item in enumerate(items)], style, indent)
            case Table():
                self.add(grid(block), Style(code="pre"))
            case Rule():
                self.add("———", style)
            case _:
                assert_never(block)

    def items(self, items: Sequence[tuple[str, Sequence[Block]]], style: Style, indent: str) -> None:
        """Write a list."""
        for n, (mark, blocks) in enumerate(items):
            if n:
                self.add(f"\n{indent}", style)
            self.add(mark, style)
            if blocks and isinstance(blocks[0], CodeBlock | Table):
                self.add("\n", style)
            self.blocks(blocks, style, indent + INDENT)

    def spans(self, spans: Sequence[Span], style: Style, indent: str) -> None:
        """Write spans on."""
        for span in spans:
            match span:
                case Text(text):
                    self.add(text.replace("\n", f"\n{indent}") if indent else text, style)
                case Code(text):
                    self.code(text, style)
                case Break():
                    self.add(f"\n{indent}", style)
                case Strong(inner):
                    self.spans(inner, _with(style, "bold"), indent)
                case Emphasis(inner):
                    self.spans(inner, _with(style, "italic"), indent)
                case Strike(inner):
                    self.spans(inner, _with(style, "strikethrough"), indent)
                case Link(url, inner):
                    self.link(url, inner, style, indent)
                case _:
                    assert_never(span)

    def code(self, text: str, style: Style) -> None:
        """Write code; a quote cannot hold any, and shows the signs that people write around it."""
        if style.is_quoted:
            self.add(f"`{text}`", style)
        else:
            self.add(text, Style(code="code"))

    def link(self, url: str, inner: Sequence[Span], style: Style, indent: str) -> None:
        """Write a link that leads somewhere on the web; the address of another one stands behind its words."""
        label = "".join(_words(inner))
        if label in (url, url.removeprefix("mailto:")):
            self.spans(inner, style, indent)
        elif is_web(url) and label.strip() and not style.url:
            self.spans(inner, replace(style, url=url), indent)
        else:
            self.spans(inner, style, indent)
            self.add(f" ({url.removeprefix('mailto:')})", style)


def is_web(url: str) -> bool:
    """Tell whether Telegram takes `url` for a link: http or https, with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
    except ValueError:
        return False


def _with(style: Style, mark: str) -> Style:
    return replace(style, marks=style.marks | {mark})


def _gap(style: Style, before: Block, after: Block) -> Style:
    """Return the style of the lines between two blocks; marks end there, a quote goes on around its own blocks."""
    is_open = not isinstance(before, CodeBlock | Table) and not isinstance(after, CodeBlock | Table)
    return Style(is_quoted=style.is_quoted and is_open)


def _words(spans: Sequence[Span]) -> list[str]:
    words: list[str] = []
    for span in spans:
        match span:
            case Text(text) | Code(text):
                words.append(text)
            case Break():
                words.append("\n")
            case Strong(inner) | Emphasis(inner) | Strike(inner) | Link(_, inner):
                words += _words(inner)
            case _:
                assert_never(span)
    return words
