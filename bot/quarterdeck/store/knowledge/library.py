"""Keep documents and chunks, with the full-text index beside them in the same commit."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from quarterdeck.core.knowledge import Change, Chunk, CollectionSize, Document, Found, Scope
from quarterdeck.store.knowledge.fulltext import FullTextRows, found_query, run
from quarterdeck.store.knowledge.restock import StagedRows
from quarterdeck.store.knowledge.scopes import count_up, generation_of, scopes, sizes
from quarterdeck.store.knowledge.sources import SourceTable
from quarterdeck.store.tables import chunks, documents, knowledge_sources

VARIABLES = 500  # values in one IN list, far below SQLite's limit


class KnowledgeLibrary(FullTextRows, SourceTable, StagedRows):
    """Store and find documents (the ports of `rag/library.py`)."""

    async def put(self, document: Document, pieces: Sequence[Chunk]) -> Change:
        """Store a document with all its chunks in one commit, in place of what was there under its path."""

        def job(connection: Connection) -> Change:
            before = _chunk_ids(connection, document.id)
            audience = _audience_now(connection, document)
            _drop_chunks(connection, [document.id])
            _put_document(connection, replace(document, audience=audience))
            _put_chunks(connection, document.id, pieces)
            gone = tuple(sorted(before - {piece.id for piece in pieces}))
            return Change(
                collection=document.collection,
                audience=audience,
                gone=gone,
                generation=count_up(connection),
            )

        return await self._store.write("knowledge.stored", job)

    async def remove(self, scope: Scope, ids: Collection[str]) -> Change:
        """Delete documents of one scope with all their chunks."""

        def job(connection: Connection) -> Change:
            gone: set[str] = set()
            for some in _batches(sorted(ids)):
                for document_id in some:
                    gone |= _chunk_ids(connection, document_id)
                _drop_chunks(connection, some)
                connection.execute(delete(documents).where(documents.c.id.in_(some)))
            return Change(
                collection=scope.collection,
                audience=scope.audience,
                gone=tuple(sorted(gone)),
                generation=count_up(connection),
            )

        return await self._store.write("knowledge.removed", job)

    async def embed(self, embedder: str, vectors: Sequence[tuple[str, bytes]]) -> int:
        """Give stored chunks, by id, new vectors; returns the generation."""

        def job(connection: Connection) -> int:
            change = update(chunks).where(chunks.c.id == bindparam("chunk"))
            values = [{"chunk": id_, "vector": vector, "space": embedder} for id_, vector in vectors]
            connection.execute(
                change.values(embedding=bindparam("vector"), embedder=bindparam("space")), values
            )
            return count_up(connection)

        return await self._store.write("knowledge.embedded", job)

    async def documents(self, collection: str | None = None) -> list[Document]:
        """Return all documents, or those of one collection, by collection and name."""
        query = select(documents).order_by(documents.c.collection, documents.c.name)
        if collection is not None:
            query = query.where(documents.c.collection == collection)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [Document(**row._mapping) for row in rows]

    async def collections(self) -> list[CollectionSize]:
        """Return what each collection holds, by name."""
        return await self._store.read(sizes)

    async def scopes(self) -> list[Scope]:
        """Return every pair of collection and audience that has passages, by name."""
        return await self._store.read(scopes)

    async def embeddings(self, ids: Collection[str], embedder: str) -> dict[str, bytes]:
        """Return the vectors that chunks of these ids already have in the space of `embedder`."""

        def job(connection: Connection) -> dict[str, bytes]:
            known: dict[str, bytes] = {}
            for some in _batches(sorted(ids)):
                query = select(chunks.c.id, chunks.c.embedding)
                query = query.where(chunks.c.id.in_(some), chunks.c.embedder == embedder)
                known.update((row.id, row.embedding) for row in connection.execute(query))
            return known

        return await self._store.read(job)

    async def without_vector(self, embedder: str, limit: int) -> list[Found]:
        """Return chunks that have no vector in the space of `embedder`, oldest first."""
        another = or_(chunks.c.embedder < embedder, chunks.c.embedder > embedder)  # two ranges of its index
        some = (
            select(chunks.c.seq).where(another).order_by(chunks.c.seq + 0).limit(limit)
        )  # no walk in that order
        query = found_query().where(chunks.c.seq.in_(some)).order_by(chunks.c.seq)
        return await self._store.read(lambda connection: run(connection, query))

    async def generation(self) -> int:
        """Return how many commits have changed chunks so far."""
        return await self._store.read(generation_of)

    async def vector_ids(self, scope: Scope, embedder: str) -> list[str]:
        """Return the ids of all chunks of a scope that have a vector in the space of `embedder`."""
        query = select(chunks.c.id).join(documents, documents.c.id == chunks.c.document_id)
        query = query.where(
            documents.c.collection == scope.collection, documents.c.audience == scope.audience
        )
        query = query.where(chunks.c.embedder == embedder)
        return await self._store.read(lambda connection: list(connection.execute(query).scalars()))

    async def vectors(self, ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return vectors by chunk id; ids that are gone meanwhile are left out."""

        def job(connection: Connection) -> list[tuple[str, bytes]]:
            found: list[tuple[str, bytes]] = []
            for some in _batches(ids):
                query = select(chunks.c.id, chunks.c.embedding)
                query = query.where(chunks.c.id.in_(some), chunks.c.embedding.is_not(None))
                found.extend((row.id, row.embedding) for row in connection.execute(query))
            return found

        return await self._store.read(job)


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[n : n + VARIABLES] for n in range(0, len(ids), VARIABLES))


