"""Hold what a Slack workspace holds: people, channels, messages, files, user groups, open forms."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final, Literal

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.waiting import Changes

Kind = Literal["channel", "group", "im"]
Payload = dict[str, Any]

_PERSON_ID: Final = re.compile(r"[UW][A-Z0-9]{2,}")
_CHANNEL_ID: Final = re.compile(r"[CDG][A-Z0-9]{4,}")


@dataclass(slots=True, kw_only=True)
class Person:
    """Be somebody in the workspace, or a bot."""

    id: str
    name: str
    is_bot: bool = False
    is_deleted: bool = False
    email: str = ""
    marks: frozenset[str] = frozenset(("is_email_confirmed",))
    """What else a user object says: `is_restricted` and the like."""
    team: str = ""
    """Their own workspace, where it is another one (Slack Connect)."""

    @property
    def shown_name(self) -> str:
        """Return the name as people read it."""
        return self.name if self.is_bot else self.name.capitalize()


@dataclass(slots=True, kw_only=True)
class Post:
    """Be one message. `to` is the only person who sees it; `is_markdown`: `text` came as `markdown_text`."""

    ts: str
    user: str
    text: str = ""
    blocks: list[Payload] = field(default_factory=list)
    attachments: list[Payload] = field(default_factory=list)
    thread_ts: str = ""
    to: str = ""
    metadata: Payload | None = None
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edits: int = 0
    edited_by: str = ""
    edited_ts: str = ""
    is_bot: bool = False
    is_deleted: bool = False
    is_streaming: bool = False
    is_markdown: bool = False
    is_broadcast: bool = False
    has_links_named: bool = False
    client_msg_id: str = ""


@dataclass(slots=True, kw_only=True)
class Channel:
    """Be a channel, a private one (`group`), or the direct messages between the bot and `with_user` (`im`)."""

    id: str
    name: str
    kind: Kind = "channel"
    with_user: str = ""
    is_archived: bool = False
    members: list[str] = field(default_factory=list)
    posts: dict[str, Post] = field(default_factory=dict)
    whispers: list[Post] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)

    def shown(self) -> list[Post]:
        """Return all messages, those for one person included, oldest first."""
        return sorted((*self.posts.values(), *self.whispers), key=lambda post: post.ts)


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """Be a file; `is_complete` once it was uploaded and shared."""

    id: str
    name: str
    length: int
    user: str
    content: bytes = b""
    title: str = ""
    is_uploaded: bool = False
    is_complete: bool = False
    shares: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Group:
    """Be a user group."""

    id: str
    handle: str
    members: list[str] = field(default_factory=list)


class Workspace:
    """Hold the state and give out ids; `changes` wakes whoever waits for something to be seen."""

    team_id: Final = "T0SIMULATE"
    app_id: Final = "A0SIMULATE"
    bot_id: Final = "B0SIMULATE"

    def __init__(self, clock: Clock, *, bot_name: str = "quarterdeck") -> None:
        self.clock, self.changes = clock, Changes()
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, StoredFile] = {}
        self.groups: dict[str, Group] = {}
        self.unfurled: list[str] = []
        self._numbers = itertools.count(1)
        self._last_us = 0
        self.bot = Person(id="U0SIMULATE", name=bot_name, is_bot=True)
        self.people[self.bot.id] = self.bot
        self.channel("general")

    def person(self, user: str) -> Person:
        """Return a person by id or by short name; somebody new joins."""
        if user in self.people:
            return self.people[user]
        is_id = _PERSON_ID.fullmatch(user) is not None
        found = next((one for one in self.people.values() if one.name == user), None)
        if found is None:
            person_id = user if is_id else derived_id("U", user)
            found = Person(id=person_id, name=user.lower())
            self.people[found.id] = found
        return found

    def group(self, handle: str, *users: str) -> Group:
        """Make a user group of these people, or change who is in it."""
        found = next((one for one in self.groups.values() if one.handle == handle), None)
        if found is None:
            found = Group(id=derived_id("S", handle), handle=handle)
            self.groups[found.id] = found
        found.members = [self.person(user).id for user in users]
        return found

    def channel(self, name: str, *, kind: Kind = "channel", has_bot: bool = True) -> Channel:
        """Return a channel by id or name; a new one is made, with the bot in it if `has_bot`."""
        found = self.channels.get(name)
        found = found or next((one for one in self.channels.values() if one.name == name and name), None)
        if found is None:
            channel_id = name if _CHANNEL_ID.fullmatch(name) else derived_id("C", name)
            found = Channel(id=channel_id, name=name.lower(), kind=kind)
            if has_bot:
                found.members.append(self.bot.id)
            self.channels[found.id] = found
        return found

    def direct(self, user: str) -> Channel:
        """Return the direct messages between the bot and a person."""
        person = self.person(user)
        channel_id = "D" + person.id[1:]
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(
                id=channel_id, name="", kind="im", with_user=person.id, members=[self.bot.id, person.id]
            )
        return self.channels[channel_id]

    def place(self, where: str, user: str) -> Channel:
        """Return where a person speaks: `direct`, or a channel, which they join."""
        if where == "direct":
            return self.direct(user)
        channel = self.channel(where)
        person = self.person(user)
        if channel.kind != "im" and person.id not in channel.members:
            channel.members.append(person.id)
        return channel

    def next_ts(self) -> str:
        """Return the timestamp of a new message; they never repeat and never go back."""
        self._last_us = max(self._last_us + 1, self.clock.now_ms() * 1000)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def next_id(self, prefix: str) -> str:
        """Return a new id of Slack's shape."""
        return f"{prefix}0{next(self._numbers):08X}"

    def tell(self) -> None:
        """Wake who waits for a change."""
        self.changes.tell()

    def find_post(self, channel: Channel, ts: str) -> Post | None:
        """Return a message that everybody can see and that is not deleted."""
        post = channel.posts.get(ts)
        return None if post is None or post.is_deleted else post

    def replies(self, channel: Channel, parent_ts: str) -> list[Post]:
        """Return the replies in a thread, oldest first."""
        return [
            post
            for post in channel.posts.values()
            if post.thread_ts == parent_ts and post.ts != parent_ts and not post.is_deleted
        ]

    def visible(self, channel: Channel, user: str) -> Iterator[Post]:
        """Yield what a person sees there, oldest first."""
        person = self.person(user)
        for post in channel.shown():
            if not post.to or post.to == person.id:
                yield post


def derived_id(prefix: str, name: str) -> str:
    """Return the id that a short name always gets: readable, and of Slack's shape."""
    readable = re.sub(r"[^A-Z0-9]", "", name.upper())[:4]
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()
    return f"{prefix}0{readable}{digest}"[:11]
