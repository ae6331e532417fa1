"""Make events of updates (Bot API, Update, 2026-11-21). Pure; what is not for the bot becomes no event.

An event's id is the update's, with the chat and message that it is about: Telegram begins its numbers anew at a
random place when nothing has come for a week, and then an old number may come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from quarterdeck.core.event import Edited, Event, Joined, Posted, Pressed, Reacted
from quarterdeck.core.message import Attachment, Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.telegram.chats import PLATFORM, conversation_of
from quarterdeck_adapters.telegram.text import Me, said

WANTED: Final = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")
"""The kinds of updates that we ask for; posts in channels are not among them."""
SERVICE_ACCOUNT: Final = 777_000  # what a linked channel posts into its group comes from this account
IN_CHAT: Final = frozenset({"member", "administrator", "creator"})
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Say when an update came, and before which moment (seconds since the epoch) a message counts as missed."""

    at: datetime
    late_before: float = 0.0


def events_of(update: Fields, me: Me, arrival: Arrival) -> list[Event]:
    """Return what an update tells; most often one event.

    Raises:
        LookupError, TypeError, ValueError: the update is not what Telegram sends.
    """
    number = int(update["update_id"])
    if message := update.get("message"):
        return _of_message(number, message, me, arrival)
    if message := update.get("edited_message"):
        return _posted(number, message, me, arrival, Edited)
    if query := update.get("callback_query"):
        return _pressed(number, query, arrival)
    if reaction := update.get("message_reaction"):
        return _reacted(number, reaction, arrival)
    if change := update.get("my_chat_member"):
        return _came(number, change, arrival)
    return []


def chat_of(update: Fields) -> object:
    """Return what says in which order updates belong: the chat, None where there is none."""
    for name in WANTED:
        if body := update.get(name):
            message = body.get("message", body) if name == "callback_query" else body
            return message["chat"]["id"] if "chat" in message else None
    return None


def migration_of(update: Fields) -> tuple[int, int] | None:
    """Return old and new id where the update says that a group has become a supergroup."""
    message = update.get("message") or {}
    if "migrate_to_chat_id" in message:
        return message["chat"]["id"], message["migrate_to_chat_id"]
    if "migrate_from_chat_id" in message:
        return message["migrate_from_chat_id"], message["chat"]["id"]
    return None


def message_id_of(key: str) -> tuple[int, int] | None:
    """Return chat and number of the message that the event `key` is about, None where it is about none."""
    parts = key.partition("~")[0].split(":")
    if len(parts) == 5 and parts[0] == PLATFORM and all(part.lstrip("-").isdecimal() for part in parts[2:]):
        return int(parts[3]), int(parts[4])
    return None


def _of_message(number: int, message: Fields, me: Me, arrival: Arrival) -> list[Event]:
    if "new_chat_members" in message:
        place = conversation_of(message["chat"])
        return [
            _joined(f"{number}:{user['id']}", user, place, arrival)
            for user in message["new_chat_members"]
            if user["id"] != me.id
        ]
    return _posted(number, message, me, arrival, Posted)


def _posted(
    number: int, message: Fields, me: Me, arrival: Arrival, kind: type[Posted] | type[Edited]
) -> list[Event]:
    chat, user = message["chat"], message.get("from")
    if user is None or user["id"] == SERVICE_ACCOUNT or chat["type"] == "channel":
        return []
    text = message.get("text") or message.get("caption") or _emoji(message)
    attachments = attachments_of(message)
    if not text and not attachments:
        return []
    what = said(text, message.get("entities") or message.get("caption_entities") or (), me)
    if what is None:
        return []
    place = conversation_of(chat, message["message_thread_id"] if message.get("is_topic_message") else None)
    replied = message.get("reply_to_message")
    if replied is not None and "forum_topic_created" in replied:  # how clients say "in this topic"
        replied = None
    author = Identity(platform=PLATFORM, user_id=str(user["id"]))
    date = message["date"]
    return [
        kind(
            id=f"{number}:{chat['id']}:{message['message_id']}",
            platform=PLATFORM,
            received_at=arrival.at,
            conversation=place,
            actor=author,
            actor_name=_name(user),
            is_bot=bool(user.get("is_bot")),
            is_late=date < arrival.late_before,
            message=Message(
                id=str(message["message_id"]),
                conversation=place,
                author=author,
                text=what.text,
                sent_at=datetime.fromtimestamp(date, UTC),
                mentions_bot=what.mentions_bot or _is_reply_to(replied, me),
                attachments=attachments,
                reply_to=None if replied is None else str(replied["message_id"]),
            ),
        )
    ]


