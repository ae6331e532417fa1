"""Count and divide spans by the characters that a reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

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


def text_of(spans: Sequence[Span]) -> str:
    """Return the characters; a break is a newline. Addresses of links do not count."""
    return "".join(_text(span) for span in spans)


def length_of(spans: Sequence[Span]) -> int:
    """Return how many characters `text_of` has."""
    return len(text_of(spans))


def size_of(block: Block) -> int:
    """Return how many characters a block has at the least, whatever markup it is written in."""
    match block:
        case Paragraph(spans) | Heading(_, spans):
            return length_of(spans)
        case CodeBlock(_, text):
            return len(text)
        case Quote(blocks):
            return sum(map(size_of, blocks))
        case Bullets(items) | Numbered(_, items):
            return sum(size_of(one) for item in items for one in item)
        case Table(header, rows):
            return sum(length_of(cell) for row in (header, *rows) for cell in row)
        case Rule():
            return 0
        case _:
            assert_never(block)


def divide(spans: Sequence[Span], at: int) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return what stands before and after character `at`; what is cut open is closed before and opened after."""
    head: list[Span] = []
    rest: list[Span] = []
    for span in spans:
        length = len(_text(span))
        if at >= length:
            head.append(span)
        elif at <= 0:
            rest.append(span)
        else:
            before, after = _divided(span, at)
            head.append(before)
            rest.append(after)
        at -= length
    return tuple(head), tuple(rest)


def beginning(spans: Sequence[Span], at: int) -> tuple[Span, ...]:
    """Return what `divide` puts before character `at`, without looking at the rest: trying a cut stays cheap."""
    head: list[Span] = []
    for span in spans:
        if at <= 0:
            break
        length = len(_text(span))
        head.append(span if at >= length else _divided(span, at)[0])
        at -= length
    return tuple(head)


def clusters(text: str, at: int, *, down: bool = False) -> int:
    """Return the end of the grapheme that holds character `at - 1`; with `down` the border at or before `at`."""
    from wcwidth import grapheme_boundary_before, iter_graphemes

    if at >= len(text):
        return len(text)
    if at <= 0:
        return 0
    begin = grapheme_boundary_before(text, at + 1) if at < len(text) else at
    if begin == at:
        return at
    if down:
        return begin
    return begin + len(next(iter_graphemes(text[begin : begin + 1_000])))


def _text(span: Span) -> str:
    match span:
        case Text(text) | Code(text):
            return text
        case Break():
            return "\n"
        case Strong(inner) | Emphasis(inner) | Strike(inner) | Link(_, inner):
            return text_of(inner)


def _divided(span: Span, at: int) -> tuple[Span, Span]:
    match span:
        case Text(text):
            return Text(text[:at]), Text(text[at:])
        case Code(text):
            return Code(text[:at]), Code(text[at:])
        case Strong(inner) | Emphasis(inner) | Strike(inner) | Link(_, inner):
            before, after = divide(inner, at)
            return replace(span, spans=before), replace(span, spans=after)
        case Break():  # one character: never inside
            return span, span