def _chunk_ids(connection: Connection, document_id: str) -> set[str]:
    query = select(chunks.c.id).where(chunks.c.document_id == document_id)
    return set(connection.execute(query).scalars())


def _drop_chunks(connection: Connection, document_ids: Sequence[str]) -> None:
    inside = chunks.c.document_id.in_(document_ids)
    seqs = connection.execute(select(chunks.c.seq).where(inside)).scalars().all()
    connection.execute(
        text("DELETE FROM chunks_fts WHERE rowid IN (SELECT value FROM json_each(:seqs))"),
        {"seqs": json.dumps(list(seqs))},
    )
    connection.execute(delete(chunks).where(inside))


def _audience_now(connection: Connection, document: Document) -> str:
    """Return the audience that the document's source has at this moment: it may have changed while it was read."""
    query = select(knowledge_sources.c.audience).where(knowledge_sources.c.id == document.source_id)
    found = connection.execute(query).scalar()
    return document.audience if found is None else str(found)


def _put_document(connection: Connection, document: Document) -> None:
    values = {column.name: getattr(document, column.name) for column in documents.columns}
    statement = upsert(documents).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def _put_chunks(connection: Connection, document_id: str, pieces: Sequence[Chunk]) -> None:
    if not pieces:
        return
    rows = [
        {
            "id": piece.id,
            "document_id": document_id,
            "n": n,
            "heading": piece.heading,
            "text": piece.text,
            "start": piece.start,
            "end": piece.end,
            "page": piece.page,
            "line": piece.line,
            "end_line": piece.end_line,
            "embedding": piece.embedding or None,
            "embedder": piece.embedder,
        }
        for n, piece in enumerate(pieces)
    ]
    connection.execute(insert(chunks), rows)
    query = select(chunks.c.n, chunks.c.seq).where(chunks.c.document_id == document_id)
    seqs: dict[int, int] = {row.n: row.seq for row in connection.execute(query)}
    indexed = [(seqs[n], *piece.searchable) for n, piece in enumerate(pieces)]
    connection.execute(
        text("INSERT INTO chunks_fts (rowid, title, heading, text) VALUES (:seq, :title, :heading, :text)"),
        [dict(zip(("seq", "title", "heading", "text"), row, strict=True)) for row in indexed],
    )
