"""Name what the parts of Quarterdeck need of each other; `app.py` plugs the real things in.

Small Protocols, one noun each. Times inside are aware UTC datetimes or integer milliseconds (`…_ms`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from quarterdeck.core.access import AccessRequest as AccessRequest
from quarterdeck.core.access import Authoriser as Authoriser
from quarterdeck.core.access import Decision as Decision
from quarterdeck.core.access import Decisions as Decisions
from quarterdeck.core.access import Linking as Linking
from quarterdeck.core.access import People as People
from quarterdeck.core.access import Refusal as Refusal
from quarterdeck.core.access import Way as Way
from quarterdeck.core.action import Reactions, Starting, Tallies
from quarterdeck.core.approval import Approvals
from quarterdeck.core.budget import Budgets, UsageLog
from quarterdeck.core.command import Command
from quarterdeck.core.digest import DigestDesk as DigestDesk
from quarterdeck.core.digest import Digests as Digests
from quarterdeck.core.image import Attached, Images
from quarterdeck.core.knowledge import PUBLIC, AnswerWish, Filters
from quarterdeck.core.mcp import Mcp
from quarterdeck.core.memory import Memories
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.model import ModelChoices, Models
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.reply import File, Reply
from quarterdeck.core.run import Runs
from quarterdeck.core.schedule import Schedule as Schedule
from quarterdeck.core.schedule import Schedules as Schedules
from quarterdeck.core.sourcing import Sourcing
from quarterdeck.core.tool import Tools
from quarterdeck.core.value import dataclass
from quarterdeck.core.web import Web as Web
from quarterdeck.core.web import WebAnswer as WebAnswer

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


class Clock(Protocol):
    """Tell the time; tests replace it."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""

    def now_ms(self) -> int:
        """Return the present moment in ms since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class History(Protocol):
    """Remember what was said."""

    async def since(self, conversation_id: str, after_ms: int, limit: int = 1000) -> list[Message]:
        """Return messages sent after `after_ms`, oldest first, deleted ones left out, the bot's own included."""

    async def recent(self, conversation_id: str, limit: int = 20) -> list[Message]:
        """Return the last messages, oldest first."""

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return the conversation of this id, None when nothing was ever said there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Show one outgoing part: `state` is waiting, sending, sent, unknown or dead."""

    id: str
    conversation_id: str
    state: str
    attempts: int
    reason: str
    created_at_ms: int
    text: str = ""


class Deliveries(Protocol):
    """Show and retry what goes out."""

    async def pending(
        self, conversation_id: str | None = None, limit: int = 200, *, state: str = ""
    ) -> list[Delivery]:
        """Return what is not sent: waiting, sending, unknown, dead, or what is in this `state`; newest first.

        Raises:
            UsageError: there is no such state.
        """

    async def retry(self, delivery_id: str) -> Delivery:
        """Put an unknown or dead delivery back to waiting.

        Raises:
            NotFound: no such delivery, or it was sent.
        """

    async def retry_all(self, conversation_id: str) -> int:
        """Put every dead delivery of a conversation back to waiting, oldest first; returns how many.

        Unknown ones are left: whether they arrived is to be looked at one by one.
        """


class Outbox(Protocol):
    """Send replies; each is on disk before it is sent."""

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Queue `reply`; the same `key` twice is sent once. Returns when it is on disk."""

    async def edit(self, to: Conversation, reply: Reply, *, replaces: str, key: str) -> None:
        """Queue `reply` in place of the one that was sent under the key `replaces`; the same `key` twice is once.

        Where the platform cannot change a message, or none arrived, it is posted and says what it updates.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Hold one found chunk. `score` is comparable within one search only; `url` says where it lies, `place` which page
    or lines; `modified_at_ms` when its document was changed, None where the source does not say.
    """

    chunk_id: str
    document: str
    collection: str
    heading: str
    text: str
    url: str
    score: float
    signals: Mapping[str, float] = field(default_factory=dict)
    place: str = ""
    modified_at_ms: int | None = None
    audience: str = PUBLIC


