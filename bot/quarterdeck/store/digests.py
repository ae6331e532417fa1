"""Remember up to which moment each digest reaches: the next one begins where the last delivered one ended."""

from __future__ import annotations

from sqlalchemy import Connection, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from quarterdeck.store.engine import Store
from quarterdeck.store.tables import digests, outbox


class DigestRepository:
    """Read and write the table `digests`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def delivered_up_to(self, conversation_id: str) -> int | None:
        """Return how far, in ms, the conversation's delivered digests reach; None before the first.

        A digest is delivered when each part of the reply that it went out with was sent.
        """
        parts = outbox.alias()
        was_sent = exists().where(parts.c.cause == digests.c.key, parts.c.state == "sent")
        is_open = exists().where(parts.c.cause == digests.c.key, parts.c.state != "sent")
        query = select(func.max(digests.c.up_to_ms)).where(
            digests.c.conversation_id == conversation_id, was_sent, ~is_open
        )

        def job(connection: Connection) -> int | None:
            up_to_ms: int | None = connection.execute(query).scalar_one()
            return up_to_ms

        return await self._store.read(job)

    async def record(self, key: str, conversation_id: str, *, up_to_ms: int, now_ms: int) -> None:
        """Write down a digest that is about to be sent under `key`; composed again, the later one counts."""

        def job(connection: Connection) -> None:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            statement = insert(digests).values(
                key=key, conversation_id=conversation_id, up_to_ms=up_to_ms, created_at_ms=now_ms
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[digests.c.key], set_={"up_to_ms": up_to_ms, "created_at_ms": now_ms}
                )
            )

        await self._store.write("digest.recorded", job)
