"""Keep every part of every reply until it is sent (the `OutboxRows` and `Deliveries` ports)."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import cast

import orjson
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from quarterdeck.core.delivery import AuditEntry, Offer, Outgoing, SendState, Target
from quarterdeck.core.errors import NotFound
from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.ports import Delivery
from quarterdeck.store.conversations.history import edit_in, record_in
from quarterdeck.store.conversations.offers import offer_in, offer_of
from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.delivery.inbox import arrive_done_in, done_in
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit, Delivered
from quarterdeck.store.tables import outbox

OPEN = ("waiting", "sending")
RETRIABLE = ("unknown", "dead")  # what waits has its turn coming; a second one would send it twice
OVERTAKEN = "a newer form of it went out instead"
NEWEST = 20_000  # messages of ours that are looked through for one by the platform's id
MOST_LINKS = 16  # from a part to the one that stands for it; two are usual

_QUEUED = Prepared(
    insert(outbox),
    columns=(
        *("id", "cause", "platform", "conversation_id", "conversation_kind", "part", "parts", "body", "text"),
        *("state", "attempts", "not_before_ms", "created_at_ms", "replaces"),
    ),
)
_KNOWN = Prepared(select(outbox.c.seq).where(outbox.c.cause == bindparam("of")).limit(1))
_SENDING = Prepared(update(outbox).where(outbox.c.id == bindparam("of")).values(state="sending"))
_SENT = Prepared(
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
_OVERTAKEN = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("of"), outbox.c.state.in_(("waiting", *RETRIABLE)))
    .values(state="sent", reason=OVERTAKEN, replaces=bindparam("instead"))
)
_LINK = select(outbox.c.id, outbox.c.state, outbox.c.message_id, outbox.c.replaces).where(
    outbox.c.id == bindparam("of")
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
        overtaken: Mapping[str, str] = MappingProxyType({}),
        offer: Offer | None = None,
        now_ms: int,
    ) -> bool:
        """Store rows, audit entries and the end of the event `done` in one commit; False when they were there.

        `overtaken` are parts that need not go out any more, each with the part that stands for it from now on.
        `offer` are the choices that the rows show by number.
        """

        def job(connection: Connection) -> bool:
            is_new = not rows or not _is_known(connection, rows[0].cause)
            if is_new:
                for row in rows:
                    _QUEUED.run(connection, _values(row))
                for row_id, instead in overtaken.items():
                    _OVERTAKEN.run(connection, {"of": row_id, "instead": instead})
                if offer is not None:
                    offer_in(connection, offer)
            for entry in audit:
                self._audit.append_in(connection, entry)
            if done is not None:
                done_in(connection, done, now_ms=now_ms)
            return is_new

        return await self._store.write("outbox.queued", job)

    async def sending(self, row_id: str) -> None:
        """Write down that a send begins."""
        await self._store.write("outbox.sending", lambda connection: _SENDING.run(connection, {"of": row_id}))

    async def answered(
        self, event: Event, rows: Sequence[Outgoing], *, audit: Sequence[AuditEntry], now_ms: int
    ) -> bool:
        """Store an event that is answered already, and all of its answer, in one commit; False when it came before."""

        def job(connection: Connection) -> bool:
            is_new = arrive_done_in(connection, event, now_ms=now_ms)
            if is_new:
                for row in rows:
                    _QUEUED.run(connection, _values(row))
                for entry in audit:
                    self._audit.append_in(connection, entry)
            return is_new

        return await self._store.submit("outbox.answered", job)

    def sent(self, row: Outgoing, message: Message) -> Awaitable[None]:
        """Write down that a part arrived, and `message`, what people see of it, in the history.

        Writing begins with the call, in the order of the calls. Where the part replaces another one's, `message` has
        that message's id, and its old text is gone.
        """

        def job(connection: Connection) -> None:
            now_ms = round(message.sent_at.timestamp() * 1000)
            tries = row.attempts + 1
            _SENT.run(connection, {"of": row.id, "tries": tries, "message": message.id, "now_ms": now_ms})
            self._audit.delivered_in(
                connection, Delivered(event=row.cause, delivery=row.id, message=message.id)
            )
            if not (row.replaces and edit_in(connection, message)):
                record_in(connection, message, is_ours=True)

        return self._store.submit("outbox.sent", job)

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

    async def bury(self, conversation_id: str, reason: str) -> int:
        """End every waiting part of a conversation as `dead`; returns how many."""
        query = (
            update(outbox)
            .where(outbox.c.conversation_id == conversation_id, outbox.c.state == "waiting")
            .values(state="dead", reason=reason)
        )
        return await self._store.write("outbox.buried", lambda c: c.execute(query).rowcount)

    async def open_rows(self) -> Sequence[tuple[str, Conversation, SendState]]:
        """Return id, conversation and state of what waits or was being sent, oldest first."""
        columns = (outbox.c.id, outbox.c.conversation_id, outbox.c.platform, outbox.c.conversation_kind)
        query = select(*columns, outbox.c.state).where(outbox.c.state.in_(OPEN)).order_by(outbox.c.seq)
        rows = await self._store.read(lambda c: c.execute(query).all())
        return [(row.id, _conversation(row), cast("SendState", row.state)) for row in rows]

    async def target(self, row_id: str) -> Target | None:
        """Return what stands for a part now, None where there never was one."""
        return await self._store.read(lambda connection: _target(connection, row_id))

    async def offer(self, conversation_id: str) -> Offer | None:
        """Return what can be picked by its number in a conversation."""
        return await self._store.read(lambda connection: offer_of(connection, conversation_id))

    async def cause_of(self, conversation_id: str, message_id: str) -> str | None:
        """Return the key of the event that one of our newest messages answers; None for any other message."""
        newest = (
            select(outbox.c.cause, outbox.c.conversation_id, outbox.c.message_id)
            .order_by(outbox.c.seq.desc())
            .limit(NEWEST)
            .subquery()
        )
        query = select(newest.c.cause).where(
            newest.c.message_id == message_id, newest.c.conversation_id == conversation_id
        )
        cause = await self._store.read(lambda connection: connection.execute(query.limit(1)).scalar())
        return None if cause is None else str(cause).removesuffix("~partial").removesuffix("~direct")

    async def parts_of(self, cause: str) -> Sequence[str]:
        """Return the ids of a reply's parts, in order."""
        query = select(outbox.c.id).where(outbox.c.cause == cause).order_by(outbox.c.part)
        return [row.id for row in await self._store.read(lambda c: c.execute(query).all())]

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

    async def reopen_all(self, conversation_id: str) -> Sequence[Outgoing]:
        """Put every dead part of a conversation back to wait; returns them, oldest first."""
        is_dead = (outbox.c.conversation_id == conversation_id) & (outbox.c.state == "dead")

        def job(connection: Connection) -> Sequence[Outgoing]:
            rows = connection.execute(select(outbox).where(is_dead).order_by(outbox.c.seq)).all()
            connection.execute(
                update(outbox).where(is_dead).values(state="waiting", attempts=0, not_before_ms=0, reason="")
            )
            return [replace(_outgoing(row), state="waiting", attempts=0, not_before_ms=0) for row in rows]

        return await self._store.write("outbox.reopened", job)

    async def _change(self, point: str, row_id: str, **values: object) -> None:
        def job(connection: Connection) -> None:
            connection.execute(update(outbox).where(outbox.c.id == row_id).values(**values))

        await self._store.write(point, job)


