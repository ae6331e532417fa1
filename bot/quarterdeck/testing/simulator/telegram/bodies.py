"""Write messages as the Bot API sends them."""

from __future__ import annotations

from typing import Any

from quarterdeck.testing.simulator.telegram.text import Entity
from quarterdeck.testing.simulator.telegram.world import GENERAL_TOPIC, Message, World


def message_body(world: World, message: Message, *, with_reply: bool = True) -> dict[str, Any]:
    """Return a message as a Message."""
    body: dict[str, Any] = {
        "message_id": message.id,
        "from": world.sender(message.sender),
        "chat": world.chat_body(message.chat),
        "date": message.date,
    }
    if message.edited:
        body["edit_date"] = message.edited
    if message.topic and message.topic != GENERAL_TOPIC:
        body |= {"message_thread_id": message.topic, "is_topic_message": True}
    if message.reply_to and with_reply:
        original = world.message(message.chat, message.reply_to)
        if original is not None:
            body["reply_to_message"] = message_body(world, original, with_reply=False)
    if message.album:
        body["media_group_id"] = message.album
    return body | content_body(world, message) | message.service


def content_body(world: World, message: Message) -> dict[str, Any]:
    """Return what a message holds: text or a file with its caption, and its buttons."""
    body: dict[str, Any] = {}
    text, marks = ("caption", "caption_entities") if message.file else ("text", "entities")
    if message.file is not None:
        file = message.file.body()
        body[message.file.kind] = [file] if message.file.kind == "photo" else file
    if message.text:
        body[text] = message.text
    if message.entities:
        body[marks] = [entity_body(world, entity) for entity in message.entities]
    if message.markup and "inline_keyboard" in message.markup:
        body["reply_markup"] = message.markup
    return body


def entity_body(world: World, entity: Entity) -> dict[str, Any]:
    """Return an entity; a person who is named in it is written in full."""
    body = entity.body()
    if entity.type == "text_mention":
        user = world.user_of(int(body["user"]["id"]))
        body["user"] = user.body() if user else body["user"]
    return body
