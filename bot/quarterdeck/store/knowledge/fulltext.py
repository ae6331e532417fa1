"""Find passages by words, for those who may read them, and read passages back.

FTS5 has a query language of its own: each word reaches it as a quoted string, and who may read is a condition in SQL,
never in MATCH. Stems are SQLite's own (porter): what is counted beside the index is cut by the same tokenizer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from operator import itemgetter
from typing import cast

from sqlalchemy import Connection, Select, select, text

from quarterdeck.core.knowledge import Filters, Found, Scope, Spread, Weighed
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.cutting import WordDesk, quoted
from quarterdeck.store.tables import chunks, documents

VARIABLES = 500  # values in one IN list, far below SQLite's limit
MATCH_LIMIT = 2000  # passages that one query ranks, 2 us each; common words are left out of it beyond that
LEAST_WORDS = 2  # the rarest ones are looked for however common they are, in the newest passages
COUNTED_LIMIT = 20_000  # stems whose number of passages is remembered until one changes
RANKS_LIMIT = 64  # words whose chunks are remembered: 0.2 MB each at most
SEPARATOR = "\x1f"

# The weights of bm25 are those of text, heading, title; benchmarks/ingest_and_ask.py measures what they do.
_RANKED = (
    "SELECT rowid, -bm25(chunks_fts, 1.0, 3.0, 2.0) FROM chunks_fts "
    "WHERE chunks_fts MATCH :match ORDER BY rowid DESC LIMIT :most"
)
_FOUND = (  # in the order of `Found`
    "SELECT c.seq, c.id, c.n, c.document_id, d.collection, d.path, d.name, d.title, c.heading, c.text, c.page, "
    'c.start, c."end", c.line, c.end_line, d.source_id, d.audience, d.modified_at_ms, d.url '
    "FROM chunks c JOIN documents d ON d.id = c.document_id WHERE c."
)
_BY_SEQ = f"{_FOUND}seq IN (SELECT value FROM json_each(:seqs))"  # noqa: S608 - constants
_OF_SCOPES = "d.collection || char(31) || d.audience IN (SELECT value FROM json_each(:scopes))"
_READABLE = f"{_BY_SEQ} AND {_OF_SCOPES}"
_BY_ID = f"{_FOUND}id IN (SELECT value FROM json_each(:ids))"  # noqa: S608 - constants
_WHOSE = (
    "SELECT c.id, d.collection, d.audience FROM chunks c JOIN documents d ON d.id = c.document_id "
    "WHERE c.id IN (SELECT value FROM json_each(:ids))"
)
_NARROW = (
    " AND (:sources = '[]' OR d.source_id IN (SELECT value FROM json_each(:sources))"
    " OR d.root IN (SELECT value FROM json_each(:sources)))"
    " AND (:path = '' OR d.name GLOB :path)"
    " AND coalesce(d.modified_at_ms, d.indexed_at_ms) BETWEEN :since AND :until"
)
_COUNTS = "SELECT v.term, v.doc FROM json_each(:stems) s CROSS JOIN chunks_vocab v ON v.term = s.value"
_GENERATION = "SELECT value FROM facts WHERE name = 'knowledge.generation'"
_VECTORS = "SELECT id, embedding FROM chunks WHERE embedding IS NOT NULL AND id IN (SELECT value FROM json_each(:ids))"
_SEARCHABLE = (
    "SELECT rowid, text, heading, title FROM chunks_fts WHERE rowid IN (SELECT value FROM json_each(:seqs))"
)
_MATCHING = "SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH :match"
_EVER = 2**62


class FullTextRows:
    """Search and read stored passages (the port `FullText` of `rag/library.py`)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._desks = threading.local()
        self._stems: dict[str, list[str]] = {}
        self._ranks: dict[tuple[object, str], dict[int, float]] = {}  # by generation and word
        self._counted: dict[object, dict[str, int]] = {}  # by generation: of one only

    async def matches(
        self, words: Sequence[str], scopes: Collection[Scope], limit: int, filters: Filters
    ) -> list[tuple[Found, float]]:
        """Return chunks of these scopes with any of `words`, best first, with their bm25 (higher is better)."""
        if not words or not scopes:
            return []
        query, values = _READABLE, cast("dict[str, object]", {"scopes": _names(scopes)})
        if filters.is_narrow:
            query, values = _READABLE + _NARROW, values | _narrowing(filters)

        def job(connection: Connection) -> list[tuple[Found, float]]:
            cursor = _cursor(connection)
            generation = _generation(cursor)
            counts = self._counts(cursor, generation, words)
            chosen = _telling(words, counts)
            lists = [self._ranked(cursor, generation, word) for word in chosen if counts[word]]
            found = _first(cursor, query, values, _together(lists), limit)
            if len(found) < limit and any(
                len(one) == MATCH_LIMIT for one in lists
            ):  # nearly all is for others
                lists = [_rank(cursor, word, -1) for word in chosen if counts[word]]
                found = _first(cursor, query, values, _together(lists), limit)
            return found

        return await self._store.read(job)

    async def weighed(
        self, words: Sequence[str], found: Collection[Found], near: Collection[str] | None, filters: Filters
    ) -> Weighed:
        """Return what ranking needs beside two lists, all of one moment: passages, vectors, where each word stands.

        `found` were found by words, `near` are ids by meaning, None when that is not known; these are read when they
        pass the filters. Vectors are those of what is not among `near`. A word counts with all that has the same stem.
        """
        has = {one.id for one in found}
        unread = json.dumps([id_ for id_ in near or () if id_ not in has])
        unseen = "[]" if near is None else json.dumps(sorted(has - set(near)))
        query, values = _BY_ID, cast("dict[str, object]", {"ids": unread})
        if filters.is_narrow:
            query, values = _BY_ID + _NARROW, values | _narrowing(filters)

        def job(connection: Connection) -> Weighed:
            cursor = _cursor(connection)
            known = {one.id: one for one in found}
            known |= {one.id: one for one in _all(cursor, query, values)}
            spread = self._spread(cursor, words, {one.seq for one in known.values()})
            vectors = dict(cursor.execute(_VECTORS, {"ids": unseen}).fetchall())
            return Weighed(found=known, vectors=vectors, spread=spread)

        return await self._store.read(job)

    async def whose(self, ids: Collection[str]) -> dict[str, Scope]:
        """Return whose chunks are at this moment, by id; ids that are gone meanwhile are left out."""
        values = {"ids": json.dumps(list(ids))}
        rows = await self._store.read(
            lambda connection: _cursor(connection).execute(_WHOSE, values).fetchall()
        )
        return {id_: Scope(collection=collection, audience=audience) for id_, collection, audience in rows}

    async def by_id(self, ids: Collection[str]) -> list[Found]:
        """Return chunks by id, in no order; ids that are gone meanwhile are left out."""
        return await self._store.read(lambda connection: all_found(connection, chunks.c.id, sorted(ids)))

    async def beside(self, chunk: Found, distance: int) -> list[Found]:
        """Return the chunks up to `distance` before and after `chunk` under the same heading, it included, in order."""
        query = found_query().where(
            chunks.c.document_id == chunk.document_id,
            chunks.c.heading == chunk.heading,
            chunks.c.n.between(chunk.n - distance, chunk.n + distance),
        )
        return await self._store.read(lambda connection: run(connection, query.order_by(chunks.c.n)))

    async def owners(self, collections: Collection[str]) -> dict[str, list[str]]:
        """Return who added the sources of each collection: ids of people."""
        query = text(
            "SELECT DISTINCT collection, owner FROM knowledge_sources WHERE owner <> '' "
            "AND collection IN (SELECT value FROM json_each(:names)) ORDER BY collection, owner"
        )
        values = {"names": json.dumps(list(collections))}
        rows = await self._store.read(lambda connection: connection.execute(query, values).all())
        owners: dict[str, list[str]] = {}
        for collection, owner in rows:
            owners.setdefault(collection, []).append(owner)
        return owners

    def _spread(self, cursor: sqlite3.Cursor, words: Sequence[str], seqs: Set[int]) -> dict[str, Spread]:
        """Return where each word stands among these chunks.

        The index says it of rare words, mostly it just has; for common ones it would name too many others: their
        chunks are cut again.
        """
        generation = _generation(cursor)
        counts = self._counts(cursor, generation, words)
        spread: dict[str, Spread] = {}
        for word in words:
            if counts[word] >= MATCH_LIMIT:
                continue
            ranked = self._ranks.get((generation, word))
            standing = seqs & (_standing(cursor, quoted(word)) if ranked is None else ranked.keys())
            above = _standing(cursor, f"{{heading title}} : {quoted(word)}") if standing else frozenset()
            spread[word] = Spread(
                count=counts[word], chunks=frozenset(standing), headings=frozenset(seqs & above)
            )
        if rest := [word for word in words if word not in spread]:
            rows = cursor.execute(_SEARCHABLE, {"seqs": json.dumps(sorted(seqs))}).fetchall()
            spread |= self._desk().spread(rest, counts, rows)
        return spread

    def _ranked(self, cursor: sqlite3.Cursor, generation: object, word: str) -> dict[int, float]:
        """Return the newest chunks with a word, by `seq`, each with its bm25.

        A question asks twice about each of its words: what was said last is remembered until a chunk changes.
        """
        known = self._ranks.get((generation, word))
        if known is None:
            if len(self._ranks) >= RANKS_LIMIT:
                self._ranks.clear()
            known = self._ranks[generation, word] = _rank(cursor, word, MATCH_LIMIT)
        return known

    def _counts(self, cursor: sqlite3.Cursor, generation: object, words: Sequence[str]) -> dict[str, int]:
        """Return in how many chunks each word stands; counting a common one takes milliseconds, so it is remembered."""
        stems = self._desk().stems(words)
        known = self._counted.get(generation)
        if known is None or len(known) > COUNTED_LIMIT:
            known = {}
            self._counted = {generation: known}
        fresh = sorted({stem for some in stems.values() for stem in some} - known.keys())
        if fresh:
            counted = dict(cursor.execute(_COUNTS, {"stems": json.dumps(fresh)}).fetchall())
            known |= {stem: counted.get(stem, 0) for stem in fresh}
        return {word: min((known[stem] for stem in some), default=0) for word, some in stems.items()}

    def _desk(self) -> WordDesk:
        """Return this thread's desk."""
        desk: WordDesk | None = getattr(self._desks, "desk", None)
        if desk is None:
            desk = self._desks.desk = WordDesk(self._stems)
        return desk


