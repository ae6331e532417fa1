"""Go through what one source names: what is new, what changed, what moved, what is not there any more."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.knowledge import Document, KnownDocument
from quarterdeck.core.ports import Progress
from quarterdeck.rag.ingesting.gathering import Round
from quarterdeck.rag.ingesting.report import Report
from quarterdeck.rag.reading.desk import Read, failed
from quarterdeck.rag.reading.sources import Item, Same, Source, Unreadable, fingerprint
from quarterdeck.runtime.process.tasks import in_thread


class SourcePass:
    """Go through what a source names, and know what it does not name any more."""

    def __init__(self, round_: Round, report: Report, progress: Progress) -> None:
        self._round, self._report, self._progress, self._desk = round_, report, progress, round_.desk
        self._seen: set[str] = set()
        self.touched: list[tuple[str, str, int | None]] = []
        self.known_ids = {one.id for one in round_.known.values()}
        self.moved: set[str] = set()
        self._by_hash: dict[str, list[KnownDocument]] | None = None
        self._can_see: bool | None = None

    async def read_all(self, items: AsyncIterator[Item], queue: asyncio.Queue[Read | None]) -> None:
        """Read what is new or changed, in order."""
        n = 0
        async for item in items:
            n += 1
            await self._take(item, n, queue)
        await queue.put(None)

    async def _take(self, item: Item, n: int, queue: asyncio.Queue[Read | None]) -> None:
        before = self._round.known.get(item.path)
        self._seen.add(item.path)
        if isinstance(item, Same):
            self._report.unchanged += 1
        elif isinstance(item, Unreadable):
            await self._fail(item, before, queue)
        elif item.format == "image" and not await self._sees():
            if before is None:
                self._seen.discard(item.path)
        elif await self._is_unchanged(item, before):
            self._report.unchanged += 1
            self._note(item, before)
            await self._discard(item)
        else:
            of = f"{n} of {self._round.total}" if self._round.total else f"{n}"
            await self._progress(f"{of}: {item.name}")
            await self._read(item, before or await self._moved(item), queue)
            await self._discard(item)

    async def _read(
        self, item: Source, before: KnownDocument | None, queue: asyncio.Queue[Read | None]
    ) -> None:
        document = self._document(item, before)
        try:
            await queue.put(await self._desk.read(item, document))
        except QuarterdeckError as error:
            if error.kind == "setup":
                raise
            self._report.failed.append(
                (item.name, error.message)
            )  # a model that is away: what was read stays

    async def _fail(
        self, item: Unreadable, before: KnownDocument | None, queue: asyncio.Queue[Read | None]
    ) -> None:
        if item.is_passing and before is not None:
            self._report.failed.append((item.name, item.reason))
            return
        await queue.put(Read(failed(self._document(item, before), item.reason)))

    async def _sees(self) -> bool:
        if self._can_see is None:
            self._can_see = await self._desk.sight.is_there()
        return self._can_see

    async def _is_unchanged(self, item: Source, before: KnownDocument | None) -> bool:
        if before is None or before.state != "indexed" or before.cut != self._desk.cut:
            return False
        if item.version and item.version == before.version:
            return True
        if before.size_bytes != item.size_bytes:
            return False
        try:
            return await in_thread(fingerprint, item.place) == before.sha256
        except OSError:
            return False  # reading it says why

    def _note(self, item: Source, before: KnownDocument | None) -> None:
        if before is not None and (item.version, item.modified_at_ms) != (
            before.version,
            before.modified_at_ms,
        ):
            self.touched.append((before.id, item.version, item.modified_at_ms))

    async def _moved(self, item: Source) -> KnownDocument | None:
        """Return the document that had this content under a path that is gone."""
        if not self._round.known or item.file:
            return None
        if self._by_hash is None:
            self._by_hash = {}
            for one in self._round.known.values():
                if one.sha256:
                    self._by_hash.setdefault(one.sha256, []).append(one)
        try:
            digest = await in_thread(fingerprint, item.place)
        except OSError:
            return None
        for one in self._by_hash.get(digest, ()):
            if one.path not in self._seen and not await in_thread(os.path.lexists, one.path):
                self._seen.add(one.path)
                self.moved.add(one.id)
                return one
        return None

    async def _discard(self, item: Source) -> None:
        if item.file and Path(item.file).is_relative_to(self._round.staging):
            await in_thread(_unlink, item.file)

    def _document(self, item: Source | Unreadable, before: KnownDocument | None) -> Document:
        """Return the row for an item; a document keeps its id, wherever it moves."""
        source = self._round.source
        is_same_place = before is not None and before.path == item.path
        document = Document(
            id=before.id if before is not None else self._new_id(item.path),
            collection=source.collection,
            path=item.path,
            name=before.name if before is not None and is_same_place else item.name,
            root=source.root,
            source_id=source.id,
            audience=source.audience,
        )
        if isinstance(item, Unreadable):
            return document
        return replace(
            document,
            size_bytes=item.size_bytes,
            modified_at_ms=item.modified_at_ms,
            url=item.url,
            version=item.version,
        )

    def _new_id(self, path: str) -> str:
        """Make an id of source and path; another where a document that moved away has it."""
        n = 0
        while True:
            key = f"{self._round.source.id}\0{path}" + (f"\0{n}" if n else "")
            id_ = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:32]
            if id_ not in self.known_ids:
                return id_
            n += 1

    def absent(self) -> list[KnownDocument]:
        """Return the documents that the source does not name any more."""
        below = self._round.below
        return [
            one
            for path, one in self._round.known.items()
            if path not in self._seen and (not below or path == below or path.startswith(f"{below}/"))
        ]


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