def _pressed(number: int, query: Fields, arrival: Arrival) -> list[Event]:
    """Return a press; `button_id` is the data as it came, for `Buttons` to look up."""
    message, user = query.get("message"), query["from"]
    if message is None or "data" not in query:
        return []
    return [
        Pressed(
            id=f"{number}:{query['id']}",
            platform=PLATFORM,
            received_at=arrival.at,
            conversation=conversation_of(
                message["chat"], message.get("message_thread_id") if message.get("is_topic_message") else None
            ),
            actor=Identity(platform=PLATFORM, user_id=str(user["id"])),
            actor_name=_name(user),
            is_bot=bool(user.get("is_bot")),
            button_id=str(query["data"]),
            message_id=str(message["message_id"]),
        )
    ]


def _reacted(number: int, reaction: Fields, arrival: Arrival) -> list[Event]:
    user = reaction.get("user")
    if user is None:  # somebody anonymous
        return []
    old = [_sign(one) for one in reaction["old_reaction"]]
    new = [_sign(one) for one in reaction["new_reaction"]]
    changes = [(one, True) for one in new if one not in old] + [(one, False) for one in old if one not in new]
    return [
        Reacted(
            id=f"{number}:{'+' if added else '-'}{emoji}",
            platform=PLATFORM,
            received_at=arrival.at,
            conversation=conversation_of(reaction["chat"]),
            actor=Identity(platform=PLATFORM, user_id=str(user["id"])),
            actor_name=_name(user),
            is_bot=bool(user.get("is_bot")),
            message_id=str(reaction["message_id"]),
            emoji=emoji,
            added=added,
        )
        for emoji, added in changes
    ]


def _came(number: int, change: Fields, arrival: Arrival) -> list[Event]:
    """Tell that the bot was put into a group."""
    old, new = change["old_chat_member"], change["new_chat_member"]
    if change["chat"]["type"] == "private" or old["status"] in IN_CHAT or new["status"] not in IN_CHAT:
        return []
    return [_joined(f"{number}:{new['user']['id']}", new["user"], conversation_of(change["chat"]), arrival)]


def _joined(event_id: str, user: Fields, place: Conversation, arrival: Arrival) -> Joined:
    return Joined(
        id=event_id,
        platform=PLATFORM,
        received_at=arrival.at,
        conversation=place,
        actor=Identity(platform=PLATFORM, user_id=str(user["id"])),
        actor_name=_name(user),
        is_bot=bool(user.get("is_bot")),
    )


def _is_reply_to(replied: Fields | None, me: Me) -> bool:
    return replied is not None and replied.get("from", {}).get("id") == me.id


def _name(user: Fields) -> str:
    first, last = user.get("first_name") or "", user.get("last_name")
    return f"{first} {last}" if last else first


def _sign(reaction: Fields) -> str:
    return str(reaction.get("emoji") or f"{reaction['type']}:{reaction.get('custom_emoji_id', '')}")


def _emoji(message: Fields) -> str:
    """Return the emoji that a sticker or a thrown die stands for."""
    found = message.get("sticker") or message.get("dice")
    return str(found.get("emoji") or "") if found else ""


NAMES: Final = {
    "animation": ("animation.mp4", "video/mp4"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "document": ("document", "application/octet-stream"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video.mp4", "video/mp4"),
    "voice": ("voice.ogg", "audio/ogg"),
}
"""What files are called and are where Telegram does not say."""


def attachments_of(message: Fields) -> tuple[Attachment, ...]:
    """Return the files of a message; of a photo, which comes in several sizes, the largest."""
    found: list[Attachment] = []
    for kind, (name, media_type) in NAMES.items():
        file = message.get(kind)
        if file is None or (kind == "document" and "animation" in message):  # the same file again
            continue
        found.append(
            _attachment(file, str(file.get("file_name") or name), file.get("mime_type") or media_type)
        )
    if sizes := message.get("photo"):
        photo = max(sizes, key=lambda one: one["width"] * one["height"])
        found.append(_attachment(photo, f"photo-{message['message_id']}.jpg", "image/jpeg"))
    return tuple(found)


def _attachment(file: Fields, name: str, media_type: str) -> Attachment:
    return Attachment(
        name=name[:255],
        media_type=media_type,
        size_bytes=int(file.get("file_size") or 0),
        url=file["file_id"],
    )


def merged(parts: Sequence[Posted]) -> Posted:
    """Return the messages of one album as one, under the name of the first; all files, all captions."""
    first = parts[0]
    texts = [part.message.text for part in parts if part.message.text]
    files = tuple(file for part in parts for file in part.message.attachments)
    message = replace(
        first.message,
        text="\n".join(texts),
        attachments=files,
        mentions_bot=any(part.message.mentions_bot for part in parts),
    )
    return replace(first, message=message)