def _generation(cursor: sqlite3.Cursor) -> object:
    return cursor.execute(_GENERATION).fetchone()


def _rank(cursor: sqlite3.Cursor, word: str, most: int) -> dict[int, float]:
    return dict(cursor.execute(_RANKED, {"match": quoted(word), "most": most}))


def _together(lists: Sequence[Mapping[int, float]]) -> list[tuple[int, float]]:
    """Return all chunks, best first: the bm25 of a question is the sum of its words'."""
    scores = dict(lists[0]) if lists else {}
    for one in lists[1:]:
        for seq, score in one.items():
            scores[seq] = scores.get(seq, 0.0) + score
    return sorted(scores.items(), key=itemgetter(1), reverse=True)


def _standing(cursor: sqlite3.Cursor, match: str) -> Set[int]:
    return {row[0] for row in cursor.execute(_MATCHING, {"match": match})}


def _first(
    cursor: sqlite3.Cursor,
    query: str,
    values: Mapping[str, object],
    ranked: Sequence[tuple[int, float]],
    limit: int,
) -> list[tuple[Found, float]]:
    """Return the first `limit` of these, best first, that `query` lets through; it is asked about a few at a time."""
    first: list[tuple[Found, float]] = []
    at, size = 0, limit
    while at < len(ranked) and len(first) < limit:
        page, at, size = ranked[at : at + size], at + size, size * 4
        seqs = json.dumps([seq for seq, _ in page])
        readable = {one.seq: one for one in _all(cursor, query, {**values, "seqs": seqs})}
        first += [(readable[seq], score) for seq, score in page if seq in readable]
    return first[:limit]


