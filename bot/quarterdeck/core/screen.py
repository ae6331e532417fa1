"""Describe a screen of ours: conversations that the bot keeps itself, with everything that stands in them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from quarterdeck.core.event import Event
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

ItemKind = Literal["post", "said", "edit", "rewind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Hold one thing that appeared; `seq` grows with each. `target` is what an edit or a rewind is about.

    `post` is the bot's, `said` a person's. `cause` is the key of the event that it is, or answers.
    """

    seq: int
    kind: ItemKind
    target: int | None = None
    cause: str
    body: Mapping[str, object]
    at_ms: int
    is_edited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Hold one conversation: `id` is unique over all platforms, `name` among those of its `owner`."""

    id: str
    owner: str
    name: str
    title: str
    created_at_ms: int
    updated_at_ms: int
    last_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Show one message that a search found; `parts` of what stands there, and whether each was looked for."""

    room: Room
    item: Item
    parts: Sequence[tuple[str, bool]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Hold a file that somebody uploaded or that stands in an answer; `path` is where it lies."""

    id: str
    owner: str
    name: str
    media_type: str
    size_bytes: int
    path: str
    created_at_ms: int


class Rooms(Protocol):
    """Keep conversations of one owner each, what stands in them, and their files."""

    async def of(self, owner: str) -> Sequence[Room]:
        """Return somebody's conversations, the one that changed last first."""

    async def get(self, owner: str, name: str) -> Room | None:
        """Return one of somebody's conversations."""

    async def open(self, room: Room) -> Room:
        """Make the conversation unless it is there; returns what is there."""

    async def rename(self, owner: str, name: str, title: str) -> Room | None:
        """Change the title; None where there is no such conversation."""

    async def remove(self, owner: str, name: str) -> bool:
        """Delete a conversation with all that stands in it."""

    async def add(
        self,
        conversation_id: str,
        kind: ItemKind,
        body: Mapping[str, object],
        *,
        key: str,
        cause: str,
        text: str,
        at_ms: int,
    ) -> tuple[Item, bool]:
        """Add an item; the same `key` twice is added once. Returns it, and whether it is new."""

    async def edit(
        self, conversation_id: str, target: int, body: Mapping[str, object], *, text: str, at_ms: int
    ) -> Item | None:
        """Add the new form of an item; None where the item is gone or has this form already."""

    async def rewind(self, conversation_id: str, to: int, *, at_ms: int) -> Item | None:
        """Take back the item `to` and all after it; None where it is gone."""

    async def since(self, conversation_id: str, after: int, limit: int = 500) -> Sequence[Item]:
        """Return what appeared after `after`, oldest first, as it appeared: edits and rewinds are items."""

    async def page(self, conversation_id: str, before: int | None, limit: int) -> Sequence[Item]:
        """Return posts and what was said before `before`, oldest first, in their last form."""

    async def item(self, conversation_id: str, seq: int) -> Item | None:
        """Return one post or thing said, in its last form."""

    async def search(self, owner: str, words: str, *, name: str = "", limit: int = 50) -> Sequence[Found]:
        """Return what holds all of `words`, the best first, in one conversation or all of somebody's."""

    async def add_file(self, file: StoredFile) -> None:
        """Store a file; the same id twice is once."""

    async def file(self, owner: str, file_id: str) -> StoredFile | None:
        """Return a file of somebody's."""


class Watched(Protocol):
    """See a conversation while it is looked at; `partials` are unfinished answers by the key of what they answer."""

    @property
    def partials(self) -> Mapping[str, str]: ...
    @property
    def is_typing(self) -> bool: ...
    def unwatch(self) -> None:
        """Look no more."""


Wake = Callable[[], None]
"""Be told that something may have appeared; never blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Hold what somebody does, not yet handed over: the event, and how it is shown in the conversation."""

    event: Event
    room: Room
    body: Mapping[str, object]
    text: str


class Chat(Protocol):
    """Write into conversations of ours, and look at them. `key` makes the same thing done twice one thing."""

    def said(
        self, room: Room, who: Identity, text: str, files: Sequence[StoredFile] = (), *, key: str
    ) -> Draft:
        """Draft a message."""

    def pressed(self, room: Room, who: Identity, item: Item, button_id: str, *, key: str) -> Draft:
        """Draft the press of a button.

        Raises:
            NotFound: the item has no such button.
        """

    def submitted(
        self,
        room: Room,
        who: Identity,
        item: Item,
        values: Mapping[str, object],
        files: Sequence[StoredFile] = (),
        *,
        key: str,
    ) -> Draft:
        """Draft a form that is sent.

        Raises:
            NotFound: the item has no form.
        """

    def invoked(
        self,
        room: Room,
        who: Identity,
        command: str,
        options: Mapping[str, object],
        files: Sequence[StoredFile] = (),
        *,
        key: str,
    ) -> Draft:
        """Draft a command with its options."""

    async def hand_over(self, draft: Draft) -> Item:
        """Show it in the conversation and give it to the bot; returns once both are on disk.

        Raises:
            UsageError: the key stands for something else already.
            Busy: too much waits; nothing was taken, try again.
        """

    async def rewind(self, room: Room, to: int) -> bool:
        """Take back what stands at `to` and all after it; False when it is gone."""

    def watch(self, room_id: str, wake: Wake) -> Watched:
        """Look at a conversation: `wake` is called when something may have appeared."""
