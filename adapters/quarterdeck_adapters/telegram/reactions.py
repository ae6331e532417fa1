"""Choose a reaction that Telegram has: bots may use some seventy emoji (Bot API, ReactionTypeEmoji, 2026-11-21).

Needs the SDK, which lists them: imported with it, when the adapter connects.
"""

from __future__ import annotations

from typing import Final

from telegram.constants import ReactionEmoji

COLOUR: Final = "\ufe0f"  # a sign that asks for the colourful form; people's keyboards add it or not
KNOWN: Final = {known.value.replace(COLOUR, ""): known.value for known in ReactionEmoji}
NEAREST: Final = {
    "👍": "✅ ☑ ✔ 🙂 👌🏻",
    "👎": "❌ ✖ 🚫 ⛔",
    "👀": "⏳ ⌛ 🔍 🔎 🕐",
    "🤔": "⚠ ❓ ❔",
    "⚡": "❗ ❕",
    "🔥": "🚀",
    "🤣": "😂",
    "😁": "😀 😃 😄",
    "👻": "💀",
    "👾": "🤖",
}
_BY_OTHER: Final = {other: known for known, others in NEAREST.items() for other in others.split()}


def reaction_for(emoji: str) -> str | None:
    """Return the emoji to react with, the nearest where Telegram has not this one; None where none is near."""
    bare = emoji.replace(COLOUR, "")
    return KNOWN.get(bare) or _BY_OTHER.get(bare)
