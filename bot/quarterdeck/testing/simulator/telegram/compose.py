"""Turn what a bot gives for a text into what stands in the chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from quarterdeck.testing.simulator.telegram.formatting import formatted
from quarterdeck.testing.simulator.telegram.found import with_found
from quarterdeck.testing.simulator.telegram.parameters import checked_text
from quarterdeck.testing.simulator.telegram.refusal import bad
from quarterdeck.testing.simulator.telegram.text import (
    BYTE_LIMIT,
    Entity,
    cleaned,
    cut,
    is_blank,
    read_entities,
    trimmed,
    units,
    untangled,
)
from quarterdeck.testing.simulator.telegram.world import BOT, Chat, Message, User, World

SCHEMES: Final = frozenset({"", "http", "https", "tg", "ton", "tonsite"})


def compose(
    world: World, text: str, mode: str, entities: object, *, limit: int, long: str, may_be_empty: bool = False
) -> tuple[str, list[Entity]]:
    """Return the text and the entities that stand in the chat; `long` is what Telegram says of too much.

    Raises:
        Refused: Telegram would not take it.
    """
    if len(text.encode()) > BYTE_LIMIT:
        raise bad("text is too long")
    checked_text(text)
    plain, given = formatted(text, mode) if mode and text else (text, read_entities(entities))
    plain, given = cleaned(plain, given)
    if is_blank(plain):
        if may_be_empty:
            return "", []
        raise bad("text must be non-empty")
    plain, given = trimmed(plain, given)
    if units(plain) > limit:
        raise bad(long)
    for entity in given:
        check_entity(world, entity)
    return plain, with_found(plain, untangled(given))


def check_entity(world: World, entity: Entity) -> None:
    """Pass an entity whose person or address there is.

    Raises:
        Refused: there is none.
    """
    if entity.type == "text_mention" and world.user_of(int(entity.value("user")["id"])) is None:
        raise bad("user not found")
    if entity.type == "text_link":
        check_url(entity.value("url"))


def check_url(url: str) -> None:
    """Pass an address that Telegram makes a link of.

    Raises:
        Refused: it is none.
    """
    try:
        parts = urlsplit(url if "://" in url or url.startswith("mailto:") else f"http://{url}")
        host = parts.hostname
    except ValueError:
        raise bad(f"entity URL '{url}' is invalid: invalid URL host") from None
    if parts.scheme.lower() not in SCHEMES:
        raise bad(f"entity URL '{url}' is invalid: unsupported URL protocol")
    if not host:
        raise bad(f"entity URL '{url}' is invalid: URL host is empty")


def mentioned(world: World, chat: Chat, text: str, entities: Sequence[Entity]) -> tuple[str, ...]:
    """Return the people of the chat whom a text notifies."""
    people: list[User | None] = []
    for entity in entities:
        if entity.type == "mention":
            people.append(world.named(cut(text, entity.offset, entity.length)[1:]))
        elif entity.type == "text_mention":
            people.append(world.user_of(int(entity.value("user")["id"])))
    handles = [user.handle for user in people if user is not None and user.handle in chat.members]
    return tuple(dict.fromkeys(handles))


def links(message: Message) -> tuple[str, ...]:
    """Return where a person gets by a click on the message."""
    found: list[str] = []
    for entity in message.entities:
        if entity.type == "text_link":
            found.append(str(entity.value("url")))
        elif entity.type == "url":
            found.append(message.words_of(entity))
    buttons = [button for row in (message.markup or {}).get("inline_keyboard", ()) for button in row]
    return (*found, *(str(button["url"]) for button in buttons if button.get("url")))


def addresses_bot(world: World, message: Message, username: str) -> bool:
    """Say whether a bot with privacy mode gets this message of a group: a command, a mention, a reply to it."""
    for entity in message.entities:
        words = message.words_of(entity)
        if entity.type == "bot_command":
            _, at, name = words.partition("@")
            return not at or name.lower() == username.lower()
        if entity.type == "mention" and words[1:].lower() == username.lower():
            return True
    original = world.message(message.chat, message.reply_to) if message.reply_to else None
    return original is not None and original.sender == BOT
