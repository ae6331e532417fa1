"""Keep documents and chunks, with the full-text index beside them in the same commit."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from quarterdeck.core.knowledge import Change, Chunk, CollectionSize, Document, Found, Spread
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import chunks, documents, facts

GENERATION = "knowledge.generation"
VARIABLES = 500  # values in one IN list, far below SQLite's limit

# The weights of bm25 are those of text, heading, title; benchmarks/ingest_and_ask.py measures what they do.
_BEST_OF_ALL = (
    "SELECT rowid AS seq, -bm25(chunks_fts, 1.0, 3.0, 2.0) AS score FROM chunks_fts "
    "WHERE chunks_fts MATCH :match ORDER BY score DESC, rowid LIMIT :limit"
)
_BEST_OF_SOME = (
    "SELECT chunks_fts.rowid AS seq, -bm25(chunks_fts, 1.0, 3.0, 2.0) AS score FROM chunks_fts "
    "JOIN chunks ON chunks.seq = chunks_fts.rowid JOIN documents ON documents.id = chunks.document_id "
    "WHERE chunks_fts MATCH :match AND documents.collection IN (SELECT value FROM json_each(:collections)) "
    "ORDER BY score DESC, chunks_fts.rowid LIMIT :limit"
)


class KnowledgeLibrary:
    """Store and find documents (the ports of `rag/library.py`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, document: Document, pieces: Sequence[Chunk]) -> Change:
        """Store a document with all its chunks in one commit, in place of what was there under its path."""

        def job(connection: Connection) -> Change:
            before = _chunk_ids(connection, document.id)
            _drop_chunks(connection, [document.id])
            _put_document(connection, document)
            _put_chunks(connection, document.id, pieces)
            gone = tuple(sorted(before - {piece.id for piece in pieces}))
            return Change(collection=document.collection, gone=gone, generation=_count_up(connection))

        return await self._store.write("knowledge.stored", job)

    async def remove(self, collection: str, ids: Collection[str]) -> Change:
        """Delete documents of one collection with all their chunks."""

        def job(connection: Connection) -> Change:
            gone: set[str] = set()
            for some in _batches(sorted(ids)):
                for document_id in some:
                    gone |= _chunk_ids(connection, document_id)
                _drop_chunks(connection, some)
                connection.execute(delete(documents).where(documents.c.id.in_(some)))
            return Change(collection=collection, gone=tuple(sorted(gone)), generation=_count_up(connection))

        return await self._store.write("knowledge.removed", job)

    async def embed(self, embedder: str, vectors: Sequence[tuple[str, bytes]]) -> int:
        """Give stored chunks, by id, new vectors; returns the generation."""

        def job(connection: Connection) -> int:
            change = update(chunks).where(chunks.c.id == bindparam("chunk"))
            values = [{"chunk": id_, "vector": vector, "space": embedder} for id_, vector in vectors]
            connection.execute(
                change.values(embedding=bindparam("vector"), embedder=bindparam("space")), values
            )
            return _count_up(connection)

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
        return await self._store.read(_sizes)

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
        query = _found().where(chunks.c.embedder != embedder).order_by(chunks.c.seq).limit(limit)
        return await self._store.read(lambda connection: _all(connection, query))

    async def generation(self) -> int:
        """Return how many commits have changed chunks so far."""
        return await self._store.read(_generation)

    async def vector_ids(self, collection: str, embedder: str) -> list[str]:
        """Return the ids of all chunks that have a vector in the space of `embedder`."""
        query = select(chunks.c.id).join(documents, documents.c.id == chunks.c.document_id)
        query = query.where(documents.c.collection == collection, chunks.c.embedder == embedder)
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

    async def matches(
        self, words: Sequence[str], collections: Sequence[str], limit: int
    ) -> list[tuple[Found, float]]:
        """Return chunks with any of `words`, best first, with their bm25 (higher is better); no collections: all."""
        match = _any_of(words)
        if not match:
            return []
        query = text(_BEST_OF_SOME if collections else _BEST_OF_ALL)
        values = {"match": match, "limit": limit, "collections": json.dumps(list(collections))}
        if not collections:
            del values["collections"]

        def job(connection: Connection) -> list[tuple[Found, float]]:
            scores = {row.seq: row.score for row in connection.execute(query, values)}
            found = {one.seq: one for one in _all(connection, _found().where(chunks.c.seq.in_(scores)))}
            return [(found[seq], score) for seq, score in scores.items()]

        return await self._store.read(job)

    async def spread(self, words: Sequence[str], seqs: Collection[int]) -> dict[str, Spread]:
        """Return where each word stands, among the chunks `seqs` and in all; stems count as the word."""
        query = text("SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH :match")
        among = frozenset(seqs)

        def standing(connection: Connection, match: str) -> set[int]:
            return set(connection.execute(query, {"match": match}).scalars())

        def job(connection: Connection) -> dict[str, Spread]:
            result = {}
            for word in words:
                everywhere = standing(connection, _quoted(word))
                above = standing(connection, f"{{heading title}} : {_quoted(word)}") if everywhere else set()
                result[word] = Spread(
                    count=len(everywhere),
                    chunks=frozenset(everywhere & among),
                    headings=frozenset(above & among),
                )
            return result

        return await self._store.read(job)

    async def by_id(self, ids: Collection[str]) -> list[Found]:
        """Return chunks by id, in no order; ids that are gone meanwhile are left out."""

        def job(connection: Connection) -> list[Found]:
            return [
                found
                for some in _batches(sorted(ids))
                for found in _all(connection, _found().where(chunks.c.id.in_(some)))
            ]

        return await self._store.read(job)

    async def beside(self, chunk: Found, distance: int) -> list[Found]:
        """Return the chunks up to `distance` before and after `chunk` under the same heading, it included, in order."""
        query = _found().where(
            chunks.c.document_id == chunk.document_id,
            chunks.c.heading == chunk.heading,
            chunks.c.n.between(chunk.n - distance, chunk.n + distance),
        )
        return await self._store.read(lambda connection: _all(connection, query.order_by(chunks.c.n)))


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[n : n + VARIABLES] for n in range(0, len(ids), VARIABLES))


