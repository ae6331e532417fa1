"""Let the program's verb `knowledge` change sources, inside the process that holds the state."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import CollectionSize, Document
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.core.sourcing import DEFAULT_COLLECTION, KINDS, KnowledgeSource, SourceOrder, parse_every
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.rag.sources.naming import check_collection, kind_of
from quarterdeck.runtime.process.tasks import in_thread

PAGE = 200  # documents of an export that are in memory at once


class SourceOperations:
    """Add, list, read, share, remove and export; rebuild the index."""

    def __init__(self, knowledge: TeamKnowledge, desk: SourceDesk) -> None:
        self._knowledge, self._desk = knowledge, desk

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="knowledge.list", handler=self._list),
            Operation(name="knowledge.export", handler=self._export),
            Operation(name="knowledge.add", handler=self._add, effect="write"),
            Operation(name="knowledge.sync", handler=self._sync, effect="write"),
            Operation(name="knowledge.share", handler=self._share, effect="write"),
            Operation(name="knowledge.pause", handler=self._pause, effect="write"),
            Operation(name="knowledge.rebuild", handler=self._rebuild, effect="write"),
            Operation(name="knowledge.remove", handler=self._remove, effect="destructive"),
        ]

    async def _list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        sources = await self._desk.sources()
        counts = await self._knowledge.library.source_counts()
        collections: list[Json] = []
        for size in await self._knowledge.library.collections():
            failed = await self._knowledge.library.failed(size.name)
            inside = [one for one in sources if one.collection == size.name]
            collections.append(
                {
                    **_size(size),
                    "failed": [{"document": one.name, "reason": one.reason} for one in failed],
                    "sources": [_source(one, *counts.get(one.id, (0, 0))) for one in inside],
                }
            )
        return collections

    async def _add(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        places = _texts(parameters, "paths")
        if not places:
            raise UsageError("give what to add", hint="quarterdeck knowledge add PATH|URL…")
        orders = [_order(place, parameters) for place in places]
        check_collection(orders[0].collection)
        for order in orders:
            await self._desk.check(order)
        total: dict[str, Json] = {}
        for order in orders:
            done = await self._desk.add(order, owner="", progress=progress)
            total = _together(total, done)
        return await self._done(total)

    async def _sync(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        what = _text(parameters, "what") or _text(parameters, "collection")
        return await self._done(await self._desk.sync(what, progress=progress))

    async def _remove(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        what, collection = _text(parameters, "what"), _text(parameters, "collection")
        if not what and not collection:
            raise UsageError("say what to remove", hint="quarterdeck knowledge remove NAME")
        return await self._done(await self._desk.remove(what, collection))

    async def _share(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        what, audience = _text(parameters, "what"), _text(parameters, "audience")
        if not what or not audience:
            raise UsageError(
                "say what, and who may read it", hint="quarterdeck knowledge share NAME --audience …"
            )
        return {"documents": await self._desk.share(what, audience), "audience": audience}

    async def _pause(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        is_paused = parameters.get("is_paused") is not False
        return {"sources": await self._desk.pause(_text(parameters, "what"), is_paused=is_paused)}

    async def _rebuild(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        await progress("filling the vector index from the database")
        accept_loss = parameters.get("accept_loss") is True
        is_ready = await self._knowledge.vectors.rebuild(accept_loss=accept_loss)
        state = self._knowledge.state
        counts = await self._knowledge.counts()
        return {
            "index": state.index,
            "is_ready": is_ready,
            "chunks": counts["chunks"],
            "reason": state.reason,
        }

    async def _export(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Write documents with their passages to a file, a JSON object a line, a page of them at a time."""
        path, collection = Path(_text(parameters, "file")), _text(parameters, "collection")
        if not path.is_absolute():
            raise UsageError("give the file to write", hint="quarterdeck knowledge export knowledge.jsonl")
        count = 0
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            async for document in self._documents(collection):
                passages = await self._knowledge.library.passages(document.id)
                line = json.dumps(_exported(document, passages), ensure_ascii=False)
                await in_thread(file.write, line + "\n")
                count += 1
                if count % PAGE == 0:
                    await progress(f"{count} documents written")
        return {"documents": count, "file": str(path)}

    async def _documents(self, collection: str) -> AsyncIterator[Document]:
        for source in await self._desk.sources():
            if collection in ("", source.collection):
                after = ""
                while some := await self._knowledge.library.documents_of(source.id, after, PAGE):
                    for document in some:
                        yield document
                    after = some[-1].id

    async def _done(self, report: Mapping[str, Json]) -> Json:
        """Return the report with what is there now; waits until the index has taken it in."""
        if any(report[name] for name in ("added", "changed", "moved", "removed")):
            await self._knowledge.vectors.opened()
        counts = await self._knowledge.counts()
        state = self._knowledge.state
        notice = f"search goes by words only: {state.reason}" if state.index == "failed" else state.reason
        return {
            **report,
            "documents": counts["documents"],
            "total_chunks": counts["chunks"],
            "notice": notice,
        }