def _is_known(connection: Connection, cause: str) -> bool:
    """Tell whether a reply for this cause was stored: written anew it may have more parts or fewer, so all count."""
    return _KNOWN.row(connection, {"of": cause}) is not None


def _target(connection: Connection, row_id: str) -> Target | None:
    """Follow the links from a part to the one whose message people see, or will see."""
    found: Target | None = None
    for _ in range(MOST_LINKS):
        row = connection.execute(_LINK, {"of": row_id}).one_or_none()
        if row is None:
            return found
        found = Target(id=row.id, state=cast("SendState", row.state), message_id=row.message_id or "")
        if found.message_id or not row.replaces:
            return found
        row_id = row.replaces
    return found


def _values(row: Outgoing) -> dict[str, object]:
    return {
        "id": row.id,
        "cause": row.cause,
        "platform": row.conversation.platform,
        "conversation_id": row.conversation.id,
        "conversation_kind": row.conversation.kind,
        "part": row.part,
        "parts": row.parts,
        "body": orjson.dumps(row.body).decode(),
        "text": row.text,
        "state": row.state,
        "attempts": row.attempts,
        "not_before_ms": row.not_before_ms,
        "created_at_ms": row.created_at_ms,
        "replaces": row.replaces,
    }


def _outgoing(row: Row[*tuple[object, ...]]) -> Outgoing:
    return Outgoing(
        id=row.id,
        cause=row.cause,
        conversation=_conversation(row),
        part=row.part,
        parts=row.parts,
        body=orjson.loads(row.body),
        text=row.text,
        state=cast("SendState", row.state),
        created_at_ms=row.created_at_ms,
        attempts=row.attempts,
        not_before_ms=row.not_before_ms,
        replaces=row.replaces,
    )


def _conversation(row: Row[*tuple[object, ...]]) -> Conversation:
    return Conversation(
        id=row.conversation_id,
        platform=row.platform,
        kind=cast("ConversationKind", row.conversation_kind),
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