class Knowledge(Protocol):
    """Search the team's documents and answer from them."""

    async def search(
        self,
        query: str,
        *,
        limit: int = 8,
        collections: Sequence[str] = (),
        person: Person | None = None,
        conversation: Conversation | None = None,
        filters: Filters | None = None,
    ) -> list[Passage]:
        """Return the best passages that `person` may read, best first; empty when nothing is relevant.

        In a group conversation only what everybody there may read; without a person only what is public.

        Raises:
            NotFound: there is no such collection, or none that may be read here.
        """

    async def ask(
        self,
        question: str,
        *,
        person: Person,
        conversation: Conversation,
        filters: Filters | None = None,
        key: str = "",
    ) -> Reply:
        """Answer with citations, streaming where a model writes, or say `not_found`.

        The answer has buttons when it has a `key`, the same for the same question; see `follow`.

        Raises:
            NotFound: there is no such collection, or none that may be read here.
        """

    async def follow(
        self,
        answer_id: str,
        wish: AnswerWish,
        *,
        person: Person,
        identity: Identity,
        conversation: Conversation,
        said: str = "",
    ) -> Reply:
        """Go on from an answer: show its sources, say more, take note that it helped or was wrong, answer in private.

        Raises:
            NotFound: there is no such answer (any more), or it was given elsewhere.
        """

    async def counts(self) -> Mapping[str, int]:
        """Return how many collections, documents and chunks there are."""

    async def add(
        self, name: str, content: bytes, *, collection: str, audience: str = PUBLIC
    ) -> Mapping[str, Json]:
        """Keep a document of ours under `name`, in place of an earlier one of that name; returns what was done.

        `audience` are its readers, as `core/audience.py` spells them. The result has `added`, `changed`, `unchanged`
        and `chunks`, each a count. The same content twice is once.

        Raises:
            UsageError: name or collection is not valid, or the document cannot be read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """Show one event that is being answered, or waits for it: `key` names it, `actor` asked."""

    key: str
    actor: Identity
    command: str


class Answering(Protocol):
    """Know what is being answered right now, and stop it."""

    def under_way(self, conversation_id: str) -> list[UnderWay]:
        """Return what is being answered in a conversation or waits there, oldest first."""

    def cancel(self, key: str) -> bool:
        """Stop the answer to this event; False when it is not being worked on, nor waiting."""


class Pictures(Protocol):
    """Draw for people."""

    async def bars(self, title: str, labels: Sequence[str], values: Sequence[float], *, top: str) -> File:
        """Return a picture of bars, one for each value; `top` writes the highest one."""


class Health(Protocol):
    """Know how the bot does."""

    async def facts(self) -> Mapping[str, Json]:
        """Return what `/status` and `/readyz` show: version, uptime_s, database, platforms, queues, knowledge."""


class Commands(Protocol):
    """Know the commands there are."""

    def all(self) -> tuple[Command, ...]:
        """Return every command, by name."""

    def get(self, name: str) -> Command | None:
        """Return the command of this name, without the slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Bundle what a command may use."""

    clock: Clock
    models: Models
    choices: ModelChoices
    knowledge: Knowledge
    schedules: Schedules
    digests: Digests
    digest_desk: DigestDesk
    history: History
    deliveries: Deliveries
    health: Health
    commands: Commands
    authoriser: Authoriser
    decisions: Decisions
    people: People
    linking: Linking
    web: Web
    budgets: Budgets
    usage: UsageLog
    memories: Memories
    approvals: Approvals
    answering: Answering
    tools: Tools
    pictures: Pictures
    outbox: Outbox
    reactions: Reactions
    media_folders: tuple[Path, ...] = ()
    workflows: Starting | None = None  # None where nothing runs them
    runs: Runs | None = None  # likewise
    tallies: Tallies | None = None  # likewise
    mcp: Mcp | None = None  # likewise
    images: Images
    attached: Attached
    sourcing: Sourcing


Progress = Callable[[str], Awaitable[None]]
"""Tell the caller of a long operation, in one sentence, how far it is."""

OperationHandler = Callable[[Mapping[str, Json], Progress], Awaitable[Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Declare what a verb of the program does with state, inside the process that holds the lock.

    `name` is `noun.verb` (`schedule.list`); parameters and result are JSON. The command line, and later the dashboard
    and API, call operations; the authoriser is asked with `least_role` first.
    """

    name: str
    handler: OperationHandler
    least_role: str = "owner"
    effect: str = "read"
