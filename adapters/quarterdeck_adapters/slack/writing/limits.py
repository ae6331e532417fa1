"""Hold what Slack takes in one message, block or form, counted in UTF-16 units (docs.slack.dev, 2026-11-21)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from quarterdeck.core.text import well_formed

TEXT: Final = 3_900  # a message of text alone; Slack advises 4,000 and refuses an edit beyond it
MESSAGE: Final = 11_400  # all blocks of a message: refused somewhere above 12,000 (bolt-js issue 2509)
SECTION: Final = 2_800  # Slack takes 3,000; four of ours fill a message
BLOCKS: Final = 50
BUTTONS_IN_ROW: Final = 10  # Slack takes 25; a row of more than a few is hard to read
BUTTON_LABEL: Final = 75
BUTTON_VALUE: Final = 200  # Slack takes 2,000, but all of a message's buttons count towards its length
NAME: Final = 255  # block_id, action_id, callback_id
VIEW_BLOCKS: Final = 100
VIEW_TITLE: Final = 24
VIEW_NOTES: Final = 3_000  # private_metadata
INPUT_LABEL: Final = 2_000
INPUT_TEXT: Final = 3_000
PLACEHOLDER: Final = 150
CHOICES: Final = 100
CHOICE_LABEL: Final = 75
CHOICE_VALUE: Final = 150

# No mention, channel or link that we have not written as one; no preview of what a link leads to.
QUIET: Final[Mapping[str, object]] = {"parse": "none", "unfurl_links": False, "unfurl_media": False}

REFERENCE: Final = "qd-ref:"  # stands for a value that is too long to travel; the value is kept by us


def measure(text: str) -> int:
    """Return the length as Slack counts it, at the most: what it counts is not written down."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "replace")) // 2


def sound(text: str) -> str:
    """Return `text` without what no wire can carry: halves of characters, and NUL."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return well_formed(text).replace("\x00", "\ufffd")


def sound_within(value: object) -> object:
    """Return `value` with every text in it made sound."""
    match value:
        case str():
            return sound(value)
        case Mapping():
            return {sound(str(name)): sound_within(one) for name, one in value.items()}
        case list() | tuple():
            return [sound_within(one) for one in value]
        case _:
            return value


def shorten(text: str, limit: int) -> str:
    """Return `text`, its end replaced by an ellipsis where it is too long; never half a grapheme."""
    if measure(text) <= limit:
        return text
    from wcwidth import iter_graphemes

    kept, room = [], limit - 1
    for grapheme in iter_graphemes(text):
        room -= measure(grapheme)
        if room < 0:
            break
        kept.append(grapheme)
    return "".join(kept) + "…"


def refer(value: str, limit: int, kept: dict[str, str]) -> str:
    """Return `value`, or where it is too long a reference to it, noted in `kept`."""
    if value and measure(value) <= limit and not value.startswith(REFERENCE):
        return value
    reference = REFERENCE + hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:32]
    kept[reference] = value
    return reference
