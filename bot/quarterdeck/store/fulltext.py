"""Find passages by words, for those who may read them, and read passages back.

FTS5 has a query language of its own: each word reaches it as a quoted string, and who may read is a condition in SQL,
never in MATCH. Stems are SQLite's own (porter): what is counted beside the index is cut by the same tokenizer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, Select, select, text

from quarterdeck.core.knowledge import Filters, Found, Scope, Spread
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import chunks, documents

VARIABLES = 500  # values in one IN list, far below SQLite's limit
MATCH_LIMIT = 6000  # passages that one query ranks, 4 us each; common words are left out of it beyond that
LEAST_WORDS = 2  # the rarest ones are looked for however common they are
PAGE = 400  # ranked passages whose readers are looked at together
SEPARATOR = "\x1f"

# The weights of bm25 are those of text, heading, title; benchmarks/ingest_and_ask.py measures what they do.
_RANKED = text(
    "SELECT rowid AS seq, -bm25(chunks_fts, 1.0, 3.0, 2.0) AS score FROM chunks_fts "
    "WHERE chunks_fts MATCH :match ORDER BY score DESC, rowid"
)
_READABLE = (
    "SELECT c.seq FROM chunks c JOIN documents d ON d.id = c.document_id "
    "WHERE c.seq IN (SELECT value FROM json_each(:seqs)) "
    "AND d.collection || char(31) || d.audience IN (SELECT value FROM json_each(:scopes))"
)
_ALL = (
    "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id "
    "WHERE c.id IN (SELECT value FROM json_each(:ids))"
)
_NARROW = (
    " AND (:sources = '[]' OR d.source_id IN (SELECT value FROM json_each(:sources))"
    " OR d.root IN (SELECT value FROM json_each(:sources)))"
    " AND (:path = '' OR d.name GLOB :path)"
    " AND coalesce(d.modified_at_ms, d.indexed_at_ms) BETWEEN :since AND :until"
)
_COUNT = text("SELECT term, doc FROM chunks_vocab WHERE term = :term")
_SEARCHABLE = text(
    "SELECT rowid, text, heading, title FROM chunks_fts WHERE rowid IN (SELECT value FROM json_each(:seqs))"
)
_EVER = 2**62


class FullTextRows:
    """Search and read stored passages (the port `FullText` of `rag/library.py`)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._desks = threading.local()

    async def matches(
        self, words: Sequence[str], scopes: Collection[Scope], limit: int, filters: Filters
    ) -> list[tuple[Found, float]]:
        """Return chunks of these scopes with any of `words`, best first, with their bm25 (higher is better)."""
        if not words or not scopes:
            return []
        query = text(_READABLE + (_NARROW if filters.is_narrow else ""))
        values: dict[str, object] = {"scopes": _names(scopes)}
        if filters.is_narrow:
            values |= _narrowing(filters)

        def job(connection: Connection) -> list[tuple[Found, float]]:
            chosen = _telling(words, self._counts(connection, words))
            ranked = connection.execute(_RANKED, {"match": " OR ".join(map(quoted, chosen))})
            scores: dict[int, float] = {}
            for page in ranked.partitions(PAGE):
                seqs = json.dumps([row.seq for row in page])
                readable = set(connection.execute(query, {**values, "seqs": seqs}).scalars())
                scores |= {row.seq: row.score for row in page if row.seq in readable}
                if len(scores) >= limit:
                    break
            best = list(scores)[:limit]
            found = {one.seq: one for one in all_found(connection, chunks.c.seq, best)}
            return [(found[seq], scores[seq]) for seq in best if seq in found]

        return await self._store.read(job)

    async def spread(self, words: Sequence[str], seqs: Collection[int]) -> dict[str, Spread]:
        """Return where each word stands, among the chunks `seqs`, and how many have it at all; stems count as it."""

        def job(connection: Connection) -> dict[str, Spread]:
            counts = self._counts(connection, words)
            rows = connection.execute(_SEARCHABLE, {"seqs": json.dumps(list(seqs))}).all()
            return self._desk().spread(words, counts, [tuple(row) for row in rows])

        return await self._store.read(job)

    async def by_id(self, ids: Collection[str]) -> list[Found]:
        """Return chunks by id, in no order; ids that are gone meanwhile are left out."""
        return await self._store.read(lambda connection: all_found(connection, chunks.c.id, sorted(ids)))

    async def inside(self, ids: Collection[str], filters: Filters) -> set[str]:
        """Return which of these chunks pass the filters on documents."""
        if not filters.is_narrow or not ids:
            return set(ids)
        query = text(_ALL + _NARROW)
        values = {"ids": json.dumps(list(ids)), **_narrowing(filters)}
        return await self._store.read(lambda connection: set(connection.execute(query, values).scalars()))

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

    def _counts(self, connection: Connection, words: Sequence[str]) -> dict[str, int]:
        """Return in how many chunks each word stands."""
        counts = {}
        for word, stems in self._desk().stems(words).items():
            known = [connection.execute(_COUNT, {"term": stem}).first() for stem in stems]
            counts[word] = min((row.doc if row else 0 for row in known), default=0)
        return counts

    def _desk(self) -> _Desk:
        """Return this thread's desk."""
        desk: _Desk | None = getattr(self._desks, "desk", None)
        if desk is None:
            desk = self._desks.desk = _Desk()
        return desk


