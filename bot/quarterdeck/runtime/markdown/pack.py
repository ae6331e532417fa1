"""Cut blocks into parts that fit a platform's limit; nothing is lost, and every part stands for itself.

Cuts are made between blocks where that wastes little room, else between list items, table rows (the header comes
again), lines of code (the fence is closed and opened again), sentences, words and, last of all, graphemes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from quarterdeck.runtime.markdown.blocks import Block, Emphasis, Paragraph, Text
from quarterdeck.runtime.markdown.cut import cut
from quarterdeck.runtime.markdown.spans import size_of

T = TypeVar("T")

WASTE = 3  # a block moves to the next part whole when less than a third of this one stays empty
MOST_PARTS = 9_999

Fits = Callable[[Sequence[Block]], bool]


def pack(
    blocks: Sequence[Block], write: Callable[[Sequence[Block]], T], measure: Callable[[T], int], limit: int
) -> list[tuple[Block, ...]]:
    """Return parts whose `measure(write(part))` is at most `limit`; one empty part where there are no blocks.

    No character may measure less than 1.
    """
    return _pack(blocks, lambda part: measure(write(part)), limit, ())


def paginate(
    blocks: Sequence[Block], write: Callable[[Sequence[Block]], T], measure: Callable[[T], int], limit: int
) -> list[tuple[Block, ...]]:
    """Return parts like `pack`; where there are several, each ends in its number, such as 1/3."""

    def length(part: Sequence[Block]) -> int:
        return measure(write(part))

    parts = _pack(blocks, length, limit, ())
    if len(parts) == 1:
        return parts
    parts = _pack(blocks, length, limit, (_mark(MOST_PARTS, MOST_PARTS),))
    return [(*part, _mark(n, len(parts))) for n, part in enumerate(parts, start=1)]


def _mark(number: int, total: int) -> Block:
    return Paragraph((Emphasis((Text(f"{number}/{total}"),)),))


def _pack(
    blocks: Sequence[Block], length: Callable[[Sequence[Block]], int], limit: int, tail: tuple[Block, ...]
) -> list[tuple[Block, ...]]:
    parts: list[tuple[Block, ...]] = []
    part: list[Block] = []
    waiting = deque(blocks)

    def fits(more: Block) -> bool:
        return size_of(more) <= limit and length((*part, more, *tail)) <= limit

    while waiting:
        block = waiting.popleft()
        if fits(block):
            part.append(block)
            continue
        if part and length((*part, *tail)) > limit - limit // WASTE:
            parts.append(tuple(part))
            part = []
            waiting.appendleft(block)
            continue
        pieces = cut(block, fits, must=not part)
        if pieces is None:  # not even its beginning fits here
            parts.append(tuple(part))
            part = []
            waiting.appendleft(block)
            continue
        head, rest = pieces
        part.append(head)
        parts.append(tuple(part))
        part = []
        if rest is not None:
            waiting.appendleft(rest)
    if part or not parts:
        parts.append(tuple(part))
    return parts
