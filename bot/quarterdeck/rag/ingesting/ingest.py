"""Bring the library in step with its sources: read, cut, embed, store; each document in one commit.

Reading runs ahead of embedding by a few documents, in a process of its own. A document that cannot be read costs
itself: it is kept with the reason, and the rest goes on. Killed at any moment, the library holds whole documents
only, and the same call again goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from quarterdeck.core.errors import NotFound, QuarterdeckError, UsageError
from quarterdeck.core.knowledge import PUBLIC, Chunk, Document, KnownDocument, Scope
from quarterdeck.core.ports import Clock, Progress
from quarterdeck.core.sourcing import DEFAULT_COLLECTION, KnowledgeSource, SourceKind
from quarterdeck.rag.ingesting.gathering import Gathering, Round
from quarterdeck.rag.ingesting.passing import SourcePass
from quarterdeck.rag.ingesting.report import Report as Report
from quarterdeck.rag.library import Library
from quarterdeck.rag.reading.desk import Read, ReadingDesk, Sight
from quarterdeck.rag.sources.folder import Folder
from quarterdeck.rag.sources.naming import new_source, overlapping
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.runtime.process.tasks import in_thread

__all__ = ["DEFAULT_COLLECTION", "Ingest", "Report"]

READ_AHEAD = 4  # documents
AGAIN_AFTER_MS = 15 * 60_000  # a source that failed is tried again after so long, or sooner where it is due

log = logging.getLogger(__name__)


class Ingest:
    """Change the library, one call at a time."""

    def __init__(
        self,
        library: Library,
        vectors: Vectors,
        clock: Clock,
        *,
        chunk_tokens: int,
        overlap_tokens: int,
        staging: Path | None = None,
    ) -> None:
        self._library, self._vectors, self._clock = library, vectors, clock
        self.desk = ReadingDesk(chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)
        self._staging = staging
        self._one_at_a_time = asyncio.Lock()
        self._kinds: dict[SourceKind, Gathering] = {"path": Folder(), "upload": Folder()}

    def use(self, kinds: Mapping[SourceKind, Gathering], sight: Sight) -> None:
        """Know further kinds of sources, and see pictures."""
        self._kinds |= kinds
        self.desk.sight = sight

    async def add(
        self, paths: Sequence[str], collection: str, progress: Progress, *, audience: str = PUBLIC
    ) -> Report:
        """Read what lies at `paths`, absolute; unchanged documents are skipped, vanished ones removed.

        Raises:
            UsageError: a path does not exist or cannot be read at all; nothing was changed.
        """
        found = []
        for path in paths:
            where = await in_thread(Folder.check, path)
            found.append(
                new_source("path", where, collection, audience=audience, now_ms=self._clock.now_ms())
            )
        report = Report()
        for source in found:
            await self.bring(source, report, progress)
        return report

    async def bring(self, source: KnowledgeSource, report: Report, progress: Progress) -> KnowledgeSource:
        """Store a source that is new or changed, and read it; returns the one that holds its documents now.

        One inside of another of the same collection and audience is read as a part of that one; those inside of it
        become a part of it.
        """
        async with self._one_at_a_time, self._reading():
            stored = await self._library.sources()
            before = next((one for one in stored if one.id == source.id), None)
            outer, inner = overlapping(source, stored)
            if before is None and outer is not None:
                await self._sync(outer, report, progress, below=source.location)
                return outer
            if before is not None:
                kept = replace(before, every_s=source.every_s, options=source.options, origin=source.origin)
                source = replace(kept, owner=before.owner or source.owner, audience=source.audience)
                if before.audience != source.audience:
                    await self._library.share([source.id], source.audience)
                    await self._vectors.regroup()
            await self._library.keep_source(source)
            if inner:
                await self._library.adopt(source, [one.id for one in inner])
            await self._sync(source, report, progress)
            return source

    async def sync(self, collection: str | None, progress: Progress) -> Report:
        """Read all sources again, or those of one collection.

        Raises:
            NotFound: there is no such collection.
        """
        await self._give_sources()
        chosen = [one for one in await self._library.sources() if collection in (None, one.collection)]
        if collection is not None and not chosen:
            raise NotFound(f"there is no collection {collection!r}", hint="quarterdeck knowledge list")
        report = Report()
        for source in chosen:
            await self.sync_source(source.id, report, progress)
        return report

    async def sync_source(self, source_id: str, report: Report, progress: Progress) -> None:
        """Read one source again; one that was removed meanwhile is none."""
        async with self._one_at_a_time, self._reading():
            found = [one for one in await self._library.sources() if one.id == source_id]
            if found:
                await self._sync(found[0], report, progress)

    async def drop(self, source: KnowledgeSource) -> int:
        """Forget a source with all its documents; returns how many."""
        report = Report()
        async with self._one_at_a_time:
            await self._forget(
                source, list((await self._library.known_documents(source.id)).values()), report
            )
            await self._library.drop_source(source.id)
            await in_thread(self._kinds[source.kind].forget, source)
        return report.removed

    async def remove(self, what: str, collection: str | None) -> Report:
        """Remove documents: all of a collection, or those whose name, path or root is `what`, or that lie below it.

        A source is gone with the last of them, or when it was named itself.

        Raises:
            NotFound: nothing has this name.
        """
        await self._give_sources()
        report = Report()
        sources = [one for one in await self._library.sources() if collection in (None, one.collection)]
        whole = [one for one in sources if not what or what in (one.id, one.location)]
        documents = [] if whole else await self._chosen(what, collection)
        if not whole and not documents and collection is None:
            whole = [one for one in sources if one.collection == what]
        if not whole and not documents:
            raise NotFound(f"nothing is called {what or collection!r}", hint="quarterdeck knowledge list")
        for source in whole:
            report.removed += await self.drop(source)
        await self._remove(documents, report)
        return report

    async def _chosen(self, what: str, collection: str | None) -> list[Document]:
        found = await self._library.documents(collection)
        return [one for one in found if _is_meant(one, what)]

    async def _remove(self, documents: Sequence[Document], report: Report) -> None:
        async with self._one_at_a_time:
            by_scope: dict[tuple[str, str], list[str]] = {}
            for one in documents:
                by_scope.setdefault((one.collection, one.audience), []).append(one.id)
            for (collection, audience), ids in by_scope.items():
                change = await self._library.remove(Scope(collection=collection, audience=audience), ids)
                await self._vectors.follow(change, (), ())
            report.removed += len(documents)
            for source_id in {one.source_id for one in documents if one.source_id}:
                if not await self._library.known_documents(source_id):
                    await self._library.drop_source(source_id)

    async def _give_sources(self) -> None:
        """Make sources of roots that an older version kept with its documents."""
        orphans = [one for one in await self._library.documents() if not one.source_id]
        for collection, root in sorted({(one.collection, one.root) for one in orphans}):
            source = new_source("path", root, collection, now_ms=self._clock.now_ms())
            await self._library.keep_source(source)
            await self._library.adopt(source, (), root=root)

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.desk.stop()

    async def _sync(
        self, source: KnowledgeSource, report: Report, progress: Progress, *, below: str = ""
    ) -> None:
        """Read a source, and note how that went."""
        await self._library.keep_source(replace(source, state="syncing"))
        gathering = self._kinds.get(source.kind)
        known = await self._library.known_documents(source.id)
        with tempfile.TemporaryDirectory(dir=self._staging, prefix="quarterdeck-") as staging:
            round_ = Round(
                source=source,
                known=known,
                staging=Path(staging),
                desk=self.desk,
                cursor=dict(source.cursor),
                below=below,
            )
            reason = ""
            try:
                if gathering is None:
                    raise UsageError(f"sources of the kind {source.kind} are off here")
                await self._follow(gathering, round_, report, progress)
            except UsageError as error:
                reason = error.message
                if gathering is not None and gathering.is_gone(source):
                    await self._forget(source, list(known.values()), report)
                else:
                    report.missing.append(source.location)
            except QuarterdeckError as error:
                if error.kind == "setup":
                    await self._library.keep_source(replace(source, state="failed", reason=error.message))
                    raise
                reason = error.message
                report.missing.append(source.location)
        await self._note(source, round_, reason)

    async def _note(self, source: KnowledgeSource, round_: Round, reason: str) -> None:
        now_ms = self._clock.now_ms()
        every_ms = source.every_s * 1000
        pause_ms = min(every_ms, AGAIN_AFTER_MS) if reason else every_ms
        now = next((one for one in await self._library.sources() if one.id == source.id), source)
        await self._library.keep_source(
            replace(
                now,
                state="failed" if reason else "current",
                reason=reason,
                cursor=source.cursor if reason else round_.cursor,
                synced_at_ms=now_ms if not reason else now.synced_at_ms,
                next_at_ms=now_ms + pause_ms if every_ms else None,
            )
        )
        if reason:
            log.warning("A source was not read", extra={"source": source.location, "reason": reason})

    async def _follow(self, gathering: Gathering, round_: Round, report: Report, progress: Progress) -> None:
        """Read, embed and store what the source has; remove what was there and is not any more."""
        pass_ = SourcePass(round_, report, progress)
        queue: asyncio.Queue[Read | None] = asyncio.Queue(READ_AHEAD)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pass_.read_all(gathering.items(round_), queue))
                while (read := await queue.get()) is not None:
                    await self._store(read, report, pass_)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        if pass_.touched:
            await self._library.touch(pass_.touched)
        if not gathering.keeps_absent:
            await self._forget(round_.source, pass_.absent(), report)

    async def _store(self, read: Read, report: Report, pass_: SourcePass) -> None:
        """Embed what is new, commit the document, bring the index in step."""
        document = replace(read.document, indexed_at_ms=self._clock.now_ms())
        pieces, fresh = await self._embedded(read)
        change = await self._library.put(document, pieces)
        await self._vectors.follow(change, [one.id for one in fresh], [one.embedding for one in fresh])
        if document.state == "failed":
            report.failed.append((document.name, document.reason))
        elif document.id in pass_.moved:
            report.moved += 1
        elif document.id in pass_.known_ids:
            report.changed += 1
        else:
            report.added += 1
        report.chunks += len(pieces)

    async def _embedded(self, read: Read) -> tuple[list[Chunk], list[Chunk]]:
        """Return the chunks with their vectors, and those among them whose vectors are new."""
        if not read.pieces:
            return [], []
        space = await self._vectors.space()
        known = await self._library.embeddings([piece.id for piece in read.pieces], space)
        rest = [n for n, piece in enumerate(read.pieces) if piece.id not in known]
        made = await self._vectors.embed([read.texts[n] for n in rest])
        vectors = known | {read.pieces[n].id: vector for n, vector in zip(rest, made, strict=True)}
        pieces = [replace(piece, embedding=vectors[piece.id], embedder=space) for piece in read.pieces]
        return pieces, [pieces[n] for n in rest]

    async def _forget(
        self, source: KnowledgeSource, documents: Sequence[KnownDocument], report: Report
    ) -> None:
        if documents:
            scope = Scope(collection=source.collection, audience=source.audience)
            change = await self._library.remove(scope, [one.id for one in documents])
            await self._vectors.follow(change, (), ())
            report.removed += len(documents)


def _is_meant(document: Document, what: str) -> bool:
    path = what.rstrip("/")
    return what in (document.name, document.path, document.root) or document.path.startswith(f"{path}/")
