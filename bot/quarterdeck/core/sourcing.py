"""Describe where knowledge comes from, and how its sources are changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Literal, Protocol

from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import PUBLIC
from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.message import Attachment, Conversation
    from quarterdeck.core.person import Person
    from quarterdeck.core.ports import Json, Progress

SourceKind = Literal["path", "git", "web", "sitemap", "feed", "upload", "channel"]
SourceState = Literal["new", "syncing", "current", "failed"]
KINDS: tuple[SourceKind, ...] = ("path", "git", "web", "sitemap", "feed", "upload", "channel")
DEFAULT_COLLECTION = "documents"
LEAST_EVERY_S = 60
_EVERY = re.compile(r"([0-9]{1,6})\s*(s|m|min|h|d|w)?")
_SECONDS = {"s": 1, "": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSource:
    """Describe one source. `every_s` 0: read when somebody asks; `cursor` is what its kind remembers between two syncs.

    `location` is an absolute path, a URL, or the id of a conversation. `origin` says whether the settings file named
    it or a command; `owner` is the id of the person who added it.
    """

    id: str
    collection: str
    kind: SourceKind
    location: str
    audience: str = PUBLIC
    every_s: int = 0
    options: Mapping[str, Json] = field(default_factory=dict)
    origin: Literal["settings", "command"] = "command"
    owner: str = ""
    is_paused: bool = False
    state: SourceState = "new"
    reason: str = ""
    cursor: Mapping[str, Json] = field(default_factory=dict)
    created_at_ms: int = 0
    synced_at_ms: int | None = None
    next_at_ms: int | None = None

    @property
    def root(self) -> str:
        """Return what its documents give as their root."""
        return self.location


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOrder:
    """Say what is to be added; an empty `kind` is seen from the location.

    An empty `audience` is public, but for a conversation's words: they are for those who read it.
    """

    location: str
    kind: SourceKind | Literal[""] = ""
    collection: str = DEFAULT_COLLECTION
    audience: str = ""
    every_s: int = 0
    options: Mapping[str, Json] = field(default_factory=dict)


class Sourcing(Protocol):
    """Change what the team's knowledge is made of; whoever calls has asked the authoriser."""

    async def add(
        self, order: SourceOrder, *, owner: str, progress: Progress | None = None
    ) -> Mapping[str, Json]:
        """Add a source, or change the one that has this location, and read it; returns what the reading did.

        Raises:
            UsageError: there is no such place, or an option is wrong; nothing was changed.
        """

    async def keep(self, attachment: Attachment, conversation: Conversation) -> str:
        """Keep a file that came with a message; returns the location to add.

        Raises:
            UsageError: it is too large, or of a format that cannot be read.
            ServiceError: the platform did not give it.
        """

    async def sources(self) -> Sequence[KnowledgeSource]:
        """Return all sources, by collection and location."""

    async def sync(self, what: str, *, progress: Progress | None = None) -> Mapping[str, Json]:
        """Read a source (by id or location), a collection, or with an empty `what` everything again.

        Raises:
            NotFound: nothing is called that.
        """

    async def remove(self, what: str) -> Mapping[str, Json]:
        """Forget a source, a collection or a document, by name.

        Raises:
            NotFound: nothing is called that.
            UsageError: the settings file names it.
        """

    async def share(self, what: str, audience: str) -> int:
        """Give a source, or all of a collection, another audience; returns how many documents have it now.

        Raises:
            NotFound: nothing is called that.
            UsageError: the settings file names it, or it is no audience.
        """

    async def pause(self, what: str, *, is_paused: bool) -> int:
        """Stop or begin to read sources on schedule; returns how many.

        Raises:
            NotFound: nothing is called that.
        """

    def is_local(self, order: SourceOrder) -> bool:
        """Tell whether it reads this machine's own files."""

    def audience_of(self, person: Person, conversation: Conversation) -> str:
        """Return who may read what is added here, unless it is said otherwise."""


def parse_every(text: str) -> int:
    """Return seconds from `15m`, `6h`, `1d`; 0 from nothing and from `never`.

    Raises:
        UsageError: it is no span, or shorter than a minute.
    """
    words = text.strip().lower()
    if words in ("", "0", "never", "manual"):
        return 0
    found = _EVERY.fullmatch(words)
    if found is None:
        raise UsageError(f"{text!r} is no span of time", hint="write 15m, 6h, 1d, or never")
    seconds = int(found[1]) * _SECONDS[found[2] or ""]
    if not LEAST_EVERY_S <= seconds <= 366 * 86_400:
        raise UsageError(f"{text!r} is too short or too long", hint="from 1m to 366d")
    return seconds
