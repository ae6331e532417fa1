"""Keep which embedder serves, and the vectors of the one that is to follow it until all are there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.sqlite import insert as upsert

from quarterdeck.core.knowledge import Found, Scope, Serving
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.fulltext import found_query, run
from quarterdeck.store.knowledge.scopes import count_up
from quarterdeck.store.tables import chunks, documents, facts, staged_vectors

SERVING = "knowledge.serving"

_SWITCH = text(
    "UPDATE chunks SET embedding = staged.vector, embedder = staged.space FROM staged_vectors AS staged "
    "WHERE staged.chunk_id = chunks.id AND staged.space = :space"
)


class StagedRows:
    """Stage vectors and switch (part of the ports of `rag/library.py`)."""

    _store: Store

    async def serving(self) -> Serving | None:
        """Return which embedder's vectors serve; None before there was any."""
        query = select(facts.c.value).where(facts.c.name == SERVING)
        value = await self._store.read(lambda connection: connection.execute(query).scalar())
        return Serving(**json.loads(value)) if value else None

    async def serve(self, serving: Serving) -> None:
        """Note which embedder serves from now on; its vectors are made in place where they are missing."""

        def job(connection: Connection) -> None:
            _note(connection, serving)

        await self._store.write("knowledge.served", job)

    async def unstaged(self, space: str, limit: int) -> list[Found]:
        """Return chunks without a staged vector for `space`, oldest first."""
        staged = select(staged_vectors.c.chunk_id).where(staged_vectors.c.space == space)
        query = found_query().where(chunks.c.id.not_in(staged))
        return await self._store.read(
            lambda connection: run(connection, query.order_by(chunks.c.seq).limit(limit))
        )

    async def stage(self, space: str, vectors: Sequence[tuple[str, bytes]]) -> None:
        """Keep vectors, by chunk id, until the switch; those of other spaces than this are dropped."""
        rows = [{"chunk_id": id_, "space": space, "vector": vector} for id_, vector in vectors]

        def job(connection: Connection) -> None:
            connection.execute(delete(staged_vectors).where(staged_vectors.c.space != space))
            connection.execute(upsert(staged_vectors).on_conflict_do_nothing(), rows)

        await self._store.write("knowledge.staged", job)

    async def staged_ids(self, scope: Scope, space: str) -> list[str]:
        """Return the ids of all chunks of a scope that have a staged vector."""
        query = (
            select(chunks.c.id)
            .join(documents, documents.c.id == chunks.c.document_id)
            .join(staged_vectors, staged_vectors.c.chunk_id == chunks.c.id)
            .where(documents.c.collection == scope.collection, documents.c.audience == scope.audience)
            .where(staged_vectors.c.space == space)
        )
        return await self._store.read(lambda connection: list(connection.execute(query).scalars()))

    async def staged(self, ids: Sequence[str], space: str) -> list[tuple[str, bytes]]:
        """Return staged vectors by chunk id."""
        query = select(staged_vectors.c.chunk_id, staged_vectors.c.vector)
        query = query.where(staged_vectors.c.space == space, staged_vectors.c.chunk_id.in_(ids))
        return await self._store.read(
            lambda connection: [(row.chunk_id, row.vector) for row in connection.execute(query)]
        )

    async def switch(self, serving: Serving) -> int:
        """Put the staged vectors in place of the ones that served, in one commit; returns the generation."""

        def job(connection: Connection) -> int:
            connection.execute(_SWITCH, {"space": serving.space})
            connection.execute(delete(staged_vectors))
            _note(connection, serving)
            return count_up(connection)

        return await self._store.write("knowledge.switched", job)


def _note(connection: Connection, serving: Serving) -> None:
    value = json.dumps({"key": serving.key, "space": serving.space, "slot": serving.slot})
    statement = upsert(facts).values(name=SERVING, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
