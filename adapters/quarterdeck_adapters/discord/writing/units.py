"""Measure and cut text in Discord's unit: its limits are kept in UTF-16 units, the strictest reading of them."""

from __future__ import annotations

from wcwidth import iter_graphemes


def length(text: str) -> int:
    """Return how long Discord takes a text to be, at the most."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """Return a label that fits; what is cut ends in an ellipsis, and no grapheme is cut in two."""
    if length(text) <= limit:
        return text
    kept, size = [], 1
    for grapheme in iter_graphemes(text):
        size += length(grapheme)
        if size > limit:
            break
        kept.append(grapheme)
    return "".join(kept).rstrip() + "…"
