"""Make events of what the gateway and the history say. Pure: no call, no clock but the one given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from quarterdeck.core.event import Deleted, Edited, Event, Joined, Posted, Reacted
from quarterdeck.core.message import Attachment, Conversation, Message
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.world import World

# docs.discord.com/developers/resources/message, "Message types", 2026-11-21: 0 written, 19 a reply; all others
# are Discord's own words (joined, pinned, …) or answers of programs.
WRITTEN: Final = frozenset({0, 19})
MENTION: Final = re.compile(r"<(@!?|@&|#)([0-9]{1,20})>")
EMOJI: Final = re.compile(r"<a?(:[A-Za-z0-9_~]{2,32}:)[0-9]{1,20}>")
NOBODY: Final = "0"  # Discord does not say who deleted a message

Data = Mapping[str, Any]


def events_of(
    name: str, data: Data, *, world: World, session: str, number: int, at: datetime
) -> Sequence[Event]:
    """Return the events in a dispatch of the gateway; none where it is not about what people do."""
    match name:
        case "MESSAGE_CREATE":
            posted = message_of(data, world=world, at=at)
            return (posted,) if posted else ()
        case "MESSAGE_UPDATE":
            edited = _edited(data, world, at)
            return (edited,) if edited else ()
        case "MESSAGE_DELETE":
            return (_deleted(data, str(data["id"]), world, at),)
        case "MESSAGE_DELETE_BULK":
            return tuple(_deleted(data, str(one), world, at) for one in data["ids"])
        case "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE":
            reacted = _reacted(data, world, at, f"{session}:{number}", added=name.endswith("ADD"))
            return (reacted,) if reacted else ()
        case "GUILD_MEMBER_ADD":
            return (_joined(data, at),)
        case _:
            return ()


def message_of(data: Data, *, world: World, at: datetime, is_late: bool = False) -> Posted | None:
    """Return what somebody wrote; None for our own words, other programs' and Discord's."""
    if not _is_persons(data, world):
        return None
    message, author = _message(data, world), data["author"]
    return Posted(
        id=message.id,
        platform=ids.PLATFORM,
        received_at=at,
        conversation=message.conversation,
        actor=message.author,
        actor_name=name_of(author, data.get("member")),
        groups=_groups(data),
        is_late=is_late,
        message=message,
    )


def name_of(user: Data, member: Data | None = None) -> str:
    """Return what people call an account."""
    return str((member or {}).get("nick") or user.get("global_name") or user.get("username") or "")


def attachment_of(data: Data) -> Attachment:
    """Return a file that came along."""
    return Attachment(
        name=str(data.get("filename") or "file"),
        media_type=str(data.get("content_type") or "application/octet-stream"),
        size_bytes=int(data.get("size") or 0),
        url=str(data.get("url") or ""),
    )


def text_of(content: str, *, guild: str, bot: str, our_roles: set[str]) -> str:
    """Return a text as CommonMark: our own mention at its beginning taken away, others as immutable ids."""
    if "<" not in content:
        return content

    def named(found: re.Match[str]) -> str:
        sign, number = found.groups()
        if sign == "@&":
            return f"@{ids.role(guild or ids.DIRECT, number)}"
        if sign == "#":
            return f"{ids.PLATFORM}:{guild or ids.DIRECT}:{number}"
        return f"@{ids.identity(number)}"

    first = MENTION.match(content.lstrip())
    if first and ((first[1] != "#" and first[2] == bot) or (first[1] == "@&" and first[2] in our_roles)):
        content = content.lstrip()[first.end() :].lstrip()
    return EMOJI.sub(r"\1", MENTION.sub(named, content))


def _is_persons(data: Data, world: World) -> bool:
    author = data.get("author")
    if not author or author.get("bot") or data.get("webhook_id") or author["id"] == world.bot:
        return False
    return data.get("type", 0) in WRITTEN


def _message(data: Data, world: World) -> Message:
    guild, content = str(data.get("guild_id") or ""), data.get("content") or ""
    reference = data.get("message_reference") or {}
    return Message(
        id=data["id"],
        conversation=_conversation(data, world),
        author=ids.identity(data["author"]["id"]),
        text=text_of(content, guild=guild, bot=world.bot, our_roles=world.our_roles),
        sent_at=_moment(data.get("timestamp")),
        mentions_bot=_mentions_us(data, world),
        attachments=tuple(map(attachment_of, data.get("attachments") or ())),
        reply_to=reference.get("message_id") if data.get("type") == 19 else None,
    )


def _mentions_us(data: Data, world: World) -> bool:
    if any(one["id"] == world.bot for one in data.get("mentions") or ()):
        return True
    return not world.our_roles.isdisjoint(data.get("mention_roles") or ())


def _conversation(data: Data, world: World) -> Conversation:
    channel = data["channel_id"]
    # a message has a position only within a thread (message object, 2026-11-21)
    is_thread = world.is_thread(channel) or "position" in data or data.get("channel_type") in ids.THREADS
    return ids.conversation(data.get("guild_id") or "", channel, is_thread=is_thread)


def _groups(data: Data) -> frozenset[str] | None:
    member = data.get("member")
    return ids.groups(data.get("guild_id") or "", member.get("roles")) if member else None


def _moment(written: object) -> datetime:
    """Read a time; Discord's are ISO 8601 with an offset."""
    if not isinstance(written, str):
        return datetime.fromtimestamp(0, UTC)
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _edited(data: Data, world: World, at: datetime) -> Edited | None:
    """Return a person's change; Discord also says so when it adds a preview, then without a time of edit."""
    if not data.get("edited_timestamp") or "content" not in data or not _is_persons(data, world):
        return None
    message = _message(data, world)
    return Edited(
        id=f"{message.id}:edited:{data['edited_timestamp']}",
        platform=ids.PLATFORM,
        received_at=at,
        conversation=message.conversation,
        actor=message.author,
        actor_name=name_of(data["author"], data.get("member")),
        groups=_groups(data),
        message=message,
    )


