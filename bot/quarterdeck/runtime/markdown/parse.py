"""Read CommonMark with tables and strike-through. Raw HTML and images are text, and odd links are, too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from quarterdeck.core.reply import Reply
from quarterdeck.runtime.markdown.blocks import (
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
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LINK_SCHEMES = ("http://", "https://", "mailto:")
LONGEST_KEPT, MOST_KEPT = 4_000, 64  # characters of a text whose blocks are kept for the next time; texts
MARKED = re.compile(r"[*_`~\[\]<>#|&\\!\n\t\x00]|^[ =+-]|^[0-9]{1,9}[.)]")  # what may be more than plain text


def blocks_of(reply: Reply) -> tuple[Block, ...]:
    """Return a reply's text as blocks; a literal one is a single paragraph, character for character."""
    if not reply.text:
        return ()
    return (Paragraph((Text(reply.text),)),) if reply.is_literal else parse(reply.text)


def parse(text: str) -> tuple[Block, ...]:
    """Return the blocks of `text`. A single newline ends a line, as people in chats expect."""
    if not text.strip():
        return ()
    if not MARKED.search(text):
        return (Paragraph((Text(text.rstrip(" ")),)),)
    return _read(text) if len(text) <= LONGEST_KEPT else _blocks_in(text)


def _blocks_in(text: str) -> tuple[Block, ...]:
    return tuple(_blocks(_Reader(_markdown().parse(text)), ""))


_read = lru_cache(maxsize=MOST_KEPT)(_blocks_in)  # help and refusals are said again and again


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")


class _Reader:
    """Take tokens one by one."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens, self._at = tokens, 0

    def __iter__(self) -> Iterator[Token]:
        while self._at < len(self._tokens):
            self._at += 1
            yield self._tokens[self._at - 1]


def _blocks(tokens: _Reader, end: str) -> Iterator[Block]:
    """Yield blocks up to the token of type `end`."""
    for token in tokens:
        if token.type == end:
            return
        if token.type in LINES:
            if spans := _inline(tokens, token.type.replace("_open", "_close")):
                yield (
                    Paragraph(spans) if token.type == "paragraph_open" else Heading(int(token.tag[1:]), spans)
                )
        elif token.type in CODE:
            language, _, more = token.info.strip().partition(" ")
            lines = token.content.removesuffix("\n")
            yield CodeBlock(language, f"{more.strip()}\n{lines}" if more.strip() else lines)
        elif build := NESTED.get(token.type):
            yield build(token, tokens)


def _quote(_: Token, tokens: _Reader) -> Block:
    return Quote(tuple(_blocks(tokens, "blockquote_close")))


def _bullets(_: Token, tokens: _Reader) -> Block:
    return Bullets(tuple(_items(tokens, "bullet_list_close")))


def _numbered(token: Token, tokens: _Reader) -> Block:
    return Numbered(int(token.attrs.get("start", 1)), tuple(_items(tokens, "ordered_list_close")))


def _rule(_: Token, __: _Reader) -> Block:
    return Rule()


def _items(tokens: _Reader, end: str) -> Iterator[tuple[Block, ...]]:
    for token in tokens:
        if token.type == end:
            return
        if token.type == "list_item_open":
            yield tuple(_blocks(tokens, "list_item_close"))


def _table(_: Token, tokens: _Reader) -> Block:
    rows: list[list[tuple[Span, ...]]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(tuple(_spans(_Reader(token.children or []), "")))
    header, *body = rows
    width = len(header)
    return Table(tuple(header), tuple(tuple((row + [()] * width)[:width]) for row in body))


def _inline(tokens: _Reader, end: str) -> tuple[Span, ...]:
    spans: tuple[Span, ...] = ()
    for token in tokens:
        if token.type == end:
            break
        if token.type == "inline":
            spans = tuple(_spans(_Reader(token.children or []), ""))
    return spans


def _spans(tokens: _Reader, end: str) -> Iterator[Span]:
    """Yield spans up to the token of type `end`."""
    for token in tokens:
        match token.type:
            case "text" | "text_special" if token.content:
                yield Text(token.content)
            case "code_inline":
                yield Code(token.content) if token.content.strip() else Text(token.content)
            case "softbreak" | "hardbreak":
                yield Break()
            case "link_open":
                yield from _link(str(token.attrs.get("href", "")), tokens)
            case found if found == end:
                return
            case found if found in STYLES:
                if spans := tuple(_spans(tokens, found.replace("_open", "_close"))):
                    yield STYLES[found](spans)


def _link(url: str, tokens: _Reader) -> Iterator[Span]:
    spans = tuple(_spans(tokens, "link_close"))
    if url.lower().startswith(LINK_SCHEMES):
        yield Link(url, spans or (Text(url),))
    else:
        yield from spans
        if url:
            yield Text(f" ({url})" if spans else url)


LINES = ("paragraph_open", "heading_open")
CODE = ("fence", "code_block")
NESTED: dict[str, Callable[[Token, _Reader], Block]] = {
    "blockquote_open": _quote,
    "bullet_list_open": _bullets,
    "ordered_list_open": _numbered,
    "table_open": _table,
    "hr": _rule,
}
STYLES: dict[str, type[Strong | Emphasis | Strike]] = {
    "strong_open": Strong,
    "em_open": Emphasis,
    "s_open": Strike,
}
