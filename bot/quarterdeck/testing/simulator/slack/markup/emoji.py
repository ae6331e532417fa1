"""Know the names that Slack gives to the emoji of reactions."""

from __future__ import annotations

from typing import Final

NAMES: Final = {
    "👍": "+1",
    "👎": "-1",
    "✅": "white_check_mark",
    "❌": "x",
    "👀": "eyes",
    "🎉": "tada",
    "❤": "heart",
    "🔥": "fire",
    "⏳": "hourglass_flowing_sand",
    "🤔": "thinking_face",
    "😄": "smile",
    "🙏": "pray",
    "🚀": "rocket",
    "💯": "100",
    "👏": "clap",
}
_SIGNS: Final = {name: sign for sign, name in NAMES.items()} | {"thumbsup": "👍", "thumbsdown": "👎"}


def name_of(emoji: str) -> str:
    """Return Slack's name of a sign, `:name:` or name."""
    return NAMES.get(emoji.replace("\ufe0f", ""), emoji.strip(":"))


def sign_of(name: str) -> str:
    """Return the sign that people see, the name itself where it is not known."""
    return _SIGNS.get(name, name)
