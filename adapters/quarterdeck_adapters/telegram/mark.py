"""Finish written runs: nobody is pinged, and every mark begins and ends between two graphemes.

Telegram finds `@name` in plain text by itself and notifies who is called so (Bot API, MessageEntity, 2026-11-21), so
an invisible word joiner stands behind every such sign, but in code, where nothing is found.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from quarterdeck_adapters.telegram.units import offsets, units
from quarterdeck_adapters.telegram.write import Style, Written

JOINER: Final = "\u2060"
CALL: Final = re.compile(r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9_])", re.ASCII)
MOST_ENTITIES: Final = 100  # limits.tginfo.me, 2026-11-21
COST: Final = 41  # units that a mark counts for, so that the 4,096 are used up before the 100
ORDER: Final = ("blockquote", "text_link", "bold", "italic", "strikethrough")

Entity = dict[str, object]
Run = tuple[int, int, Style]  # from character, to character


def size(written: Written) -> int:
    """Return what counts against a message's limit, in UTF-16 units; never less than what is sent."""
    text = written.text
    joiners = len(CALL.findall(text)) if "@" in text else 0
    return max(units(text) + joiners, COST * sum(_weight(style) for _, style in written.runs))


def finish(written: Written) -> tuple[str, list[Entity]]:
    """Return the text to be sent and its entities, offsets in UTF-16 units."""
    text, runs = _without_calls(written)
    if all(style == Style() for _, _, style in runs):
        return text, []
    if not text.isascii():
        runs = _on_borders(text, runs)
    stretches = [*_codes(runs), *_marks(runs)]
    found = offsets(text, (place for begin, end, _ in stretches for place in (begin, end)))
    ordered = sorted(stretches, key=lambda one: (one[0], -one[1]))
    return text, [
        {**entity, "offset": found[begin], "length": found[end] - found[begin]}
        for begin, end, entity in ordered[:MOST_ENTITIES]
    ]


def _weight(style: Style) -> int:
    return 1 if style.code else len(style.marks) + bool(style.url) + style.is_quoted


def _without_calls(written: Written) -> tuple[str, list[Run]]:
    """Return the text with every call to somebody taken apart, and where its runs are then."""
    runs: list[Run] = []
    at = 0
    for piece, style in written.runs:
        runs.append((at, at + len(piece), style))
        at += len(piece)
    text = written.text
    if "@" not in text:
        return text, runs
    codes = [(begin, end) for begin, end, style in runs if style.code]
    places = [
        found.end()
        for found in CALL.finditer(text)
        if not any(begin <= found.start() and found.end() < end for begin, end in codes)
    ]
    if not places:
        return text, runs
    pieces = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
    return JOINER.join(pieces), [
        (begin + bisect_right(places, begin), end + bisect_right(places, end), style)
        for begin, end, style in runs
    ]


def _on_borders(text: str, runs: list[Run]) -> list[Run]:
    """Move the borders of runs that would cut a grapheme to its end."""
    from wcwidth import grapheme_boundary_before, iter_graphemes

    def border(place: int) -> int:
        if place in (0, len(text)):
            return place
        begin = grapheme_boundary_before(text, place + 1)
        if begin == place:
            return place
        end = begin + len(next(iter_graphemes(text[begin : begin + 1_000])))
        return max(end, place) if end > place else place

    moved = [(border(begin), border(end), style) for begin, end, style in runs]
    return [one for one in moved if one[0] < one[1]]


def _codes(runs: list[Run]) -> Iterator[tuple[int, int, Entity]]:
    for begin, end, style in runs:
        if style.code:
            named = {"language": style.language[:64]} if style.language else {}
            yield begin, end, {"type": style.code, **named}


def _marks(runs: list[Run]) -> Iterator[tuple[int, int, Entity]]:
    """Yield the stretches of each mark, as long as it goes on."""
    for kind in ORDER:
        open_at, until, url = -1, -1, ""
        for begin, end, style in runs:
            value = style.url if kind == "text_link" else kind if _has(style, kind) else ""
            if value and value == url and begin == until:
                until = end
                continue
            if url:
                yield open_at, until, _entity(kind, url)
            open_at, until, url = begin, end, value
        if url:
            yield open_at, until, _entity(kind, url)


def _has(style: Style, kind: str) -> bool:
    return style.is_quoted if kind == "blockquote" else kind in style.marks


def _entity(kind: str, value: str) -> Entity:
    return {"type": kind, "url": value} if kind == "text_link" else {"type": kind}
