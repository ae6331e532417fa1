"""Cut one block in two, as late as it fits and where a reader minds least."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import assert_never

from quarterdeck.runtime.markdown.blocks import (
    Block,
    Bullets,
    CodeBlock,
    Heading,
    Numbered,
    Paragraph,
    Quote,
    Rule,
    Span,
    Table,
    Text,
)
from quarterdeck.runtime.markdown.spans import beginning, clusters, divide, length_of, text_of

SENTENCE_END = re.compile(r"[.!?…\u3002\uff01\uff1f]['\")\]]*\s|\n")
WORD_END = re.compile(r"\s")

Fits = Callable[[Block], bool]
Pieces = tuple[Block, Block | None]


def cut(block: Block, fits: Fits, *, must: bool) -> Pieces | None:
    """Return the longest good beginning of `block` that fits, and the rest (None: there is none).

    None where nothing of it fits. With `must` the block stands alone in its part, so something is cut off whatever it
    takes, down to single graphemes; a limit that not even one grapheme fits into is not kept.
    """
    match block:
        case Paragraph(spans):
            return _of_spans(spans, lambda part: Paragraph(part), fits, must)
        case Heading(level, spans):
            return _of_spans(spans, lambda part: Heading(level, part), fits, must)
        case CodeBlock(language, text):
            return _of_code(language, text, fits, must)
        case Quote(blocks):
            return _of_items([(one,) for one in blocks], _as_quote, fits, must)
        case Bullets(items):
            return _of_items(items, lambda some, _: Bullets(tuple(some)), fits, must)
        case Numbered(start, items):
            return _of_items(items, lambda some, at: Numbered(start + at, tuple(some)), fits, must)
        case Table():
            return _of_table(block, fits, must)
        case Rule():
            return (block, None) if must else None
        case _:
            assert_never(block)


def _as_quote(items: Sequence[tuple[Block, ...]], _: int) -> Block:
    return Quote(tuple(block for item in items for block in item))


def _most(count: int, fits: Callable[[int], bool]) -> int:
    """Return the largest n up to `count` for which it fits, 0 for none; whatever fits, less fits too."""
    high = 1
    while high < count and fits(high):  # by doubling, so that a long block is not written out at each try
        high *= 2
    low, high = high // 2, min(high, count)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _of_spans(
    spans: Sequence[Span], build: Callable[[tuple[Span, ...]], Block], fits: Fits, must: bool
) -> Pieces | None:
    total = length_of(spans)
    text = text_of(spans)
    most = _most(total, lambda n: fits(build(beginning(spans, n))))
    at = _good_place(text, most)
    while at > 0 and not fits(build(beginning(spans, at))):  # markup may cost more in the shorter piece
        at = _good_place(text, at - 1)
    if at <= 0:
        if not must:
            return None
        at = clusters(text, 1)
    head, rest = divide(spans, at)
    return build(head), build(rest) if length_of(rest) else None


def _good_place(text: str, most: int) -> int:
    """Return where to cut, at most at `most`: a sentence's end, a word's end, or a grapheme's."""
    if most >= len(text):
        return len(text)
    return _end(SENTENCE_END, text, most) or _end(WORD_END, text, most) or clusters(text, most, down=True)


def _end(pattern: re.Pattern[str], text: str, most: int) -> int:
    """Return where the last match in the second half of what fits ends; 0 where there is none."""
    ends = [found.end() for found in pattern.finditer(text, most // 2, min(len(text), most + 1))]
    return max((end for end in ends if most // 2 < end <= most), default=0)


def _of_code(language: str, text: str, fits: Fits, must: bool) -> Pieces | None:
    lines = text.split("\n")
    most = _most(len(lines), lambda n: fits(CodeBlock(language, "\n".join(lines[:n]))))
    if most:
        rest = "\n".join(lines[most:])
        return CodeBlock(language, "\n".join(lines[:most])), CodeBlock(language, rest) if most < len(
            lines
        ) else None
    if not must:
        return None
    at = _most(len(lines[0]), lambda n: fits(CodeBlock(language, lines[0][:n])))
    at = _end(WORD_END, lines[0], at) or clusters(lines[0], at, down=True) or clusters(lines[0], 1)
    rest = "\n".join([lines[0][at:], *lines[1:]])
    return CodeBlock(language, lines[0][:at]), CodeBlock(language, rest) if rest else None


def _of_items(
    items: Sequence[tuple[Block, ...]],
    build: Callable[[Sequence[tuple[Block, ...]], int], Block],
    fits: Fits,
    must: bool,
) -> Pieces | None:
    most = _most(len(items), lambda n: fits(build(items[:n], 0)))
    if most == len(items):
        return build(items, 0), None
    if most:
        return build(items[:most], 0), build(items[most:], most)
    if not must:
        return None
    item = items[0] or (Paragraph((Text(""),)),)
    whole = item[: _most(len(item), lambda n: fits(build([item[:n]], 0)))]
    head, left = whole, item[len(whole) :]
    if left:
        pieces = cut(left[0], lambda part: fits(build([(*whole, part)], 0)), must=not whole)
        if pieces is not None:
            head = (*whole, pieces[0])
            left = (*(() if pieces[1] is None else (pieces[1],)), *left[1:])
    remaining = [left, *items[1:]] if left else list(items[1:])
    return build([head], 0), build(remaining, 0 if left else 1) if remaining else None


def _of_table(table: Table, fits: Fits, must: bool) -> Pieces | None:
    most = _most(len(table.rows), lambda n: fits(Table(table.header, table.rows[:n])))
    if most == len(table.rows) and fits(table):
        return table, None
    if most:
        return Table(table.header, table.rows[:most]), Table(table.header, table.rows[most:])
    if not must:
        return None
    return cut(_as_list(table), fits, must=True)


def _as_list(table: Table) -> Block:
    """Write a row that is too wide for any part as lines of `heading: value`."""
    rows = table.rows or ((),)
    items = []
    for row in rows:
        cells = zip(table.header, row, strict=False) if row else ((name, ()) for name in table.header)
        items.append(tuple(Paragraph((*name, Text(": "), *value)) for name, value in cells))
    return Bullets(tuple(item or (Paragraph((Text(""),)),) for item in items))