def _order(place: str, parameters: Mapping[str, Json]) -> SourceOrder:
    kind = _text(parameters, "kind")
    if kind and kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of source", hint=f"write one of {', '.join(KINDS)}")
    found = next((one for one in KINDS if one == kind), None) or kind_of(place)
    if found in ("path", "upload") and not Path(place).is_absolute():
        raise UsageError(f"{place!r} is not an absolute path", hint="quarterdeck knowledge add PATH…")
    given = parameters.get("options") or {}
    return SourceOrder(
        location=place,
        kind=found,
        collection=_text(parameters, "collection") or DEFAULT_COLLECTION,
        audience=_text(parameters, "audience"),
        every_s=parse_every(_text(parameters, "every")),
        options=dict(given) if isinstance(given, Mapping) else {},
    )


def _together(total: Mapping[str, Json], done: Mapping[str, Json]) -> dict[str, Json]:
    """Add up two reports: counts are summed, lists joined, the last word stands."""
    out = dict(total)
    for name, value in done.items():
        before = out.get(name)
        if isinstance(before, int) and isinstance(value, int):
            out[name] = before + value
            continue
        out[name] = [*before, *value] if isinstance(before, list) and isinstance(value, list) else value
    return out


def _size(size: CollectionSize) -> dict[str, Json]:
    return {
        "collection": size.name,
        "documents": size.documents,
        "chunks": size.chunks,
        "size_bytes": size.size_bytes,
        "changed_at": _moment(size.modified_at_ms),
        "read_at": _moment(size.indexed_at_ms),
        "paths": list(size.roots),
    }


def _source(source: KnowledgeSource, documents: int, failed: int) -> dict[str, Json]:
    return {
        "id": source.id,
        "kind": source.kind,
        "location": source.location,
        "audience": source.audience,
        "every_s": source.every_s,
        "state": "paused" if source.is_paused else source.state,
        "reason": source.reason,
        "origin": source.origin,
        "owner": source.owner,
        "documents": documents,
        "failed": failed,
        "read_at": _moment(source.synced_at_ms),
        "next_at": _moment(source.next_at_ms),
    }


def _exported(document: Document, passages: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    return {
        "id": document.id,
        "collection": document.collection,
        "document": document.name,
        "path": document.path,
        "url": document.url,
        "title": document.title,
        "audience": document.audience,
        "sha256": document.sha256,
        "size_bytes": document.size_bytes,
        "state": document.state,
        "reason": document.reason,
        "changed_at": _moment(document.modified_at_ms),
        "passages": list(passages),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name, "")
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text")
    return value


def _texts(parameters: Mapping[str, Json], name: str) -> list[str]:
    value = parameters.get(name, ())
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise UsageError(f"{name} must be a list of texts")
    return [str(one) for one in value]
