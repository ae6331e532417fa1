"""Keep the world of a simulated Discord: one server with channels and threads, people, roles, messages."""

from __future__ import annotations

import zlib
from dataclasses import field
from typing import Any, Final

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.refusal import Refused, unknown

BOT: Final = "bot"
GUILD_ID: Final = 910_000_000_000_000_001
BOT_ID: Final = 910_000_000_000_000_002
APPLICATION_ID: Final = BOT_ID
BOT_NAME: Final = "quarterdeck"
EPOCH_MS: Final = 1_420_070_400_000
TEXT, DIRECT, THREAD = 0, 1, 11
CONTENT_BIT: Final = 1 << 15
EPHEMERAL: Final = 1 << 6
LOADING: Final = 1 << 7
SUPPRESS_EMBEDS: Final = 1 << 2
COMPONENTS_V2: Final = 1 << 15
NAMED: Final = 800_000_000_000_000_000
NONCE_S: Final = 300.0  # "in the past few minutes" (Create Message, 2026-11-21)


def number_of(kind: str, name: str) -> int:
    """Return the id that belongs to a name; a number is its own."""
    if name.isdecimal() and len(name) >= 15:
        return int(name)
    return NAMED + zlib.crc32(f"{kind}:{name}".encode()) * 10_000


@dataclass
class Person:
    """Be a member of the server; `roles` are the names of theirs."""

    handle: str
    id: int
    roles: set[str] = field(default_factory=set)
    takes_messages: bool = True


@dataclass
class Channel:
    """Be a channel, a thread, or a direct conversation with `person`.

    `denied` names what the bot may not do there: view, send, history, react, threads, files.
    """

    id: int
    name: str
    type: int = TEXT
    person: str = ""
    parent: int = 0
    denied: set[str] = field(default_factory=set)
    is_gone: bool = False
    is_archived: bool = False
    is_locked: bool = False
    last_message: int = 0
    started_ms: int = 0

    @property
    def is_direct(self) -> bool:
        """Say whether it is a conversation of two."""
        return self.type == DIRECT


@dataclass
class Message:
    """Be one message; `to` is the only one who sees it, `pings` whom it notified."""

    id: int
    channel: Channel
    author: str
    at_ms: int
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    flags: int = 0
    type: int = 0
    reference: int = 0
    nonce: str | int | None = None
    edited_ms: int = 0
    edits: int = 0
    is_deleted: bool = False
    to: str = ""
    reactions: dict[str, list[str]] = field(default_factory=dict)
    mentions: list[int] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mentions_everyone: bool = False
    pings: tuple[str, ...] = ()
    interaction: dict[str, Any] | None = None


class World:
    """Hold everything; ids of what has a name come from it, so that they are always the same."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people: dict[str, Person] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.roles: dict[int, str] = {GUILD_ID: "@everyone"}
        self.files: dict[int, tuple[str, bytes]] = {}
        self.previewed: list[str] = []
        self.typing: list[int] = []
        self._last = 0
        self._nonces: dict[tuple[int, str], Message] = {}

    def snowflake(self) -> int:
        """Return a new id, greater than every one before; it carries the time."""
        now = (self.clock.now_ms() - EPOCH_MS) << 22
        self._last = max(now, self._last + 1)
        return self._last

    def person(self, handle: str) -> Person:
        """Return the member that tests call `handle`."""
        if handle not in self.people:
            self.people[handle] = Person(handle, number_of("user", handle))
        return self.people[handle]

    def person_of(self, number: int) -> Person | None:
        """Return the member with this id."""
        return next((person for person in self.people.values() if person.id == number), None)

    def role(self, name: str) -> int:
        """Return the id of a role of the server, made when it is new."""
        number = number_of("role", name)
        self.roles.setdefault(number, name)
        return number

    def named_channel(self, name: str) -> Channel | None:
        """Return the channel of this name that is still there."""
        return next(
            (
                one
                for one in self.channels.values()
                if one.name == name and one.type == TEXT and not one.is_gone
            ),
            None,
        )

    def direct(self, handle: str) -> Channel:
        """Return the direct conversation of somebody with the bot."""
        number = number_of("direct", handle)
        if number not in self.channels:
            self.person(handle)
            self.channels[number] = Channel(number, "", DIRECT, person=handle)
        return self.channels[number]

    def channel_for(self, number: int, *, need: str = "view") -> Channel:
        """Return a channel where the bot may do what it needs to.

        Raises:
            Refused: it is not there, not to be seen, or not for this.
        """
        channel = self.channels.get(number)
        if channel is None or channel.is_gone:
            raise unknown(10003, "Channel")
        denied = channel.denied
        if channel.parent and channel.parent in self.channels:
            denied = denied | self.channels[channel.parent].denied
        if "view" in denied:
            raise Refused(403, 50001, "Missing Access")
        if need in denied:
            raise Refused(403, 50013, "Missing Permissions")
        return channel

    def message_for(self, channel: Channel, number: int) -> Message:
        """Return a message that everybody sees.

        Raises:
            Refused: it is not there.
        """
        message = self.messages.get(number)
        if message is None or message.channel is not channel or message.is_deleted or message.to:
            raise unknown(10008, "Message")
        return message

    def history(self, channel: Channel) -> list[Message]:
        """Return the messages of a channel, oldest first."""
        return [message for message in self.messages.values() if message.channel is channel]

    def keep(self, message: Message) -> Message:
        """Take a message in."""
        self.messages[message.id] = message
        if message.nonce is not None:
            self._nonces[message.channel.id, str(message.nonce)] = message
        message.channel.last_message = message.id
        return message

    def sent_before(self, channel: Channel, nonce: str | int) -> Message | None:
        """Return the bot's message with this nonce, when it is young enough to count."""
        found = self._nonces.get((channel.id, str(nonce)))
        if found is None or found.at_ms < self.clock.now_ms() - NONCE_S * 1000:
            return None
        return found
