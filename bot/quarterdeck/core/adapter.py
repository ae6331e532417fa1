"""Say what a platform adapter must be able to do; all that differs between platforms is behind this.

An adapter is one folder, `quarterdeck_adapters/<platform>/`, whose `adapter.py` has

    def build(context: PlatformContext) -> Adapter

Abilities beyond `Adapter` are small Protocols of their own, which an adapter implements where its platform has them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from quarterdeck.core.command import Command
from quarterdeck.core.event import Event
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, Commands, Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

Link = Literal["receiving", "connecting", "needs_auth", "off"]


class Ability(StrEnum):
    """Name what a platform has natively; what it lacks is given its stated fallback by the core.

    IDEMPOTENT: `send` with a key that was sent before posts nothing and returns the first message's id.
    PRIVATE: one person alone can be answered in a group; DIRECT: a direct conversation with them can be opened.
    SOURCES: the places that an answer comes from are shown beside it; elsewhere they are listed below its text.
    """

    EDIT = "edit"
    BUTTONS = "buttons"
    FORMS = "forms"
    PRIVATE = "private"
    DIRECT = "direct"
    THREADS = "threads"
    TYPING = "typing"
    FILES = "files"
    REACTIONS = "reactions"
    STREAM = "stream"
    COMMANDS = "commands"
    COMPLETION = "completion"
    HISTORY = "history"
    MEMBERS = "members"
    IDEMPOTENT = "idempotent"
    SOURCES = "sources"


def _itself(conversation: Conversation) -> str:
    return conversation.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Say how fast a platform lets us speak; 0 stands for no limit. The core keeps to it for every adapter.

    Vendors allow bursts above these figures, so answers to people go out at once; from the first refusal for speed on
    the core keeps to them, for that conversation or for all, until it has been quiet for a while. Edits of our own
    making (streams, progress) always keep to them.

    `conversation_s`: least seconds between two sends to one conversation. `per_second`: sends in all.
    `group_per_minute`: sends to one group conversation. `edit_s`: least seconds between two edits of one message.
    `place` names what the platform counts a conversation as, where several share one limit (the threads of a
    channel, the topics of a chat). Edits count as sends. `retries_s`: seconds between the tries of one part, where it
    fails in a way that may pass; the core's own where it is empty.
    """

    conversation_s: float = 0.0
    per_second: float = 0.0
    group_per_minute: int = 0
    edit_s: float = 1.0
    place: Callable[[Conversation], str] = _itself
    retries_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Hold one part of a reply in the platform's own markup; `body` is JSON-serialisable and complete.

    `text` is the part as plain text, for logs of tests and for `delivery list`. `is_unfinished`: it shows how far an
    answer is that is still being written, so a platform may add what is new by a way of its own.
    """

    text: str
    body: dict[str, object] = field(default_factory=dict)
    is_unfinished: bool = False


Accept = Callable[[Event], Awaitable[bool]]
"""Take an event; returns once it is on disk. False: it came before, or it is not for us. Raises `Busy` when full."""


class Adapter(Protocol):
    """Connect one platform."""

    @property
    def platform(self) -> str:
        """Name the platform as in identities: `console`, `slack`, …"""

    @property
    def abilities(self) -> frozenset[Ability]:
        """Say what the platform has natively."""

    @property
    def pace(self) -> Pace:
        """Say how fast the platform lets us speak."""

    @property
    def link(self) -> Link:
        """Say how the connection does, for `/readyz` and `/status`."""

    async def run(self, accept: Accept) -> None:
        """Hold the connection and hand over events until cancelled; returns cleanly when cancelled.

        After a gap it reads what was missed and hands it over with `is_late`, under the ids that live delivery
        would have used.
        """

    def render(self, reply: Reply) -> list[Rendered]:
        """Write `reply` in the platform's markup, split by its own unit of length. Pure."""

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post `part`; returns the platform's message id. `key` is the idempotency key, the same at each try.

        `key` is `cause_of(key)`, the key of the event that is answered, and the number of the part. An adapter may
        answer that event in the platform's own way (an acknowledgement, a follow-up) while it still can.

        Raises:
            ServiceError: what happened; `Unknown` where the answer was lost after the request had gone out, `Gone`
                where nothing can be sent to this conversation any more, `AuthFailed` where our token is refused.
        """


def cause_of(key: str) -> str:
    """Return the key of the event, or of the reply, that the outbox row `key` belongs to."""
    return key.rpartition("#")[0]


class Edits(Protocol):
    """Change a message that was sent before (`Ability.EDIT`)."""

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Replace the message's content by `part`; doing it twice is doing it once.

        Raises:
            ServiceError: what happened.
        """


