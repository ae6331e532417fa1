"""Keep the sources in order: add them, read them when they are due, share them with others, remove them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from quarterdeck.core.audience import spelled
from quarterdeck.core.errors import NotFound, QuarterdeckError, UsageError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Clock, Progress
from quarterdeck.core.sourcing import KINDS, KnowledgeSource, SourceKind, SourceOrder
from quarterdeck.rag.ingesting.ingest import Ingest
from quarterdeck.rag.ingesting.report import Report
from quarterdeck.rag.library import Library
from quarterdeck.rag.reading.sources import format_of
from quarterdeck.rag.sources.folder import Folder
from quarterdeck.rag.sources.naming import check_collection, kind_of, new_source
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.runtime.process.tasks import in_thread

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

LONGEST_WAIT_S = 3600.0
UPLOAD_BYTES = 10 * 1024 * 1024
OPTIONS: Mapping[str, type] = {"branch": str, "below": str, "limit": int, "credential": str}
LOCAL: frozenset[str] = frozenset({"path"})

log = logging.getLogger(__name__)

Fetch = Callable[[Attachment, Conversation, int], Awaitable[bytes]]
"""Bring the bytes of an attached file, at most so many."""


class Uploads(Protocol):
    """Keep files that people sent."""

    def keep(self, name: str, content: bytes, collection: str) -> Path:
        """Write a file and return its path; one of the same name is replaced."""


class SourceDesk:
    """Change what knowledge is made of (the `Sourcing` port); `serve` reads what is due."""

    def __init__(
        self,
        ingest: Ingest,
        library: Library,
        vectors: Vectors,
        clock: Clock,
        *,
        declared: Sequence[SourceOrder] = (),
        uploads: Uploads,
        fetch: Fetch,
    ) -> None:
        self._ingest, self._library, self._vectors, self._clock = ingest, library, vectors, clock
        self._declared, self._uploads, self._fetch = declared, uploads, fetch
        self._changed = asyncio.Event()

    async def add(
        self, order: SourceOrder, *, owner: str, progress: Progress | None = None
    ) -> Mapping[str, Json]:
        """Add a source, or change the one that has this location, and read it; returns what the reading did.

        Raises:
            UsageError: there is no such place, or an option is wrong; nothing was changed.
        """
        source = await self._made(order, owner=owner)
        report = Report()
        kept = await self._ingest.bring(source, report, progress or _hush)
        self._changed.set()
        return {**report.as_json(), "source": kept.id, "kind": kept.kind, "audience": kept.audience}

    async def keep(self, attachment: Attachment, conversation: Conversation) -> str:
        """Keep a file that came with a message; returns the location to add.

        Raises:
            UsageError: it is too large, or of a format that cannot be read.
            ServiceError: the platform did not give it.
        """
        plain = attachment.name.replace("\\", "/").rpartition("/")[2].replace(":", " ")
        name = " ".join(plain.split()).lstrip(". ")
        if format_of(Path(name)) is None:
            raise UsageError(
                f"{name!r} has a format that cannot be read", hint="send Markdown, PDF, DOCX, text …"
            )
        content = await self._fetch(attachment, conversation, UPLOAD_BYTES)
        return str(await in_thread(self._uploads.keep, name, content, conversation.id[:100]))

    async def sources(self) -> Sequence[KnowledgeSource]:
        """Return all sources, by collection and location."""
        return await self._library.sources()

    async def sync(self, what: str, *, progress: Progress | None = None) -> Mapping[str, Json]:
        """Read a source (by id or location), a collection, or with an empty `what` everything again.

        Raises:
            NotFound: nothing is called that.
        """
        if not what:
            return (await self._ingest.sync(None, progress or _hush)).as_json()
        report = Report()
        for source in await self._named(what):
            await self._ingest.sync_source(source.id, report, progress or _hush)
        return report.as_json()

    async def check(self, order: SourceOrder) -> None:
        """Refuse what cannot be added, before the first of several is.

        Raises:
            UsageError: there is no such place, or an option is wrong.
        """
        await self._made(order, owner="")

    async def remove(self, what: str, collection: str = "") -> Mapping[str, Json]:
        """Forget a source, a collection or a document, by name; `collection` narrows that down, alone it is meant.

        Raises:
            NotFound: nothing is called that.
            UsageError: the settings file names it.
        """
        try:
            for source in await self._named(what or collection):
                _refuse_declared(source, "remove")
        except NotFound:
            pass  # a document, then
        report = await self._ingest.remove(what, collection or None)
        self._changed.set()
        return report.as_json()

    async def share(self, what: str, audience: str) -> int:
        """Give a source, or all of a collection, another audience; returns how many documents have it now.

        It holds from the next question on: what is found is checked against it after it was found.

        Raises:
            NotFound: nothing is called that.
            UsageError: the settings file names it, or it is no audience.
        """
        spelling = spelled([audience])
        found = await self._named(what)
        for source in found:
            _refuse_declared(source, "change the audience of")
        count = await self._library.share([one.id for one in found], spelling)
        await self._vectors.regroup()
        return count

    async def pause(self, what: str, *, is_paused: bool) -> int:
        """Stop or begin to read sources on schedule; returns how many.

        Raises:
            NotFound: nothing is called that.
        """
        found = await self._named(what)
        for source in found:
            await self._library.keep_source(replace(source, is_paused=is_paused))
        self._changed.set()
        return len(found)

    def is_local(self, order: SourceOrder) -> bool:
        """Tell whether it reads this machine's own files."""
        kind = order.kind or kind_of(order.location)
        return kind in LOCAL or (kind == "git" and "://" not in order.location)

    def audience_of(self, person: Person, conversation: Conversation) -> str:
        """Return who may read what is added here, unless it is said otherwise: whoever reads the place itself."""
        if conversation.kind == "direct":
            return spelled([f"person:{person.id}"])
        return spelled([f"conversation:{conversation.id}"])

    async def serve(self) -> None:
        """Bring the sources of the settings in, then read what is due, for ever."""
        await self.declare()
        while True:
            self._changed.clear()
            due = [one for one in await self._library.sources() if self._is_due(one)]
            for source in due:
                await self._read(source)
            if due:
                continue
            await self._wait()

    async def declare(self) -> None:
        """Make the sources of the settings file what it says; what it names no more is removed with its documents."""
        wanted = {}
        for order in self._declared:
            source = await self._made(order, owner="", origin="settings")
            wanted[source.id] = source
        stored = {one.id: one for one in await self._library.sources()}
        for old in stored.values():
            if old.origin == "settings" and old.id not in wanted:
                await self._ingest.drop(old)
        for source in wanted.values():
            before = stored.get(source.id)
            if before is None:
                await self._library.keep_source(source)
                continue
            if before.audience != source.audience:
                await self._library.share([source.id], source.audience)
                await self._vectors.regroup()
            kept = replace(before, every_s=source.every_s, options=source.options, origin="settings")
            if dict(before.options) != dict(source.options):
                kept = replace(kept, state="new", cursor={})
            await self._library.keep_source(replace(kept, audience=source.audience))

    def _is_due(self, source: KnowledgeSource) -> bool:
        if source.is_paused:
            return False
        if source.state in ("new", "syncing"):  # never read, or the bot was killed while it was
            return True
        return bool(source.every_s) and (source.next_at_ms or 0) <= self._clock.now_ms()

    async def _read(self, source: KnowledgeSource) -> None:
        report = Report()
        try:
            await self._ingest.sync_source(source.id, report, _hush)
        except QuarterdeckError as error:
            now_ms = self._clock.now_ms()
            again_ms = now_ms + max(60, source.every_s) * 1000
            failed = replace(source, state="failed", reason=error.message, next_at_ms=again_ms)
            await self._library.keep_source(failed)
            log.warning("A source was not read", extra={"source": source.location, "reason": error.message})
            return
        log.info(
            "A source was read",
            extra={
                "source": source.location,
                "added": report.added,
                "changed": report.changed,
                "removed": report.removed,
                "failed": len(report.failed),
            },
        )

    async def _wait(self) -> None:
        """Wait until the next source is due, or something changed."""
        times = [
            one.next_at_ms
            for one in await self._library.sources()
            if one.every_s and not one.is_paused and one.next_at_ms is not None
        ]
        wait_s = LONGEST_WAIT_S
        if times:
            wait_s = min(wait_s, max(0.0, (min(times) - self._clock.now_ms()) / 1000))
        sleep = asyncio.ensure_future(self._clock.sleep(wait_s))
        change = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({sleep, change}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleep, change):
                task.cancel()
            await asyncio.gather(sleep, change, return_exceptions=True)

    async def _made(self, order: SourceOrder, *, owner: str, origin: str = "command") -> KnowledgeSource:
        """Check an order and return its source.

        Raises:
            UsageError: something in it is wrong.
        """
        location = order.location.strip()
        if not location:
            raise UsageError("say what to add", hint="a path, an https:// address, or a conversation's id")
        kind: SourceKind = order.kind or kind_of(location)
        if kind not in KINDS:
            raise UsageError(f"{kind!r} is no kind of source", hint=f"write one of {', '.join(KINDS)}")
        for name, value in order.options.items():
            if name not in OPTIONS or not isinstance(value, OPTIONS[name]):
                raise UsageError(f"{name!r} is no option of a source", hint=f"there are {', '.join(OPTIONS)}")
        if kind in ("path", "upload") and origin == "command":
            location = await in_thread(Folder.check, location)
        elif kind in ("path", "upload") or (kind == "git" and "://" not in location):
            location = await in_thread(os.path.realpath, location)
        elif kind in ("web", "sitemap", "feed") and "://" not in location:
            raise UsageError(f"{location!r} is no address", hint="write https://host/path")
        audience = spelled([order.audience])
        if kind == "channel" and not order.audience:
            audience = spelled([f"conversation:{location}"])
        return new_source(
            kind,
            location,
            check_collection(order.collection),
            audience=audience,
            every_s=order.every_s,
            options=order.options,
            origin=origin,
            owner=owner,
            now_ms=self._clock.now_ms(),
        )

    async def _named(self, what: str) -> list[KnowledgeSource]:
        stored = await self._library.sources()
        found = [one for one in stored if what in (one.id, one.location)]
        found = found or [one for one in stored if one.collection == what]
        if not found:
            raise NotFound(
                f"there is no source {what!r}", hint="quarterdeck knowledge list, or /knowledge list"
            )
        return found


def _refuse_declared(source: KnowledgeSource, verb: str) -> None:
    if source.origin == "settings":
        raise UsageError(
            f"the settings file names {source.location}",
            hint=f"to {verb} it, change knowledge.sources there and start again",
        )


async def _hush(sentence: str) -> None:
    """Tell nobody how far it is."""