def _cursor(connection: Connection) -> sqlite3.Cursor:
    """Return a cursor of the driver inside the connection's transaction: rows come without SQLAlchemy's wrapping."""
    return cast("sqlite3.Cursor", connection.connection.cursor())


def _all(cursor: sqlite3.Cursor, query: str, values: Mapping[str, object]) -> list[Found]:
    """Return what the query, one of those with all columns of a passage, finds."""
    return list(map(Found._make, cursor.execute(query, values)))


def _telling(words: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """Return the words to look for: the rarest first, as many as rank at most `MATCH_LIMIT` passages together."""
    chosen: list[str] = []
    together = 0
    for word in sorted(words, key=lambda word: counts[word]):
        together += counts[word]
        if together > MATCH_LIMIT and len(chosen) >= LEAST_WORDS:
            break
        chosen.append(word)
    return chosen


def _names(scopes: Iterable[Scope]) -> str:
    return json.dumps([f"{one.collection}{SEPARATOR}{one.audience}" for one in scopes])


def _narrowing(filters: Filters) -> dict[str, object]:
    path = filters.path.replace("[", "[[]").replace("?", "[?]")
    return {
        "sources": json.dumps(list(filters.sources)),
        "path": path if not path or "*" in path else f"{path}*",
        "since": filters.since_ms if filters.since_ms is not None else -_EVER,
        "until": filters.until_ms if filters.until_ms is not None else _EVER,
    }


def found_query() -> Select[*tuple[object, ...]]:
    """Return the query for passages with what is needed to cite them."""
    columns = (chunks.c.seq, chunks.c.id, chunks.c.n, chunks.c.document_id, chunks.c.heading, chunks.c.text)
    places = (chunks.c.page, chunks.c.start, chunks.c.end, chunks.c.line, chunks.c.end_line)
    about = (documents.c.collection, documents.c.path, documents.c.name, documents.c.title, documents.c.url)
    whose = (documents.c.source_id, documents.c.audience, documents.c.modified_at_ms)
    joined = chunks.join(documents, documents.c.id == chunks.c.document_id)
    return select(*columns, *places, *about, *whose).select_from(joined)


def run(connection: Connection, query: Select[*tuple[object, ...]]) -> list[Found]:
    """Return what the query finds."""
    return [Found(**row._mapping) for row in connection.execute(query)]


def all_found(connection: Connection, column: object, keys: Collection[object]) -> list[Found]:
    """Return the passages whose `column` is one of `keys`."""
    wanted = list(keys)
    return [
        found
        for n in range(0, len(wanted), VARIABLES)
        for found in run(connection, found_query().where(column.in_(wanted[n : n + VARIABLES])))  # type: ignore[attr-defined]
    ]