class Streams(Protocol):
    """Show a reply while it is being written, piece by piece, on a screen of ours (`Ability.STREAM`)."""

    async def preview(self, to: Conversation, event_id: str, piece: str) -> None:
        """Show the next `piece` of the answer to event `event_id`; the final parts still come through `send`."""


class Types(Protocol):
    """Show that an answer is on its way (`Ability.TYPING`)."""

    async def typing(self, to: Conversation) -> None:
        """Show it for some seconds; the core repeats it while the work goes on."""


class Directs(Protocol):
    """Speak to one person alone (`Ability.DIRECT`): how a private answer reaches them where `PRIVATE` is missing."""

    async def direct(self, identity: Identity) -> Conversation | None:
        """Return the direct conversation with somebody, opened where need be; None when they cannot be reached.

        Raises:
            ServiceError: the platform did not open it.
        """


class Reacts(Protocol):
    """Put an emoji under a message (`Ability.REACTIONS`)."""

    async def react(self, to: Conversation, message_id: str, emoji: str) -> None:
        """Add the emoji; twice is once."""


class Downloads(Protocol):
    """Bring a file that people sent (`Ability.FILES`)."""

    async def download(self, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
        """Write the file to `into`.

        Raises:
            UsageError: it is larger than `limit_bytes`.
            ServiceError: the platform did not give it.
        """


class Members(Protocol):
    """Know who reads a conversation (`Ability.MEMBERS`)."""

    async def members(self, of: Conversation) -> frozenset[Identity] | None:
        """Return everybody who reads it; None when that cannot be known."""


class ProvesEmail(Protocol):
    """Know which mail address the platform has proven to be an account's."""

    async def email_of(self, identity: Identity) -> str:
        """Return the address that is proven to be theirs now; empty where the platform proves none.

        Guests, accounts of other workspaces, bots and who has left have none, whatever they show.

        Raises:
            ServiceError: the platform did not say; then all stays as it was.
        """


class Groups(Protocol):
    """Know the platform's own groups (Slack user groups, Discord roles)."""

    async def groups_of(self, identity: Identity) -> frozenset[str]:
        """Return the groups somebody is in now, each `platform:workspace:group` with immutable ids; at most 30 s old.

        Raises:
            ServiceError: the platform did not say; rights that follow from groups do not apply meanwhile.
        """


class NativeCommands(Protocol):
    """Offer commands in the platform's own way (`Ability.COMMANDS`)."""

    async def declare(self, commands: Sequence[Command]) -> None:
        """Make the platform offer these and no others; what it offers is never taken away before the new set is there.

        Raises:
            ServiceError: the platform refused, in its own words; the old set stays.
        """


class Memory(Protocol):
    """Keep small things over a restart, apart for each platform: a session, an offset, an interaction's token."""

    async def get(self, name: str) -> Json:
        """Return what was put last, None when there is nothing or its time is over."""

    async def put(self, name: str, value: Json, *, keep_s: float | None = None) -> None:
        """Write it down; returns once it is on disk. Secrets of short life are fine, tokens of the app are not."""

    async def forget(self, name: str) -> None:
        """Delete it."""


Complete = Callable[[Identity, Conversation, str, str, str], Awaitable[list[str]]]
"""Return what may stand in for (person, conversation, command, option, typed so far); only what they may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformContext:
    """Give an adapter what it needs of its surroundings.

    `settings` is the platform's section, `secret` reads a reference in it (raises `KeyMissing`), `commands` are those
    to declare, `away_s` is how far back a gap is read.
    """

    settings: object
    secret: Callable[[object], str]
    clock: Clock
    memory: Memory
    commands: Commands
    complete: Complete
    away_s: float = 86_400.0