class _Desk:
    """Cut a few words or passages as the index does, in a small index of its own that holds nothing else."""

    def __init__(self) -> None:
        self._index = sqlite3.connect(":memory:", isolation_level=None)
        self._index.execute("CREATE VIRTUAL TABLE q USING fts5(t, tokenize = 'porter unicode61')")
        self._index.execute("CREATE VIRTUAL TABLE qv USING fts5vocab(q, instance)")
        self._index.execute(
            "CREATE VIRTUAL TABLE c USING fts5(text, heading, title, tokenize = 'porter unicode61')"
        )

    def stems(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Return what each word is in the index: one stem mostly, none for a sign that is no word."""
        self._index.execute("DELETE FROM q")
        self._index.executemany("INSERT INTO q (rowid, t) VALUES (?, ?)", list(enumerate(map(_clean, words))))
        stems: dict[str, list[str]] = {word: [] for word in words}
        for term, number in self._index.execute("SELECT term, doc FROM qv ORDER BY doc, offset"):
            stems[words[number]].append(term)
        return stems

    def spread(
        self, words: Sequence[str], counts: dict[str, int], rows: Sequence[tuple[object, ...]]
    ) -> dict[str, Spread]:
        """Return where each word stands among `rows` (rowid, text, heading, title)."""
        self._index.execute("BEGIN")
        self._index.executemany("INSERT INTO c (rowid, text, heading, title) VALUES (?, ?, ?, ?)", rows)
        result = {}
        for word in words:
            everywhere = self._standing(quoted(word)) if counts[word] else frozenset()
            above = self._standing(f"{{heading title}} : {quoted(word)}") if everywhere else frozenset()
            result[word] = Spread(count=counts[word], chunks=everywhere, headings=above)
        self._index.execute("ROLLBACK")
        return result

    def _standing(self, match: str) -> frozenset[int]:
        return frozenset(
            row[0] for row in self._index.execute("SELECT rowid FROM c WHERE c MATCH ?", (match,))
        )


def quoted(word: str) -> str:
    """Return `word` as a string of FTS5's query language, in which nothing has a meaning of its own."""
    return '"' + _clean(word).replace('"', '""') + '"'


def _clean(word: str) -> str:
    return word.replace("\0", " ").encode("utf-8", "replace").decode()


def _telling(words: Sequence[str], counts: dict[str, int]) -> list[str]:
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
