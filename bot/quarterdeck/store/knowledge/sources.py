"""Keep the sources of knowledge, and change the audience of all that came from one in the same commit."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from quarterdeck.core.knowledge import Document, KnownDocument
from quarterdeck.core.sourcing import KnowledgeSource
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.scopes import count_up
from quarterdeck.store.tables import chunks, documents, knowledge_sources

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

AS_JSON = ("options", "cursor")
COLUMNS = tuple(field.name for field in fields(KnowledgeSource))


class SourceTable:
    """Store and change sources (a port of `rag/library.py`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sources(self) -> list[KnowledgeSource]:
        """Return all, by collection and location."""
        query = select(knowledge_sources).order_by(
            knowledge_sources.c.collection, knowledge_sources.c.location
        )
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [_source(row) for row in rows]

    async def keep_source(self, source: KnowledgeSource) -> None:
        """Store a source, in place of what was there under its id; its documents' audience is changed by `share`."""
        values = {name: getattr(source, name) for name in COLUMNS}
        values |= {name: json.dumps(values[name], ensure_ascii=False, sort_keys=True) for name in AS_JSON}

        def job(connection: Connection) -> None:
            statement = upsert(knowledge_sources).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

        await self._store.write("source.kept", job)

    async def share(self, source_ids: Collection[str], audience: str) -> int:
        """Give sources and all their documents another audience, in one commit; returns how many documents."""

        def job(connection: Connection) -> int:
            chosen = sorted(source_ids)
            connection.execute(
                update(knowledge_sources).where(knowledge_sources.c.id.in_(chosen)).values(audience=audience)
            )
            changed = connection.execute(
                update(documents).where(documents.c.source_id.in_(chosen)).values(audience=audience)
            )
            count_up(connection)
            return changed.rowcount

        return await self._store.write("source.shared", job)

    async def drop_source(self, source_id: str) -> None:
        """Forget a source whose documents are gone, or were given to another."""

        def job(connection: Connection) -> None:
            connection.execute(delete(knowledge_sources).where(knowledge_sources.c.id == source_id))

        await self._store.write("source.removed", job)

    async def adopt(
        self, source: KnowledgeSource, source_ids: Collection[str], *, root: str | None = None
    ) -> None:
        """Give a source the documents of others, and forget those others; with `root` those that have no source."""

        def job(connection: Connection) -> None:
            chosen = sorted(source_ids)
            gone = delete(knowledge_sources).where(knowledge_sources.c.id.in_(chosen))
            mine = update(documents).values(source_id=source.id, root=source.root)
            if root is None:
                mine = mine.where(documents.c.source_id.in_(chosen))
            else:
                mine = mine.where(documents.c.source_id == "", documents.c.root == root)
                mine = mine.where(documents.c.collection == source.collection)
            connection.execute(gone)
            connection.execute(mine)

        await self._store.write("source.adopted", job)

    async def known_documents(self, source_id: str) -> dict[str, KnownDocument]:
        """Return what a sync has to know of a source's documents, by path: little, as there may be many."""
        columns = (documents.c.id, documents.c.path, documents.c.name, documents.c.sha256)
        more = (documents.c.size_bytes, documents.c.state, documents.c.cut, documents.c.version)
        query = select(*columns, *more, documents.c.modified_at_ms).where(documents.c.source_id == source_id)

        def job(connection: Connection) -> dict[str, KnownDocument]:
            return {row.path: KnownDocument(*row) for row in connection.execute(query)}

        return await self._store.read(job)

    async def documents_of(self, source_id: str, after: str, limit: int) -> list[Document]:
        """Return documents of a source whose id comes after `after`, by id."""
        query = select(documents).where(documents.c.source_id == source_id, documents.c.id > after)
        query = query.order_by(documents.c.id).limit(limit)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [Document(**row._mapping) for row in rows]

    async def failed(self, collection: str) -> list[Document]:
        """Return the documents of a collection that could not be read, by name."""
        query = select(documents).where(documents.c.collection == collection, documents.c.state == "failed")
        rows = await self._store.read(
            lambda connection: connection.execute(query.order_by(documents.c.name)).all()
        )
        return [Document(**row._mapping) for row in rows]

    async def passages(self, document_id: str) -> list[Mapping[str, Json]]:
        """Return the passages of a document, in order, as an export has them."""
        columns = (chunks.c.heading, chunks.c.text, chunks.c.page, chunks.c.line, chunks.c.end_line)
        query = select(*columns).where(chunks.c.document_id == document_id).order_by(chunks.c.n)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [dict(row._mapping) for row in rows]

    async def touch(self, seen: Sequence[tuple[str, str, int | None]]) -> None:
        """Note version and age of documents whose content is what it was: id, version, `modified_at_ms`."""

        def job(connection: Connection) -> None:
            for id_, version, modified_at_ms in seen:
                connection.execute(
                    update(documents)
                    .where(documents.c.id == id_)
                    .values(version=version, modified_at_ms=modified_at_ms)
                )

        await self._store.write("source.touched", job)

    async def source_counts(self) -> dict[str, tuple[int, int]]:
        """Return how many documents each source has that can be found, and how many failed."""
        query = select(documents.c.source_id, documents.c.state, func.count().label("amount"))
        query = query.group_by(documents.c.source_id, documents.c.state)
        found: dict[str, tuple[int, int]] = {}
        for row in await self._store.read(lambda connection: connection.execute(query).all()):
            good, bad = found.get(row.source_id, (0, 0))
            found[row.source_id] = (
                (good + row.amount, bad) if row.state == "indexed" else (good, bad + row.amount)
            )
        return found


def _source(row: Row[*tuple[object, ...]]) -> KnowledgeSource:
    values = dict(row._mapping)
    values |= {name: json.loads(cast("str", values[name])) for name in AS_JSON}
    return KnowledgeSource(**values)
