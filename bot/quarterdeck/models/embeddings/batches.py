"""Cut many texts into calls that a vendor takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

CHARACTERS_PER_TOKEN: Final = 3  # of dense text: an estimate that errs on the long side


def batches(texts: Sequence[str], *, count: int, tokens: int, text_tokens: int) -> Iterator[list[str]]:
    """Yield the texts in order, at most `count` and about `tokens` in one; each text is cut at `text_tokens`.

    An empty text is sent as a blank: vendors refuse empty ones, and every text has its vector.
    """
    some: list[str] = []
    used = 0
    for text in texts:
        cut = text[: text_tokens * CHARACTERS_PER_TOKEN] or " "
        needs = estimated(cut)
        if some and (len(some) >= count or used + needs > tokens):
            yield some
            some, used = [], 0
        some.append(cut)
        used += needs
    if some:
        yield some


def estimated(text: str) -> int:
    """Return about how many tokens a text has; at least one."""
    return -(-len(text) // CHARACTERS_PER_TOKEN) or 1
