"""Describe what is remembered of digests, and who writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Hold one issue: the outbox key that it goes out with, how far it reaches, which sources failed and why."""

    key: str
    up_to_ms: int
    failing: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Hold what an issue found: `n` is its number there, 0 when it was not shown. `item` and `mark` are hashes."""

    item: str
    mark: str
    n: int
    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Hold what somebody said of an item in a channel: `kind` is ack or mute, empty takes it back."""

    name: str
    conversation_id: str
    item: str
    kind: str
    by: str
    title: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Say what became of an order to send: to how many it went, who waits for the end of quiet hours."""

    sent: int
    waiting: Sequence[str] = ()
    without_news: int = 0


class Digests(Protocol):
    """Sum up what was said, and what changed."""

    async def compose(self, conversation: Conversation, *, key: str) -> Reply:
        """Return a digest of what was said since the last delivered one; it will be sent under the outbox key `key`."""

    async def summarize(self, conversation: Conversation, *, since_ms: int) -> Reply:
        """Return a digest of what was said since then; it changes nothing about the next delivered one."""

    async def preview(self, conversation: Conversation) -> Reply:
        """Return what `compose` would, changing nothing."""


class DigestDesk(Protocol):
    """Declare, write and send digests of many sources."""

    async def issue(self, name: str, conversation: Conversation, *, key: str, by: Identity) -> Reply:
        """Return the next issue for a channel; it will be sent under the outbox key `key`.

        Raises:
            NotFound: there is no such digest.
            Denied: it does not go there, and is not `by`'s own.
        """

    async def preview(self, name: str, conversation: Conversation, *, by: Identity) -> Reply:
        """Return what the next issue would be, changing nothing."""

    async def send(self, name: str, *, key: str, only: str = "") -> Sending:
        """Send an issue to all channels and readers, or `only` to one; the same `key` twice sends once."""

    async def add_source(
        self, name: str, kind: str, words: Sequence[str], *, conversation: Conversation, by: Identity
    ) -> Reply:
        """Give a digest one more source; a new one goes to `conversation`."""

    async def set(
        self, name: str, field: str, text: str, *, conversation: Conversation, by: Identity
    ) -> Reply:
        """Change a digest that was declared in a conversation."""

    async def drop_source(self, name: str, n: int, *, by: Identity) -> Reply:
        """Take the `n`-th source away, from 1."""

    async def remove(self, name: str, *, by: Identity) -> Reply:
        """Delete a digest that was declared in a conversation."""

    async def describe(self, name: str = "") -> Reply:
        """Show one digest, or the list of all."""

    async def mark(self, code: str, n: int, kind: str, *, conversation: Conversation, by: Identity) -> Reply:
        """Say of item `n` of an issue that it is seen to (`ack`), shall not come again (`mute`), or take that back."""

    async def set_reader(self, by: Identity, words: Sequence[str]) -> Reply:
        """Set by whose clock, and outside of which hours, somebody gets direct digests."""
