"""Carry what a button means in its `custom_id`; what is longer than Discord's hundred characters is remembered."""

from __future__ import annotations

import hashlib
from typing import Final

from quarterdeck.core.adapter import Memory
from quarterdeck.core.ports import Json

LONGEST: Final = 100  # docs.discord.com/developers/components/reference, 2026-11-21
SEPARATOR: Final = "\x1f"
BUTTON, OPENER, FORM, CHOICE, REFERENCE = "b:", "o:", "f:", "s:", "r:"
KEEP_S: Final = 30 * 86_400.0


def hashed(kind: str, words: str) -> str:
    """Return the `custom_id` of something that is remembered."""
    return f"{kind}{REFERENCE}{hashlib.sha256(words.encode()).hexdigest()[:40]}"


def written(kind: str, *parts: str) -> tuple[str, str]:
    """Return the `custom_id` for these words, and what must be remembered for it (empty where it holds all)."""
    whole = kind + SEPARATOR.join(parts)
    if len(whole.encode("utf-16-le")) // 2 <= LONGEST and SEPARATOR not in "".join(parts):
        return whole, ""
    words = SEPARATOR.join(parts)
    return hashed(kind, words), words


async def remember(memory: Memory, custom_id: str, words: Json) -> None:
    """Write down what a `custom_id` stands for."""
    await memory.put(f"ref:{custom_id}", words, keep_s=KEEP_S)


async def read(memory: Memory, custom_id: str) -> tuple[str, str] | None:
    """Return what was written: two words; None where it is not ours, or its time is over."""
    rest = custom_id[2:]
    if rest.startswith(REFERENCE):
        whole = await memory.get(f"ref:{custom_id}")
        if not isinstance(whole, str):
            return None
        rest = whole
    first, _, second = rest.partition(SEPARATOR)
    return first, second


async def remembered(memory: Memory, custom_id: str) -> Json:
    """Return what a button opens or a list holds; None where its time is over."""
    return await memory.get(f"ref:{custom_id}")
