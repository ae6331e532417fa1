"""Keep every part of every reply until it is sent (the `OutboxRows` and `Deliveries` ports)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Connection, Executable, Row, bindparam, func, insert, select, update

from quarterdeck.core.delivery import AuditEntry, Outgoing, SendState
from quarterdeck.core.errors import NotFound
from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.ports import Delivery
from quarterdeck.store.audit import Audit
from quarterdeck.store.engine import Store
from quarterdeck.store.history import record_in
from quarterdeck.store.inbox import done_in
from quarterdeck.store.tables import outbox

OPEN = ("waiting", "sending")
RETRIABLE = ("unknown", "dead")  # what waits has its turn coming; a second one would send it twice

# Built once, since each part of each answer runs them: building one costs eight times running it.
_QUEUED = insert(outbox)
_KNOWN = select(outbox.c.seq).where(outbox.c.cause == bindparam("of")).limit(1)
_SENDING = update(outbox).where(outbox.c.id == bindparam("of")).values(state="sending")
_SENT = (
    update(outbox)
    .where(outbox.c.id == bindparam("of"))
    .values(
        state="sent",
        reason="",
        attempts=bindparam("tries"),
        message_id=bindparam("message"),
        sent_at_ms=bindparam("now_ms"),
    )
)


class StoredOutbox:
    """Read and write the `outbox` table."""

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store, self._audit = store, audit

    async def queue(
        self,
        rows: Sequence[Outgoing],
        *,
        audit: Sequence[AuditEntry] = (),
        done: int | None = None,
        now_ms: int,
    ) -> bool:
        """Store rows, audit entries and the end of the event `done` in one commit; False when they were there."""

        def job(connection: Connection) -> bool:
            is_new = not rows or not _is_known(connection, rows[0].cause)
            for row in rows if is_new else ():
                _run(connection, _QUEUED, _values(row))
            for entry in audit:
                self._audit.append_in(connection, entry)
            if done is not None:
                done_in(connection, done, now_ms=now_ms)
            return is_new

        return await self._store.write("outbox.queued", job)

    async def sending(self, row_id: str) -> None:
        """Write down that a send begins."""
        await self._store.write(
            "outbox.sending", lambda connection: _run(connection, _SENDING, {"of": row_id})
        )

    async def sent(self, row: Outgoing, message: Message) -> None:
        """Write down that a part arrived, and `message`, what people see of it, in the history."""

        def job(connection: Connection) -> None:
            values = {
                "of": row.id,
                "tries": row.attempts + 1,
                "message": message.id,
                "now_ms": round(message.sent_at.timestamp() * 1000),
            }
            _run(connection, _SENT, values)
            record_in(connection, message, is_ours=True)

        await self._store.write("outbox.sent", job)

    async def postpone(self, row_id: str, *, attempts: int, not_before_ms: int, reason: str) -> None:
        """Put a part back to wait."""
        await self._change(
            "outbox.postponed",
            row_id,
            state="waiting",
            attempts=attempts,
            not_before_ms=not_before_ms,
            reason=reason,
        )

    async def give_up(self, row_id: str, state: SendState, *, attempts: int, reason: str) -> None:
        """End a part as `unknown` or `dead`."""
        await self._change("outbox.ended", row_id, state=state, attempts=attempts, reason=reason)

    async def open_rows(self) -> Sequence[Outgoing]:
        """Return what waits or was being sent, oldest first."""
        query = select(outbox).where(outbox.c.state.in_(OPEN)).order_by(outbox.c.seq)
        return [_outgoing(row) for row in await self._store.read(lambda c: c.execute(query).all())]

    async def one(self, row_id: str) -> Outgoing | None:
        """Return one part, or None."""
        query = select(outbox).where(outbox.c.id == row_id)
        row = await self._store.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _outgoing(row)

    async def counts(self) -> dict[str, int]:
        """Count parts by state."""
        query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
        rows = await self._store.read(lambda c: c.execute(query).all())
        return {row.state: row[1] for row in rows}

    async def deliveries(
        self, *, conversation_id: str | None = None, states: Sequence[str] = (), limit: int = 200
    ) -> list[Delivery]:
        """Return parts, newest first; without `states`, in every state."""
        query = select(outbox).order_by(outbox.c.seq.desc()).limit(limit)
        if conversation_id is not None:
            query = query.where(outbox.c.conversation_id == conversation_id)
        if states:
            query = query.where(outbox.c.state.in_(states))
        return [_delivery(row) for row in await self._store.read(lambda c: c.execute(query).all())]

    async def reopen(self, row_id: str) -> Outgoing:
        """Put a part that is unknown or dead back to wait, with its attempts forgotten.

        Raises:
            NotFound: no such part, or it is not at its end.
        """

        def job(connection: Connection) -> Row[*tuple[object, ...]] | None:
            reopened = connection.execute(
                update(outbox)
                .where(outbox.c.id == row_id, outbox.c.state.in_(RETRIABLE))
                .values(state="waiting", attempts=0, not_before_ms=0, reason="")
            )
            if not reopened.rowcount:
                return None
            return connection.execute(select(outbox).where(outbox.c.id == row_id)).one()

        row = await self._store.write("outbox.reopened", job)
        if row is None:
            raise NotFound(
                f"the delivery {row_id!r} is neither unknown nor dead",
                hint="`quarterdeck delivery list` shows their ids",
            )
        return _outgoing(row)

    async def _change(self, point: str, row_id: str, **values: object) -> None:
        def job(connection: Connection) -> None:
            connection.execute(update(outbox).where(outbox.c.id == row_id).values(**values))

        await self._store.write(point, job)


def _is_known(connection: Connection, cause: str) -> bool:
    """Tell whether a reply for this cause was stored: written anew it may have more parts or fewer, so all count."""
    return connection.execute(_KNOWN, {"of": cause}).first() is not None


def _run(connection: Connection, statement: Executable, values: Mapping[str, object]) -> None:
    connection.execute(statement, values)


def _values(row: Outgoing) -> dict[str, object]:
    return {
        "id": row.id,
        "cause": row.cause,
        "platform": row.conversation.platform,
        "conversation_id": row.conversation.id,
        "conversation_kind": row.conversation.kind,
        "part": row.part,
        "parts": row.parts,
        "body": json.dumps(row.body, ensure_ascii=False),
        "text": row.text,
        "state": row.state,
        "attempts": row.attempts,
        "not_before_ms": row.not_before_ms,
        "created_at_ms": row.created_at_ms,
    }


def _outgoing(row: Row[*tuple[object, ...]]) -> Outgoing:
    return Outgoing(
        id=row.id,
        cause=row.cause,
        conversation=Conversation(
            id=row.conversation_id,
            platform=row.platform,
            kind=cast("ConversationKind", row.conversation_kind),
        ),
        part=row.part,
        parts=row.parts,
        body=json.loads(row.body),
        text=row.text,
        state=cast("SendState", row.state),
        created_at_ms=row.created_at_ms,
        attempts=row.attempts,
        not_before_ms=row.not_before_ms,
    )


def _delivery(row: Row[*tuple[object, ...]]) -> Delivery:
    return Delivery(
        id=row.id,
        conversation_id=row.conversation_id,
        state=row.state,
        attempts=row.attempts,
        reason=row.reason,
        created_at_ms=row.created_at_ms,
        text=row.text,
    )
