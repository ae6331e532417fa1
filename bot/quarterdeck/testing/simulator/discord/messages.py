"""Answer what is about messages: post, read, change, delete, react."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.bodies import channel_body, message_body
from quarterdeck.testing.simulator.discord.content import Body, apply, read_content
from quarterdeck.testing.simulator.discord.refusal import Form, Refused, invalid, unknown
from quarterdeck.testing.simulator.discord.site import Site
from quarterdeck.testing.simulator.discord.world import BOT, COMPONENTS_V2, Channel, Message

CUSTOM_EMOJI: Final = re.compile(r"\w{2,32}:\d{15,20}")
EMOJI: Final = re.compile(
    r"(?:[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]|[0-9#*](?=\ufe0f?\u20e3))"
    r"[\u200d\ufe0f\u20e3\u2600-\u27bf\U0001f000-\U0001faff\U000e0020-\U000e007f]*"
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold one request: the ids in its path, its query, its body."""

    ids: dict[str, str]
    query: dict[str, str]
    body: Body = field(default_factory=lambda: Body({}))

    def number(self, name: str) -> int:
        """Return an id of the path.

        Raises:
            Refused: it is none.
        """
        value = self.ids[name]
        if not value.isdecimal():
            raise invalid(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
        return int(value)


Answer = tuple[int, Any]


def body_of(site: Site, message: Message) -> dict[str, Any]:
    """Return a message as this application may read it."""
    mine = message.author == BOT or message.channel.is_direct
    return message_body(site.world, message, with_content=mine or site.may_read)


async def create(site: Site, ask: Ask) -> Answer:
    """Post a message; with a nonce that is enforced, twice is once."""
    channel = site.world.channel_for(ask.number("channel"), need="send")
    check_open(site, channel)
    content = read_content(site.world, ask.body, is_new=True)
    if content.uploads and "files" in channel.denied:
        raise Refused(403, 50013, "Missing Permissions")
    given = ask.body.json
    nonce = given.get("nonce")
    if nonce is not None and given.get("enforce_nonce"):
        before = site.world.sent_before(channel, nonce)
        if before is not None:
            return 200, body_of(site, before)
    message = Message(site.world.snowflake(), channel, BOT, site.world.clock.now_ms(), nonce=nonce)
    message.reference = referenced(site, channel, given.get("message_reference"))
    message.type = 19 if message.reference else 0
    apply(site.world, message, content, site.cdn(), is_new=True)
    site.world.keep(message)
    channel.is_archived = False
    await site.events.message("MESSAGE_CREATE", message)
    site.changed()
    return 200, body_of(site, message)


def check_open(site: Site, channel: Channel) -> None:
    """Pass a channel that can be written to.

    Raises:
        Refused: it is a locked thread, or somebody who takes no messages.
    """
    if channel.is_archived and channel.is_locked:
        raise Refused(400, 50083, "Thread is archived")
    if channel.is_direct and not site.world.person(channel.person).takes_messages:
        raise Refused(403, 50007, "Cannot send messages to this user")


def referenced(site: Site, channel: Channel, value: object) -> int:
    """Return the message that a new one answers, 0 for none.

    Raises:
        Refused: it is not there, and the bot did not say that this does not matter.
    """
    if not isinstance(value, dict):
        return 0
    number = int(str(value.get("message_id") or 0))
    found = site.world.messages.get(number)
    if found is None or found.channel is not channel or found.is_deleted:
        if value.get("fail_if_not_exists", True):
            raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return 0
    return number


async def read(site: Site, ask: Ask) -> Answer:
    """Return messages, newest first; `after` begins with the oldest that come after it."""
    channel = site.world.channel_for(ask.number("channel"), need="history")
    limit = ask.query.get("limit", "50")
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
    count = int(limit)
    there = [one for one in site.world.history(channel) if not one.is_deleted and not one.to]
    there.sort(key=lambda one: one.id)
    if "after" in ask.query:
        there = [one for one in there if one.id > int(ask.query["after"])][:count]
    elif "around" in ask.query:
        middle = int(ask.query["around"])
        before = [one for one in there if one.id < middle][-(count // 2) :]
        there = before + [one for one in there if one.id >= middle][: count - len(before)]
    else:
        newest = int(ask.query.get("before", 1 << 63))
        there = [one for one in there if one.id < newest][-count:]
    return 200, [body_of(site, one) for one in reversed(there)]


async def read_one(site: Site, ask: Ask) -> Answer:
    """Return one message."""
    channel = site.world.channel_for(ask.number("channel"), need="history")
    return 200, body_of(site, site.world.message_for(channel, ask.number("message")))


async def change(site: Site, ask: Ask) -> Answer:
    """Change a message of the bot's own."""
    channel = site.world.channel_for(ask.number("channel"))
    message = site.world.message_for(channel, ask.number("message"))
    if message.author != BOT:
        raise Refused(403, 50005, "Cannot edit a message authored by another user")
    if channel.is_archived and channel.is_locked:
        raise Refused(400, 50083, "Thread is archived")
    newer = bool(message.flags & COMPONENTS_V2)
    content = read_content(site.world, ask.body, is_new=False, newer=newer)
    apply(site.world, message, content, site.cdn(), is_new=False)
    if not (message.content or message.embeds or message.attachments or message.components):
        raise Refused(400, 50006, "Cannot send an empty message")
    message.edits += 1
    message.edited_ms = site.world.clock.now_ms()
    await site.events.message("MESSAGE_UPDATE", message)
    site.changed()
    return 200, body_of(site, message)


async def remove(site: Site, ask: Ask) -> Answer:
    """Take a message away; those of others only where the bot may manage messages."""
    channel = site.world.channel_for(ask.number("channel"))
    message = site.world.message_for(channel, ask.number("message"))
    if message.author != BOT and (channel.is_direct or "manage" in channel.denied):
        raise Refused(403, 50003 if channel.is_direct else 50013, "Missing Permissions")
    message.is_deleted = True
    await site.events.message("MESSAGE_DELETE", message)
    site.changed()
    return 204, None


async def react(site: Site, ask: Ask) -> Answer:
    """Put an emoji of the bot's under a message; twice is once."""
    channel = site.world.channel_for(ask.number("channel"), need="react")
    message = site.world.message_for(channel, ask.number("message"))
    emoji = ask.ids["emoji"]
    if not EMOJI.fullmatch(emoji) and not CUSTOM_EMOJI.fullmatch(emoji):
        raise Refused(400, 10014, "Unknown Emoji")
    who = message.reactions.setdefault(emoji, [])
    if BOT not in who:
        who.append(BOT)
        await site.events.reaction("MESSAGE_REACTION_ADD", message, BOT, emoji)
    site.changed()
    return 204, None


async def unreact(site: Site, ask: Ask) -> Answer:
    """Take the bot's emoji away again."""
    channel = site.world.channel_for(ask.number("channel"))
    message = site.world.message_for(channel, ask.number("message"))
    emoji = ask.ids["emoji"]
    who = message.reactions.get(emoji, [])
    if BOT not in who:
        raise unknown(10014, "Emoji")
    who.remove(BOT)
    if not who:
        del message.reactions[emoji]
    await site.events.reaction("MESSAGE_REACTION_REMOVE", message, BOT, emoji)
    site.changed()
    return 204, None


async def typing(site: Site, ask: Ask) -> Answer:
    """Show that the bot writes."""
    channel = site.world.channel_for(ask.number("channel"), need="send")
    site.world.typing.append(channel.id)
    return 204, None


async def start_thread(site: Site, ask: Ask) -> Answer:
    """Begin a thread, from a message or by itself."""
    channel = site.world.channel_for(ask.number("channel"), need="threads")
    if channel.type != 0:
        raise Refused(400, 50024, "Cannot execute action on this channel type")
    form, given = Form(), ask.body.json
    name = form.text("name", given.get("name"), 100, shortest=1, needed=True)
    if given.get("auto_archive_duration") is not None:
        form.choice("auto_archive_duration", given["auto_archive_duration"], (60, 1440, 4320, 10080))
    form.check()
    number = site.world.snowflake()
    if "message" in ask.ids:
        number = site.world.message_for(channel, ask.number("message")).id
        if number in site.world.channels:
            raise Refused(400, 160004, "A thread has already been created for this message")
    thread = Channel(number, name, 11, parent=channel.id, started_ms=site.world.clock.now_ms())
    site.world.channels[number] = thread
    await site.events.channel("THREAD_CREATE", thread)
    site.changed()
    return 201, channel_body(site.world, thread)