def _quoted(word: str) -> str:
    """Return `word` as a string of FTS5's query language, in which nothing has a meaning of its own."""
    return '"' + word.replace("\0", " ").replace('"', '""') + '"'


def _any_of(words: Sequence[str]) -> str:
    return " OR ".join(map(_quoted, words))


def _found() -> Select[*tuple[object, ...]]:
    columns = (chunks.c.seq, chunks.c.id, chunks.c.n, chunks.c.document_id, chunks.c.heading, chunks.c.text)
    places = (chunks.c.page, chunks.c.start, chunks.c.end, chunks.c.line, chunks.c.end_line)
    about = (documents.c.collection, documents.c.path, documents.c.name, documents.c.title, documents.c.url)
    whose = (documents.c.source_id, documents.c.audience, documents.c.modified_at_ms)
    joined = chunks.join(documents, documents.c.id == chunks.c.document_id)
    return select(*columns, *places, *about, *whose).select_from(joined)


def _all(connection: Connection, query: Select[*tuple[object, ...]]) -> list[Found]:
    return [Found(**row._mapping) for row in connection.execute(query)]


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


def _generation(connection: Connection) -> int:
    value = connection.execute(select(facts.c.value).where(facts.c.name == GENERATION)).scalar()
    return int(value or 0)


def _count_up(connection: Connection) -> int:
    generation = _generation(connection) + 1
    statement = upsert(facts).values(name=GENERATION, value=str(generation))
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": str(generation)})
    )
    return generation


def _sizes(connection: Connection) -> list[CollectionSize]:
    states: dict[tuple[str, str], int] = {
        (row.collection, row.state): row.amount
        for row in connection.execute(
            select(documents.c.collection, documents.c.state, func.count().label("amount")).group_by(
                documents.c.collection, documents.c.state
            )
        )
    }
    sizes = select(documents.c.collection, func.count().label("amount"))
    sizes = sizes.join(chunks, chunks.c.document_id == documents.c.id).group_by(documents.c.collection)
    pieces: dict[str, int] = {row.collection: row.amount for row in connection.execute(sizes)}
    roots: dict[str, list[str]] = {}
    pairs = select(documents.c.collection, documents.c.root).distinct().order_by(documents.c.root)
    for row in connection.execute(pairs):
        roots.setdefault(row.collection, []).append(row.root)
    return [
        CollectionSize(
            name=name,
            documents=states.get((name, "indexed"), 0),
            failed=states.get((name, "failed"), 0),
            chunks=pieces.get(name, 0),
            roots=tuple(found),
        )
        for name, found in sorted(roots.items())
    ]
