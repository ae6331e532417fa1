"""Find what Telegram's servers mark by themselves: links, mentions, commands, hashtags, addresses.

Rules after tdlib/td, MessageEntity.cpp, read 2026-11-21, simplified to the safe side: what may be a live link or a
ping counts as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from quarterdeck.testing.simulator.telegram.text import CODE, Entity, units, untangled

# Telegram links a bare domain when it knows its ending; these are the common ones and every two-letter one.
ENDINGS: Final = (
    "com|org|net|info|biz|name|dev|app|io|me|ai|xyz|online|site|shop|store|tech|cloud|club|live|news|blog|space|top|"
    "pro|mobi|edu|gov|mil|int|arpa|test|zip|mov|link|page|wiki|email|chat|team|work|run|world|agency|bot|"
    "xn--[a-z0-9-]+|[a-z]{2}"
)
URL: Final = re.compile(
    r"(?<![\w@.:/-])(?:(?:https?|ftp|tonsite|tg|ton)://[^\s<>\"«»]+"
    rf"|(?:[\w-]+\.)+(?:{ENDINGS})(?![\w-])(?::\d+)?(?:[/?#][^\s<>\"«»]*)?"
    r"|(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?:[/?#][^\s<>\"«»]*)?)",
    re.IGNORECASE,
)
EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?![\w-])", re.IGNORECASE)
MENTION: Final = re.compile(r"(?<![A-Za-z0-9_@/])@([A-Za-z0-9_]{3,32})(?![A-Za-z0-9_])")
COMMAND: Final = re.compile(r"(?<![\w/<>])/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{3,32}))?(?![\w/<>@])")
HASHTAG: Final = re.compile(r"(?<![\w#@])#(?=[^\W_]|_)(?=\w*[^\W\d])\w{1,256}")
KINDS: Final = (
    ("url", URL),
    ("email", EMAIL),
    ("mention", MENTION),
    ("bot_command", COMMAND),
    ("hashtag", HASHTAG),
)


def with_found(text: str, given: Sequence[Entity]) -> list[Entity]:
    """Return `given` with what the server finds; nothing is found in code, nor twice in one place."""
    taken = [one for one in given if one.type in CODE or one.type in ("text_link", "text_mention")]
    found: list[Entity] = []
    for kind, pattern in KINDS:
        for match in pattern.finditer(text):
            word = trim_url(match.group()) if kind == "url" else match.group()
            one = Entity(kind, units(text[: match.start()]), units(word))
            if not any(one.offset < other.end and other.offset < one.end for other in (*taken, *found)):
                found.append(one)
    return untangled([*given, *found])


def trim_url(word: str) -> str:
    """Return an address without the signs that end a sentence."""
    while word and (word[-1] in ".,:;!?'\"`*_~|" or (word[-1] == ")" and word.count("(") < word.count(")"))):
        word = word[:-1]
    return word
