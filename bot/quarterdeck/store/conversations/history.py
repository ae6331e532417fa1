"""Remember what was said in every conversation.

Rows are written inside the commit that makes them true, hence the functions that take a connection: an
incoming message in the inbox's commit, one of ours in the commit that marks its last part as sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final, cast

from sqlalchemy import Connection, Insert, Row, Table, bindparam, select, update

from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.person import Identity
from quarterdeck.store.database import transaction
from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import conversations, messages

_EDIT: Final = Prepared(
    update(messages)
    .where(messages.c.conversation_id == bindparam("place"), messages.c.message_id == bindparam("id"))
    .where(messages.c.deleted_at_ms.is_(None))
    .values(text=bindparam("words"))
)


def remember_in(connection: Connection, conversation: Conversation, *, now_ms: int, title: str = "") -> None:
    """Write down that `conversation` exists, unless it is known already."""
    known = transaction.scratch(connection).known
    if conversation.id in known:
        return
    insert_new(
        connection,
        conversations,
        {
            "id": conversation.id,
            "platform": conversation.platform,
            "kind": conversation.kind,
            "title": title,
            "created_at_ms": now_ms,
        },
    )
    known.add(conversation.id)


def record_in(connection: Connection, message: Message, *, is_ours: bool = False) -> bool:
    """Write down `message` and its conversation; returns False when it was known already.

    `is_ours` marks what the bot said itself, and what it told itself to do (a schedule's command line).
    """
    sent_at_ms = _ms(message.sent_at)
    remember_in(connection, message.conversation, now_ms=sent_at_ms)
    return insert_new(
        connection,
        messages,
        {
            "conversation_id": message.conversation.id,
            "message_id": message.id,
            "author": str(message.author),
            "is_ours": is_ours,
            "text": message.text,
            "sent_at_ms": sent_at_ms,
        },
    )


def edit_in(connection: Connection, message: Message) -> bool:
    """Give a message its new text; returns False when it is not known or was deleted."""
    values = {"words": message.text, "place": message.conversation.id, "id": message.id}
    return _EDIT.run(connection, values) > 0


def delete_in(connection: Connection, conversation_id: str, message_id: str, *, at_ms: int) -> bool:
    """Forget a message's text and mark it as deleted; returns False when it is unknown or deleted already."""
    changed = connection.execute(
        update(messages)
        .where(messages.c.conversation_id == conversation_id, messages.c.message_id == message_id)
        .where(messages.c.deleted_at_ms.is_(None))
        .values(text="", deleted_at_ms=at_ms)
    )
    return changed.rowcount > 0


def insert_new(connection: Connection, table: Table, values: dict[str, object]) -> bool:
    """Insert a row unless one with the same unique values is there; returns whether it was inserted."""
    return _insertion(connection.dialect.name, table, tuple(values)).run(connection, values) > 0


@cache
def _insertion(dialect: str, table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(insertion(dialect, table), columns=columns)


@cache
def insertion(dialect: str, table: Table) -> Insert:
    """Return `INSERT … ON CONFLICT DO NOTHING`, built once: building it costs eight times running it."""
    return inserting(dialect, table).on_conflict_do_nothing()


class StoredHistory:
    """Read what was said (the `History` port)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def since(self, conversation_id: str, after_ms: int, limit: int = 1000) -> list[Message]:
        """Return messages sent after `after_ms`, oldest first, deleted ones left out, the bot's own included.

        When there are more than `limit`, the newest are returned.
        """
        return await self._read(conversation_id, after_ms, limit)

    async def recent(self, conversation_id: str, limit: int = 20) -> list[Message]:
        """Return the last messages, oldest first."""
        return await self._read(conversation_id, None, limit)

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return the conversation of this id, None when nothing was ever said there."""
        query = select(conversations).where(conversations.c.id == conversation_id)

        def job(connection: Connection) -> Row[*tuple[object, ...]] | None:
            return connection.execute(query).one_or_none()

        row = await self._store.read(job)
        if row is None:
            return None
        return Conversation(id=row.id, platform=row.platform, kind=cast(ConversationKind, row.kind))

    async def _read(self, conversation_id: str, after_ms: int | None, limit: int) -> list[Message]:
        query = (
            select(messages, conversations.c.platform, conversations.c.kind)
            .join(conversations, conversations.c.id == messages.c.conversation_id)
            .where(messages.c.conversation_id == conversation_id, messages.c.deleted_at_ms.is_(None))
            .order_by(messages.c.sent_at_ms.desc(), messages.c.seq.desc())
            .limit(limit)
        )
        if after_ms is not None:
            query = query.where(messages.c.sent_at_ms > after_ms)

        def job(connection: Connection) -> Sequence[Row[*tuple[object, ...]]]:
            return connection.execute(query).all()

        rows = await self._store.read(job)
        return [message_of(row) for row in reversed(rows)]


def message_of(row: Row[*tuple[object, ...]]) -> Message:
    """Return a stored message, with platform and kind of its conversation in the row."""
    conversation = Conversation(
        id=row.conversation_id, platform=row.platform, kind=cast(ConversationKind, row.kind)
    )
    return Message(
        id=row.message_id,
        conversation=conversation,
        author=Identity.parse(row.author),
        text=row.text,
        sent_at=datetime.fromtimestamp(row.sent_at_ms / 1000, UTC),
        raw={"is_ours": row.is_ours},
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
