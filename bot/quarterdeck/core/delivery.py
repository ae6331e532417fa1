"""Describe what waits on disk between a platform and the router, in both directions."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.reply import Button
from quarterdeck.core.value import dataclass

SendState = Literal["waiting", "sending", "sent", "unknown", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Hold a stored event that is not done; `attempts` counts the times that handling it ended badly.

    `is_resumed`: a process before this one may have begun to answer it.
    """

    seq: int
    event: Event
    attempts: int = 0
    is_resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Hold one part of a reply on its way out. `id` is the idempotency key, `cause` the key of the whole reply.

    `replaces` is the id of an earlier part whose message gets this content instead of a message of its own.
    """

    id: str
    cause: str
    conversation: Conversation
    part: int
    parts: int
    body: Mapping[str, object]
    text: str
    state: SendState
    created_at_ms: int
    attempts: int = 0
    not_before_ms: int = 0
    replaces: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Say what became of a part that is to be replaced; `message_id` is the platform's, empty while there is none."""

    id: str
    state: SendState
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Remember which buttons the numbers in a conversation stand for, where the platform has none."""

    conversation_id: str
    buttons: tuple[Button, ...]
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Record who was allowed or refused what; `detail` is redacted before it is stored."""

    kind: str
    at_ms: int
    person_id: str = ""
    detail: Mapping[str, object]


class InboxRows(Protocol):
    """Keep events until they are done."""

    async def accept(self, event: Event, body: str, message: Message | None, *, now_ms: int) -> int | None:
        """Store an event and what it does to the history, in one commit; None when it came before."""

    async def resume(self, limit: int, platforms: Collection[str]) -> Sequence[tuple[int, str, str, int]]:
        """Count an attempt for the oldest open event of each conversation, and return open ones in order.

        Each is (seq, kind, body, attempts). Events of other platforms than these stay as they are.
        """

    async def put_down(self) -> None:
        """Take back beforehand the attempts that `resume` will count: this process stops in good order."""

    async def failed(self, seq: int, reason: str) -> int:
        """Count an attempt that ended in an unforeseen error; returns the attempts so far."""

    async def quarantine(self, seq: int, reason: str) -> None:
        """Set an event aside for good."""


class OutboxRows(Protocol):
    """Keep replies until they are sent."""

    async def queue(
        self,
        rows: Sequence[Outgoing],
        *,
        audit: Sequence[AuditEntry] = (),
        done: int | None = None,
        overtaken: Mapping[str, str] = MappingProxyType({}),
        offer: Offer | None = None,
        now_ms: int,
    ) -> bool:
        """Store rows, audit entries and the end of the event `done` in one commit; False when they were there.

        `overtaken` are parts that need not go out any more, each with the part that stands for it from now on.
        `offer` are the choices that the rows show by number.
        """

    async def sending(self, row_id: str) -> None:
        """Write down that a send begins."""

    async def answered(
        self, event: Event, rows: Sequence[Outgoing], *, audit: Sequence[AuditEntry], now_ms: int
    ) -> bool:
        """Store an event that is answered already, and all of its answer, in one commit; False when it came before."""

    def sent(self, row: Outgoing, message: Message) -> Awaitable[None]:
        """Write down that a part arrived, and `message`, what people see of it, in the history.

        Writing begins with the call, in the order of the calls. Where the part replaces another one's, `message` has
        that message's id, and its old text is gone.
        """

    async def postpone(self, row_id: str, *, attempts: int, not_before_ms: int, reason: str) -> None:
        """Put a part back to wait."""

    async def give_up(self, row_id: str, state: SendState, *, attempts: int, reason: str) -> None:
        """End a part as `unknown` or `dead`."""

    async def bury(self, conversation_id: str, reason: str) -> int:
        """End every waiting part of a conversation as `dead`; returns how many."""

    async def open_rows(self) -> Sequence[tuple[str, Conversation, SendState]]:
        """Return id, conversation and state of what waits or was being sent, oldest first."""

    async def one(self, row_id: str) -> Outgoing | None:
        """Return one part, or None."""

    async def target(self, row_id: str) -> Target | None:
        """Return what stands for a part now, None where there never was one."""

    async def offer(self, conversation_id: str) -> Offer | None:
        """Return what can be picked by its number in a conversation."""

    async def cause_of(self, conversation_id: str, message_id: str) -> str | None:
        """Return the key of the event that one of our newest messages answers; None for any other message."""

    async def parts_of(self, cause: str) -> Sequence[str]:
        """Return the ids of a reply's parts, in order."""