def _deleted(data: Data, message_id: str, world: World, at: datetime) -> Deleted:
    return Deleted(
        id=f"{message_id}:deleted",
        platform=ids.PLATFORM,
        received_at=at,
        conversation=_conversation(data, world),
        actor=ids.identity(NOBODY),
        message_id=message_id,
    )


def _reacted(data: Data, world: World, at: datetime, proof: str, *, added: bool) -> Reacted | None:
    """Return a reaction. Discord gives it no id and no time, so its number in the session stands in."""
    if data["user_id"] == world.bot:
        return None
    member = data.get("member") or {}
    user = member.get("user") or {}
    emoji = data["emoji"]
    return Reacted(
        id=f"{data['message_id']}:reacted:{proof}",
        platform=ids.PLATFORM,
        received_at=at,
        conversation=_conversation(data, world),
        actor=ids.identity(data["user_id"]),
        actor_name=name_of(user, member),
        is_bot=bool(user.get("bot")),
        groups=_groups(data),
        message_id=data["message_id"],
        emoji=f":{emoji['name']}:" if emoji.get("id") else str(emoji.get("name") or ""),
        added=added,
    )


def _joined(data: Data, at: datetime) -> Joined:
    """Return who joined a server; the conversation is the server's first channel, whose id is the server's own."""
    user, guild = data["user"], str(data["guild_id"])
    return Joined(
        id=f"{guild}:{user['id']}:joined:{data.get('joined_at')}",
        platform=ids.PLATFORM,
        received_at=at,
        conversation=ids.conversation(guild, guild),
        actor=ids.identity(user["id"]),
        actor_name=name_of(user, data),
        is_bot=bool(user.get("bot")),
        groups=ids.groups(guild, data.get("roles")),
    )
