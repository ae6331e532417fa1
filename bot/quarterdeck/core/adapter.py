"""Say what a platform adapter must be able to do; all that differs between platforms is behind this."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Reply


class Ability(StrEnum):
    """Name what a platform has natively; what it lacks is given its stated fallback by the core.

    IDEMPOTENT: `send` with a key that was sent before posts nothing and returns the first message's id.
    """

    EDIT = "edit"
    BUTTONS = "buttons"
    FORMS = "forms"
    PRIVATE = "private"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Hold one part of a reply in the platform's own markup; `body` is JSON-serialisable and complete.

    `text` is the part as plain text, for logs of tests and for `delivery list`.
    """

    text: str
    body: dict[str, object] = field(default_factory=dict)


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

    async def run(self, accept: Accept) -> None:
        """Hold the connection and hand over events until cancelled; returns cleanly when cancelled."""

    def render(self, reply: Reply) -> list[Rendered]:
        """Write `reply` in the platform's markup, split by its own unit of length. Pure."""

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post `part`; returns the platform's message id. `key` is the idempotency key, the same at each try.

        Raises:
            ServiceError: what happened; `Unknown` where the answer was lost after the request had gone out.
        """


class Edits(Protocol):
    """Change a message that was sent before."""

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Replace the message's content by `part`."""


class Streams(Protocol):
    """Show a reply while it is being written (a terminal, a web page)."""

    async def preview(self, to: Conversation, event_id: str, piece: str) -> None:
        """Show the next `piece` of the answer to event `event_id`; the final parts still come through `send`."""
