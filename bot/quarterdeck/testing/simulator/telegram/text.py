"""Treat a text as Telegram's servers do: cleaned, trimmed, measured, with its entities.

Offsets and lengths are UTF-16 code units (Bot API, MessageEntity, 2026-11-21). The order of the checks and their words
follow the published sources of the server (tdlib/telegram-bot-api Client.cpp, tdlib/td MessageEntity.cpp, 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.refusal import bad

TEXT_LIMIT: Final = 4096  # Bot API, sendMessage, 2026-11-21: after entities parsing
CAPTION_LIMIT: Final = 1024  # Bot API, sendPhoto, 2026-11-21
ENTITY_LIMIT: Final = 100  # more are passed over in silence
WIDEST: Final = 1_000_000
STYLES: Final = frozenset(
    {"bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote"}
)
CODE: Final = frozenset({"code", "pre"})
WITH_MORE: Final = frozenset({"text_link", "text_mention", "custom_emoji", "date_time"})
# What the server finds by itself (mention, url, …) or does not know is passed over when a bot names it.
TYPES: Final = STYLES | CODE | WITH_MORE
BYTE_LIMIT: Final = 1 << 15
DROPPED: Final = frozenset("\r\u0333\u033f\u030a") | {chr(code) for code in range(0x2028, 0x202F)}
BLANK: Final = " \t\n\u00a0\u1680\u180e\u202f\u205f\u2800\u3000\ufffc" + "".join(
    chr(code) for code in range(0x2000, 0x2010)
)


@dataclass(frozen=True, slots=True)
class Entity:
    """Mark a stretch of text, in UTF-16 units; `more` is what its type has besides (url, user, language …)."""

    type: str
    offset: int
    length: int
    more: tuple[tuple[str, Any], ...] = ()

    @property
    def end(self) -> int:
        """Return where it ends."""
        return self.offset + self.length

    def value(self, name: str) -> Any:
        """Return one of `more`, None where it is not there."""
        return dict(self.more).get(name)

    def body(self) -> dict[str, Any]:
        """Return it as in a Message."""
        return {"offset": self.offset, "length": self.length, "type": self.type, **dict(self.more)}


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, offset: int, length: int) -> str:
    """Return the part of `text` between UTF-16 offsets."""
    return text.encode("utf-16-le")[offset * 2 : (offset + length) * 2].decode("utf-16-le", "replace")


def read_entities(value: object) -> list[Entity]:
    """Return the entities that a bot gave.

    Raises:
        Refused: one is not an entity.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [entity for one in value if (entity := read_entity(one)) is not None]


def read_entity(value: object) -> Entity | None:
    """Return one entity, None for one of a type that is not for bots to name.

    Raises:
        Refused: it is none, or its numbers are out of any range.
    """
    if not isinstance(value, Mapping):
        raise bad("can't parse MessageEntity: expected an Object")
    kind, offset, length = value.get("type"), value.get("offset"), value.get("length")
    if kind not in TYPES:
        return None
    if not isinstance(offset, int) or not isinstance(length, int):
        raise bad('can\'t parse MessageEntity: Field "offset" must be of type Number')
    if not 0 <= offset <= WIDEST:
        raise bad(f"receive an entity with incorrect offset {offset}")
    if not 0 <= length <= WIDEST:
        raise bad(f"receive an entity with incorrect length {length}")
    more = {name: one for name, one in value.items() if name not in ("type", "offset", "length")}
    if kind == "text_link" and not isinstance(more.get("url"), str):
        raise bad("can't parse MessageEntity: can't find field \"url\"")
    if kind == "text_mention" and not isinstance(more.get("user"), Mapping):
        raise bad("can't parse MessageEntity: can't find field \"user\"")
    return Entity(str(kind), offset, length, tuple(more.items()))


def cleaned(text: str, entities: Sequence[Entity]) -> tuple[str, list[Entity]]:
    """Return what is left of `text` once signs that Telegram takes away are gone, entities moved along.

    Raises:
        Refused: an entity begins or ends inside of a character, or behind the text.
    """
    places = {0: 0}  # old offset → new offset, for every border between characters
    middles: dict[int, int] = {}  # offset inside of a character → where that begins, in bytes
    old = new = byte = 0
    kept: list[str] = []
    for sign in text:
        width = 2 if ord(sign) > 0xFFFF else 1
        byte += len(sign.encode())
        if width == 2:
            middles[old + 1] = byte
        old += width
        if sign not in DROPPED:
            kept.append(" " if ord(sign) < 32 and sign != "\n" else sign)
            new += width
        places[old] = new
    moved: list[Entity] = []
    for entity in entities:
        if entity.length == 0:
            continue
        check_borders(entity, middles, old)
        begin, end = places[entity.offset], places[entity.end]
        moved.append(replace(entity, offset=begin, length=end - begin))
    return "".join(kept), moved


def check_borders(entity: Entity, middles: Mapping[int, int], size: int) -> None:
    """Pass an entity that begins and ends between two characters of the text.

    Raises:
        Refused: it does not.
    """
    if entity.offset > size:
        raise bad(f"entity begins after the end of the text at UTF-16 offset {entity.offset}")
    if entity.offset in middles:
        raise bad(f"entity begins in a middle of a UTF-16 symbol at byte offset {middles[entity.offset]}")
    begin = f"entity beginning at UTF-16 offset {entity.offset}"
    if entity.end > size:
        raise bad(f"{begin} ends after the end of the text at UTF-16 offset {entity.end}")
    if entity.end in middles:
        raise bad(f"{begin} ends in a middle of a UTF-16 symbol at byte offset {middles[entity.end]}")


def trimmed(text: str, entities: Sequence[Entity]) -> tuple[str, list[Entity]]:
    """Return `text` without white space around it; in front it stays where an entity begins."""
    lead = units(text) - units(text.lstrip(" \n"))
    lead = min([lead, *(entity.offset for entity in entities)])
    body = cut(text, lead, units(text) - lead).rstrip(" \n")
    size = units(body)
    kept: list[Entity] = []
    for entity in entities:
        begin, end = entity.offset - lead, min(entity.end - lead, size)
        if begin < end:
            kept.append(replace(entity, offset=begin, length=end - begin))
    return body, kept


def untangled(entities: Sequence[Entity]) -> list[Entity]:
    """Return entities in order, without those that code cannot hold and without empty ones, at most 100."""
    ordered = sorted(entities, key=lambda one: (one.offset, -one.length))
    codes = [one for one in ordered if one.type in CODE]
    kept = [
        one
        for one in ordered
        if one.type in CODE or not any(one.offset < code.end and code.offset < one.end for code in codes)
    ]
    return [one for one in kept if one.length > 0][:ENTITY_LIMIT]


def is_blank(text: str) -> bool:
    """Say whether a reader would see nothing."""
    return not text.strip(BLANK)
