"""Bring the library in step with files: read, cut, embed, store; each document in one commit.

Reading runs ahead of embedding by a few documents, in a process of its own. A document that cannot be read costs
itself: it is kept with the reason, and the rest goes on. Killed at any moment, the library holds whole documents
only, and the same call again goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from quarterdeck.core.errors import NotFound, QuarterdeckError, Unavailable, UsageError, UserError
from quarterdeck.core.knowledge import PUBLIC, Chunk, Document, Scope
from quarterdeck.core.ports import Clock, Progress
from quarterdeck.rag.library import Library
from quarterdeck.rag.query import searchable
from quarterdeck.rag.reading.document import context, plain, to_embed
from quarterdeck.rag.reading.sources import Source, Unreadable, fingerprint, walk
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.runtime.tasks import in_thread
from quarterdeck.runtime.workers.worker import Limits, Worker

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

TARGET = "quarterdeck.rag.reading.reader:reader"
CUT_VERSION = "2"  # changes with how documents are cut or made searchable, so that they are cut anew
READ_AHEAD = 4  # documents
READ_TIMEOUT_S = 60.0  # a document, on a busy machine; its processor time is bounded in the reader
READER_MEMORY_BYTES = 512 * 1024 * 1024  # of address space; 200 MiB do for a page of 8 MB
DEFAULT_COLLECTION = "documents"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """Count what one ingest did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """Return what `knowledge add --json` prints."""
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "chunks": self.chunks,
            "failed": [{"document": name, "reason": reason} for name, reason in self.failed],
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True)
class _Read:
    """Hold a document that was read, or that could not be: then it has no pieces."""

    document: Document
    pieces: tuple[Chunk, ...] = ()
    texts: tuple[str, ...] = ()
    is_new: bool = True


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
    ) -> None:
        self._library, self._vectors, self._clock = library, vectors, clock
        self._sizes = {"chunk_tokens": chunk_tokens, "overlap_tokens": overlap_tokens}
        self._cut = f"{CUT_VERSION}:{chunk_tokens}:{overlap_tokens}"
        self._one_at_a_time = asyncio.Lock()
        self._reader: Worker | None = None

    async def add(self, paths: Sequence[str], collection: str, progress: Progress) -> Report:
        """Read what lies at `paths`, absolute; unchanged documents are skipped, vanished ones removed.

        Raises:
            UsageError: a path does not exist or cannot be read at all; nothing was changed.
        """
        report = Report()
        async with self._one_at_a_time, self._reading():
            everything = [(path, await in_thread(_walk, path)) for path in paths]
            for path, found in everything:
                await self._bring(found, path, collection, report, progress)
        return report

    async def sync(self, collection: str | None, progress: Progress) -> Report:
        """Look at everything that was added before.

        Raises:
            NotFound: there is no such collection.
        """
        report = Report()
        async with self._one_at_a_time, self._reading():
            sizes = [size for size in await self._library.collections() if collection in (None, size.name)]
            if collection is not None and not sizes:
                raise NotFound(f"there is no collection {collection!r}", hint="quarterdeck knowledge list")
            for size in sizes:
                for root in size.roots:
                    await self._sync_root(root, size.name, report, progress)
        return report

    async def remove(self, what: str, collection: str | None) -> Report:
        """Remove documents: all of a collection, or those whose name, path or root is `what`, or that lie below it.

        Raises:
            NotFound: nothing has this name.
        """
        report = Report()
        async with self._one_at_a_time:
            documents = await self._library.documents(collection)
            chosen = [one for one in documents if not what or _is_meant(one, what)]
            if not chosen and collection is None:
                chosen = [one for one in documents if one.collection == what]
            if not chosen:
                raise NotFound(f"nothing is called {what or collection!r}", hint="quarterdeck knowledge list")
            await self._forget(chosen, report)
        return report

    async def _sync_root(self, root: str, collection: str, report: Report, progress: Progress) -> None:
        try:
            found = await in_thread(_walk, root)
        except UsageError:
            known = [one for one in await self._library.documents(collection) if one.root == root]
            if all(
                one.path == root for one in known
            ):  # a single file that is gone, not a folder out of reach
                await self._forget(known, report)
            else:
                report.missing.append(root)
            return
        await self._bring(found, root, collection, report, progress)

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if self._reader is not None:
                await self._reader.stop()
                self._reader = None

    async def _bring(
        self,
        found: Sequence[Source | Unreadable],
        given: str,
        collection: str,
        report: Report,
        progress: Progress,
    ) -> None:
        """Read, embed and store what was found; remove what was there and is not found any more."""
        known = {one.path: one for one in await self._library.documents(collection)}
        root = found[0].root if found else await in_thread(os.path.realpath, given)
        paths = {source.path for source in found}
        gone = [one for one in known.values() if one.root == root and one.path not in paths]
        await self._forget(gone, report)
        queue: asyncio.Queue[_Read | None] = asyncio.Queue(READ_AHEAD)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_all(found, known, collection, queue, report, progress))
                while (read := await queue.get()) is not None:
                    await self._store(read, report)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _read_all(
        self,
        found: Sequence[Source | Unreadable],
        known: Mapping[str, Document],
        collection: str,
        queue: asyncio.Queue[_Read | None],
        report: Report,
        progress: Progress,
    ) -> None:
        for n, source in enumerate(found, 1):
            before = known.get(source.path)
            document = _document(source, collection, before)
            if isinstance(source, Unreadable):
                await queue.put(_Read(_failed(document, source.reason), is_new=before is None))
            elif await self._is_unchanged(source, before):
                report.unchanged += 1
            else:
                await progress(f"{n} of {len(found)}: {source.name}")
                await queue.put(await self._read(source, document, is_new=before is None))
        await queue.put(None)

    async def _is_unchanged(self, source: Source, before: Document | None) -> bool:
        if before is None or before.state != "indexed" or before.cut != self._cut:
            return False
        if before.size_bytes != source.size_bytes:
            return False
        try:
            return await in_thread(fingerprint, source.path) == before.sha256
        except OSError:
            return False  # reading it says why

    async def _read(self, source: Source, document: Document, *, is_new: bool) -> _Read:
        """Have the reader process read one file."""
        if self._reader is None:
            limits = Limits(memory_bytes=READER_MEMORY_BYTES, niceness=10)
            self._reader = Worker("reader", TARGET, options=cast("Json", self._sizes), limits=limits)
        value: Json = {"path": source.place, "format": source.format, "name": source.name}
        try:
            answer = await self._reader.call("read", value, timeout_s=READ_TIMEOUT_S)
        except UserError as error:
            return _Read(_failed(document, error.message), is_new=is_new)
        except QuarterdeckError as error:
            await self._reader.stop()  # a new one without the pause that a worker takes which keeps dying
            self._reader = None
            if not isinstance(error, Unavailable) and error.kind == "setup":
                raise
            log.warning(
                "A document broke the reader", extra={"document": source.name, "reason": error.message}
            )
            return _Read(_failed(document, "reading it takes too much time or memory"), is_new=is_new)
        return self._cut_document(document, cast("Mapping[str, object]", answer.value), is_new=is_new)

    def _cut_document(self, document: Document, told: Mapping[str, object], *, is_new: bool) -> _Read:
        title = cast("str", told["title"])
        document = replace(document, title=title, sha256=cast("str", told["sha256"]), cut=self._cut)
        seen: Counter[str] = Counter()
        pieces, texts = [], []
        for piece in cast("Sequence[Mapping[str, object]]", told["chunks"]):
            heading, words = cast("str", piece["heading"]), cast("str", piece["text"])
            text = to_embed(title, heading, words)
            key = "\0".join((document.id, heading, words, text))
            seen[key] += 1
            id_ = hashlib.sha256(f"{key}\0{seen[key]}".encode(errors="replace")).hexdigest()[:32]
            about = (
                searchable(f"{title} {document.name}"),
                searchable(context("", heading)),
                searchable(plain(words)),
            )
            pieces.append(
                Chunk(
                    id=id_,
                    heading=heading,
                    text=words,
                    start=cast("int", piece["start"]),
                    end=cast("int", piece["end"]),
                    page=cast("int | None", piece["page"]),
                    line=cast("int | None", piece["line"]),
                    end_line=cast("int | None", piece["end_line"]),
                    searchable=about,
                )
            )
            texts.append(text)
        return _Read(document, tuple(pieces), tuple(texts), is_new)

    async def _store(self, read: _Read, report: Report) -> None:
        """Embed what is new, commit the document, bring the index in step."""
        document = replace(read.document, indexed_at_ms=self._clock.now_ms())
        pieces, fresh = await self._embedded(read)
        change = await self._library.put(document, pieces)
        await self._vectors.follow(change, [one.id for one in fresh], [one.embedding for one in fresh])
        if document.state == "failed":
            report.failed.append((document.name, document.reason))
        elif read.is_new:
            report.added += 1
        else:
            report.changed += 1
        report.chunks += len(pieces)

    async def _embedded(self, read: _Read) -> tuple[list[Chunk], list[Chunk]]:
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

    async def _forget(self, documents: Sequence[Document], report: Report) -> None:
        by_collection: dict[str, list[str]] = {}
        for one in documents:
            by_collection.setdefault(one.collection, []).append(one.id)
        for collection, ids in by_collection.items():
            await self._vectors.follow(
                await self._library.remove(Scope(collection=collection, audience=PUBLIC), ids), (), ()
            )
        report.removed += len(documents)


def _walk(path: str) -> list[Source | Unreadable]:
    return list(walk(path))


def _document(source: Source | Unreadable, collection: str, before: Document | None) -> Document:
    """Return the row for a file; one that was added under another root keeps its name."""
    id_ = hashlib.sha256(f"{collection}\0{source.path}".encode(errors="surrogateescape")).hexdigest()[:32]
    size_bytes = source.size_bytes if isinstance(source, Source) else 0
    return Document(
        id=id_,
        collection=collection,
        path=source.path,
        name=before.name if before else source.name,
        root=before.root if before else source.root,
        size_bytes=size_bytes,
    )


def _failed(document: Document, reason: str) -> Document:
    return replace(document, state="failed", reason=reason)


def _is_meant(document: Document, what: str) -> bool:
    path = what.rstrip("/")
    return what in (document.name, document.path, document.root) or document.path.startswith(f"{path}/")
