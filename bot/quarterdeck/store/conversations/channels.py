"""Read a conversation by days, for knowledge that is made of it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from quarterdeck.core.message import Message
from quarterdeck.store.conversations.history import message_of
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import conversations, messages

DAY_MS: Final = 86_400_000


class StoredDays:
    """Give what was said on a day, deleted messages left out (a port of `rag/sources/channel.py`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def days(self, conversation_id: str) -> list[int]:
        """Return the days on which something was said, oldest first: days in UTC since the epoch."""
        query = select((messages.c.sent_at_ms // DAY_MS).label("day")).distinct()
        query = query.where(messages.c.conversation_id == conversation_id, messages.c.deleted_at_ms.is_(None))

        def job(connection: Connection) -> list[int]:
            return sorted(int(row.day) for row in connection.execute(query))

        return await self._store.read(job)

    async def said(self, conversation_id: str, day: int) -> list[Message]:
        """Return what was said on a day, oldest first."""
        query = (
            select(messages, conversations.c.platform, conversations.c.kind)
            .join(conversations, conversations.c.id == messages.c.conversation_id)
            .where(messages.c.conversation_id == conversation_id, messages.c.deleted_at_ms.is_(None))
            .where(messages.c.sent_at_ms >= day * DAY_MS, messages.c.sent_at_ms < (day + 1) * DAY_MS)
            .order_by(messages.c.sent_at_ms, messages.c.seq)
        )
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [message_of(row) for row in rows]
