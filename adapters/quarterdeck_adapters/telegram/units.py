"""Count as Telegram does: in UTF-16 code units (Bot API, MessageEntity, 2026-11-21)."""

from __future__ import annotations

from collections.abc import Iterable


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units; half a character counts as one."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def offsets(text: str, places: Iterable[int]) -> dict[int, int]:
    """Return for each place, counted in characters, how many UTF-16 units stand before it."""
    found: dict[int, int] = {}
    at = count = 0
    for place in sorted(set(places)):
        count += units(text[at:place])
        at = place
        found[place] = count
    return found


def places(text: str, marks: Iterable[int]) -> dict[int, int]:
    """Return for each UTF-16 offset the character that begins there; the next one inside of a pair."""
    if len(text) == units(text):
        return {mark: min(mark, len(text)) for mark in marks}
    found: dict[int, int] = {}
    at = count = 0
    for mark in sorted(set(marks)):
        while count < mark and at < len(text):
            count += 2 if ord(text[at]) > 0xFFFF else 1
            at += 1
        found[mark] = at
    return found
