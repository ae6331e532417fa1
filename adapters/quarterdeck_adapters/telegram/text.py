"""Read what people write: whom they address, which command they mean, and the code and links in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck_adapters.telegram.units import places

COMMAND: Final = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{1,64}))?(?![A-Za-z0-9_@])")
AFTER_CALL: Final = " ,:\n"

Entities = Sequence[Mapping[str, Any]]
Change = tuple[int, int, str]  # from character, to character, what stands there instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Know the bot's own account; `names` are our commands by the names that Telegram has for them."""

    id: int
    username: str
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """Hold a text as CommonMark, and whether it names the bot."""

    text: str
    mentions_bot: bool = False


def said(text: str, entities: Entities, me: Me) -> Said | None:
    """Return what a message says; None where it is a command for another bot.

    A command stays as it was typed. Elsewhere code and links, which Telegram has taken the signs from, get them back.
    """
    if text.startswith("/"):
        return _command(text, me)
    if not entities:
        return Said(text)
    spots = places(text, _edges(entities))
    changes: list[Change] = []
    names_bot = False
    for entity in entities:
        begin, end = spots[entity["offset"]], spots[entity["offset"] + entity["length"]]
        if _is_call(entity, text[begin:end], me):
            names_bot = True
            if not text[:begin].strip():
                while end < len(text) and text[end] in AFTER_CALL:
                    end += 1
                changes.append((0, end, ""))
        elif signs := _with_signs(entity, text[begin:end]):
            changes.append((begin, end, signs))
    text = _changed(text, changes)
    if names_bot and text.startswith("/") and (order := _command(text, me)) is not None:
        text = order.text
    return Said(text, names_bot)


def _command(text: str, me: Me) -> Said | None:
    found = COMMAND.match(text)
    if found is None:
        return Said(text)
    name, bot = found[1], found[2]
    if bot is not None and bot.lower() != me.username.lower():
        return None
    ours = me.names.get(name.lower(), name)
    return Said(f"/{ours}{text[found.end() :]}", mentions_bot=bot is not None)


def _edges(entities: Entities) -> Iterable[int]:
    for entity in entities:
        yield entity["offset"]
        yield entity["offset"] + entity["length"]


def _is_call(entity: Mapping[str, Any], text: str, me: Me) -> bool:
    if entity["type"] == "mention":
        return bool(me.username) and text.lower() == f"@{me.username.lower()}"
    return bool(entity["type"] == "text_mention" and entity["user"]["id"] == me.id)


def _with_signs(entity: Mapping[str, Any], text: str) -> str:
    """Return the stretch as CommonMark; empty where it is the same."""
    match entity["type"]:
        case "code":
            fence = "`" * (_longest(text) + 1)
            pad = " " if text.startswith("`") or text.endswith("`") else ""
            return f"{fence}{pad}{text}{pad}{fence}"
        case "pre":
            fence = "`" * max(3, _longest(text) + 1)
            return f"\n{fence}{entity.get('language') or ''}\n{text}\n{fence}\n"
        case "text_link":
            return f"[{text}](<{entity['url']}>)"
        case _:
            return ""


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def _changed(text: str, changes: list[Change]) -> str:
    """Return the text with the changes made; of two that overlap, the first."""
    pieces: list[str] = []
    at = 0
    for begin, end, new in sorted(changes):
        if begin < at:
            continue
        pieces += (text[at:begin], new)
        at = end
    return "".join(pieces) + text[at:]
