"""Send: messages, files, albums, drafts, signs of life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from quarterdeck.testing.simulator.telegram.bodies import message_body
from quarterdeck.testing.simulator.telegram.compose import compose, links, mentioned
from quarterdeck.testing.simulator.telegram.markup import read_markup
from quarterdeck.testing.simulator.telegram.parameters import Call, Upload, read_object
from quarterdeck.testing.simulator.telegram.refusal import bad
from quarterdeck.testing.simulator.telegram.text import CAPTION_LIMIT, TEXT_LIMIT, Entity
from quarterdeck.testing.simulator.telegram.world import (
    BOT,
    GENERAL_TOPIC,
    Chat,
    Message,
    StoredFile,
    World,
)

Kind = Literal["document", "photo"]
UPLOAD_LIMIT_BYTES: Final = 50 * 1024 * 1024  # Bot API, Sending files, 2026-11-21
PHOTO_LIMIT_BYTES: Final = 10 * 1024 * 1024
PHOTO_HEADS: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")
ACTIONS: Final = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send_message(world: World, call: Call) -> dict[str, Any]:
    """Answer sendMessage."""
    chat = world.chat_for(call.json("chat_id"))
    if not call.text("text"):
        raise bad("message text is empty")
    text, entities = compose(
        world,
        call.text("text"),
        call.text("parse_mode"),
        call.json("entities"),
        limit=TEXT_LIMIT,
        long="message is too long",
    )
    message = draft_of(world, chat, call, text, entities)
    preview(world, call.json("link_preview_options"), message)
    return post(world, message)


def send_file(world: World, call: Call, kind: Kind) -> dict[str, Any]:
    """Answer sendDocument and sendPhoto."""
    chat = world.chat_for(call.json("chat_id"))
    file = file_of(world, call, kind, call.text(kind), kind)
    message = draft_of(world, chat, call, *caption_of(world, call.given))
    message.file = file
    return post(world, message)


def send_media_group(world: World, call: Call) -> list[dict[str, Any]]:
    """Answer sendMediaGroup."""
    chat = world.chat_for(call.json("chat_id"))
    media = call.json("media")
    if not isinstance(media, Sequence) or isinstance(media, str):
        raise bad("expected an Array of InputMedia")
    if not 2 <= len(media) <= 10:
        raise bad("group of items must contain 2-10 items" if media else "there are no media in the request")
    kinds = {one.get("type") if isinstance(one, Mapping) else None for one in media}
    if not kinds <= {"photo", "video", "document"}:
        raise bad("can't parse InputMedia: type must be one of photo, video, document")
    if "document" in kinds and len(kinds) > 1:
        raise bad("document can't be mixed with other media types")
    messages: list[Message] = []
    for one in media:
        message = draft_of(world, chat, call, *caption_of(world, one))
        kind: Kind = "document" if one["type"] == "document" else "photo"
        message.file = file_of(world, call, kind, str(one.get("media", "")), "")
        messages.append(message)
    bodies: list[dict[str, Any]] = []
    for at, message in enumerate(messages):
        message.id = message.id if at == 0 else world.next_id(chat)
        message.album = f"{chat.id}{messages[0].id}"
        bodies.append(post(world, message))
    return bodies


def caption_of(world: World, given: Mapping[str, Any]) -> tuple[str, list[Entity]]:
    """Return the caption of a file with its entities."""
    return compose(
        world,
        str(given.get("caption") or ""),
        str(given.get("parse_mode") or ""),
        given.get("caption_entities"),
        limit=CAPTION_LIMIT,
        long="message caption is too long",
        may_be_empty=True,
    )


def draft_of(world: World, chat: Chat, call: Call, text: str, entities: list[Entity]) -> Message:
    """Return the message that a call asks for, not yet posted.

    Raises:
        Refused: its topic, what it answers, or its buttons are not right.
    """
    topic = topic_of(chat, call.number("message_thread_id"))
    reply_to = reply_of(world, chat, call.json("reply_parameters"))
    markup = read_markup(call.json("reply_markup")) if call.method != "sendMediaGroup" else None
    message = Message(world.next_id(chat), chat, BOT, world.now(), text, entities, markup)
    message.topic, message.reply_to = topic, reply_to
    message.pings = mentioned(world, chat, text, entities)
    return message


def topic_of(chat: Chat, topic: int) -> int:
    """Return the topic to write to.

    Raises:
        Refused: there is none of that number, or it is closed.
    """
    if not topic or not chat.is_forum:
        if topic:
            raise bad("message thread not found")
        return GENERAL_TOPIC if chat.is_forum else 0
    if topic not in chat.topics:
        raise bad("message thread not found")
    if topic in chat.closed_topics:
        raise bad("TOPIC_CLOSED")
    return topic


def reply_of(world: World, chat: Chat, value: object) -> int:
    """Return the id of the message that is answered, 0 for none.

    Raises:
        Refused: it is not there, and the bot did not say that this does not matter.
    """
    if value is None:
        return 0
    if not isinstance(value, Mapping):
        raise bad("object expected as reply parameters")
    number = value.get("message_id")
    if not isinstance(number, int):
        raise bad('can\'t parse reply parameters: Field "message_id" must be of type Number')
    if world.message(chat, number) is None:
        if value.get("allow_sending_without_reply"):
            return 0
        raise bad("message to be replied not found")
    return number


def file_of(world: World, call: Call, kind: Kind, said: str, part: str) -> StoredFile:
    """Return the file that a call brings along, or names.

    Raises:
        Refused: there is none, or it is too large, empty, or no picture.
    """
    upload = call.uploads.get(said.removeprefix("attach://") if said.startswith("attach://") else part)
    if upload is None:
        if said in world.files:
            return world.files[said]
        if said.startswith(("http://", "https://")):
            raise bad("failed to get HTTP URL content")
        raise bad(
            "wrong file identifier/HTTP URL specified" if said else f"there is no {kind} in the request"
        )
    return world.store(upload.name, checked_upload(upload, kind), upload.mime, kind)


def checked_upload(upload: Upload, kind: Kind) -> bytes:
    """Return the bytes of a file that Telegram takes.

    Raises:
        Refused: it does not.
    """
    size = len(upload.content)
    if not size:
        raise bad("file must be non-empty")
    if size > UPLOAD_LIMIT_BYTES:
        raise bad("file is too big")
    if kind == "photo":
        if size > PHOTO_LIMIT_BYTES:
            raise bad(
                f"file of size {size} bytes is too big for a photo; the maximum size is {PHOTO_LIMIT_BYTES} bytes"
            )
        if not upload.content.startswith(PHOTO_HEADS):
            raise bad("IMAGE_PROCESS_FAILED")
    return upload.content


def preview(world: World, options: object, message: Message) -> None:
    """Note what Telegram fetches to show a preview of the first link, unless the bot said not to.

    Raises:
        Refused: the options are none.
    """
    if options is not None and not isinstance(options, Mapping):
        raise bad("object expected as link preview options")
    if isinstance(options, Mapping) and options.get("is_disabled"):
        return
    found = links(message)
    if found:
        world.previewed.append(found[0])


def post(world: World, message: Message) -> dict[str, Any]:
    """Put a message into its chat, and return it as a Message."""
    world.keep(message)
    world.drafts.pop((message.chat.id, message.topic), None)
    return message_body(world, message)


def send_draft(world: World, call: Call) -> bool:
    """Answer sendMessageDraft."""
    chat = world.chat_for(call.json("chat_id"))
    if chat.type != "private":
        raise bad("TEXTDRAFT_PEER_INVALID")
    if not call.number("draft_id"):
        raise bad("TEXTDRAFT_ID_INVALID")
    text, _ = compose(
        world,
        call.text("text"),
        call.text("parse_mode"),
        read_object("entities", call.json("entities")),
        limit=TEXT_LIMIT,
        long="message is too long",
        may_be_empty=True,
    )
    world.drafts[chat.id, topic_of(chat, call.number("message_thread_id"))] = text
    return True


def send_action(world: World, call: Call) -> bool:
    """Answer sendChatAction."""
    chat = world.chat_for(call.json("chat_id"))
    if call.text("action") not in ACTIONS:
        raise bad("wrong parameter action in request")
    topic_of(chat, call.number("message_thread_id"))
    world.actions.append((chat.id, call.text("action")))
    return True
