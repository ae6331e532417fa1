"""Count what collections hold, and which audiences they have."""

from __future__ import annotations

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from quarterdeck.core.knowledge import CollectionSize, Scope
from quarterdeck.store.tables import chunks, documents, facts, knowledge_sources

GENERATION = "knowledge.generation"


def generation_of(connection: Connection) -> int:
    """Return how many commits have changed chunks, or who may read them, so far."""
    value = connection.execute(select(facts.c.value).where(facts.c.name == GENERATION)).scalar()
    return int(value or 0)


def count_up(connection: Connection) -> int:
    """Count a commit and return how many there are."""
    generation = generation_of(connection) + 1
    statement = upsert(facts).values(name=GENERATION, value=str(generation))
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": str(generation)})
    )
    return generation


def scopes(connection: Connection) -> list[Scope]:
    """Return every pair of collection and audience that has passages, by name."""
    query = select(documents.c.collection, documents.c.audience, func.count().label("chunks"))
    query = query.join(chunks, chunks.c.document_id == documents.c.id)
    query = query.group_by(documents.c.collection, documents.c.audience)
    found = [
        Scope(collection=row.collection, audience=row.audience, chunks=row.chunks)
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda scope: scope.name)


def sizes(connection: Connection) -> list[CollectionSize]:
    """Return what each collection holds, by name; one with nothing but sources that were never read is among them."""
    states: dict[tuple[str, str], int] = {}
    totals: dict[str, tuple[int, int | None, int | None]] = {}
    counted = select(
        documents.c.collection,
        documents.c.state,
        func.count().label("amount"),
    ).group_by(documents.c.collection, documents.c.state)
    for row in connection.execute(counted):
        states[row.collection, row.state] = row.amount
    about = select(
        documents.c.collection,
        func.sum(documents.c.size_bytes).label("size_bytes"),
        func.max(documents.c.modified_at_ms).label("modified"),
        func.max(documents.c.indexed_at_ms).label("indexed"),
    ).group_by(documents.c.collection)
    for row in connection.execute(about):
        totals[row.collection] = (row.size_bytes or 0, row.modified, row.indexed)
    passages = select(documents.c.collection, func.count().label("amount"))
    passages = passages.join(chunks, chunks.c.document_id == documents.c.id).group_by(documents.c.collection)
    pieces: dict[str, int] = {row.collection: row.amount for row in connection.execute(passages)}
    return [
        CollectionSize(
            name=name,
            documents=states.get((name, "indexed"), 0),
            failed=states.get((name, "failed"), 0),
            chunks=pieces.get(name, 0),
            roots=tuple(sorted(roots)),
            size_bytes=totals.get(name, (0, None, None))[0],
            modified_at_ms=totals.get(name, (0, None, None))[1],
            indexed_at_ms=totals.get(name, (0, None, None))[2],
        )
        for name, roots in sorted(_roots(connection).items())
    ]


def _roots(connection: Connection) -> dict[str, set[str]]:
    roots: dict[str, set[str]] = {}
    for row in connection.execute(select(documents.c.collection, documents.c.root).distinct()):
        roots.setdefault(row.collection, set()).add(row.root)
    for row in connection.execute(select(knowledge_sources.c.collection, knowledge_sources.c.location)):
        roots.setdefault(row.collection, set()).add(row.location)
    return roots
