"""Keep every event that a platform delivered, once, until it is done (the `InboxRows` port)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import assert_never

from sqlalchemy import Connection, bindparam, func, select, update

from quarterdeck.core.event import (
    Deleted,
    Edited,
    Event,
    Invoked,
    Joined,
    Posted,
    Pressed,
    Reacted,
    Submitted,
)
from quarterdeck.core.message import Message
from quarterdeck.store.conversations.history import delete_in, edit_in, insertion, record_in, remember_in
from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import inbox

EMPTY = "{}"  # the body of what is done: its words are in the history, if anywhere

_DONE = Prepared(
    update(inbox)
    .where(inbox.c.seq == bindparam("of"), inbox.c.state == "new")
    .values(state="done", done_at_ms=bindparam("now_ms"), body=EMPTY)
)
_ARRIVAL = ("platform", "workspace", "event_id", "conversation_id", "kind", "body", "state", "received_at_ms")


class StoredInbox:
    """Read and write the `inbox` table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def accept(self, event: Event, body: str, message: Message | None, *, now_ms: int) -> int | None:
        """Store an event and what it does to the history, in one commit; None when it came before."""

        def job(connection: Connection) -> int | None:
            seq = _insert(connection, event, body, now_ms)
            if seq is not None:
                _change_history(connection, event, message, now_ms)
            return seq

        return await self._store.write("inbox.accepted", job)

    async def resume(self, limit: int, platforms: Collection[str]) -> Sequence[tuple[int, str, str, int]]:
        """Count an attempt for the oldest open event of each conversation, and return open ones in order.

        Only the oldest can have been under way when the process ended: a conversation goes in order. Events of
        platforms that are not connected now stay as they are.
        """
        is_open = (inbox.c.state == "new") & inbox.c.platform.in_(sorted(platforms))
        oldest = select(func.min(inbox.c.seq)).where(is_open).group_by(inbox.c.conversation_id)

        def job(connection: Connection) -> Sequence[tuple[int, str, str, int]]:
            connection.execute(
                update(inbox).where(inbox.c.seq.in_(oldest)).values(attempts=inbox.c.attempts + 1)
            )
            found = connection.execute(
                select(inbox.c.seq, inbox.c.kind, inbox.c.body, inbox.c.attempts)
                .where(is_open)
                .order_by(inbox.c.seq)
                .limit(limit)
            )
            return [(row.seq, row.kind, row.body, row.attempts) for row in found]

        return await self._store.write("inbox.resumed", job)

    async def put_down(self) -> None:
        """Take back beforehand the attempts that `resume` will count: this process stops in good order."""
        is_open = inbox.c.state == "new"
        oldest = select(func.min(inbox.c.seq)).where(is_open).group_by(inbox.c.conversation_id)

        def job(connection: Connection) -> None:
            connection.execute(
                update(inbox).where(inbox.c.seq.in_(oldest)).values(attempts=inbox.c.attempts - 1)
            )

        await self._store.write("inbox.put_down", job)

    async def failed(self, seq: int, reason: str) -> int:
        """Count an attempt that ended in an unforeseen error; returns the attempts so far."""

        def job(connection: Connection) -> int:
            connection.execute(
                update(inbox).where(inbox.c.seq == seq).values(attempts=inbox.c.attempts + 1, reason=reason)
            )
            attempts: int = connection.execute(
                select(inbox.c.attempts).where(inbox.c.seq == seq)
            ).scalar_one()
            return attempts

        return await self._store.write("inbox.failed", job)

    async def quarantine(self, seq: int, reason: str) -> None:
        """Set an event aside for good."""

        def job(connection: Connection) -> None:
            connection.execute(
                update(inbox).where(inbox.c.seq == seq).values(state="quarantined", reason=reason)
            )

        await self._store.write("inbox.quarantined", job)

    async def counts(self) -> dict[str, int]:
        """Count events by state."""

        def job(connection: Connection) -> dict[str, int]:
            rows = connection.execute(select(inbox.c.state, func.count()).group_by(inbox.c.state))
            return {row.state: row[1] for row in rows}

        return await self._store.read(job)


def done_in(connection: Connection, seq: int, *, now_ms: int) -> None:
    """Mark an event as done, inside the commit that stores its reply; one that is set aside stays so."""
    _DONE.run(connection, {"of": seq, "now_ms": now_ms})


def arrive_done_in(connection: Connection, event: Event, *, now_ms: int) -> bool:
    """Store an event that is answered in the same commit; False when it came before."""
    values = {**_arrived(event, now_ms), "body": EMPTY, "state": "done", "done_at_ms": now_ms}
    if not _done_arrival(connection.dialect.name).run(connection, values):
        return False
    _change_history(connection, event, None, now_ms)
    return True


def _insert(connection: Connection, event: Event, body: str, now_ms: int) -> int | None:
    values = {**_arrived(event, now_ms), "body": body, "state": "new"}
    row = _arrival(connection.dialect.name).row(connection, values)
    return None if row is None else int(row[0])


def _arrived(event: Event, now_ms: int) -> dict[str, object]:
    return {
        "platform": event.platform,
        "workspace": event.workspace,
        "event_id": event.id,
        "conversation_id": event.conversation.id,
        "kind": type(event).__name__,
        "received_at_ms": now_ms,
    }


@cache
def _arrival(dialect: str) -> Prepared:
    return Prepared(insertion(dialect, inbox).returning(inbox.c.seq), columns=_ARRIVAL)


@cache
def _done_arrival(dialect: str) -> Prepared:
    return Prepared(insertion(dialect, inbox), columns=(*_ARRIVAL, "done_at_ms"))


def _change_history(connection: Connection, event: Event, message: Message | None, now_ms: int) -> None:
    match event:
        case Posted():
            if message is not None:
                record_in(connection, message, is_ours=bool(event.origin))
        case Edited():
            if not edit_in(connection, event.message) and message is not None:
                record_in(connection, message)  # the edit came first: the original will find its place taken
        case Deleted():
            if not delete_in(connection, event.conversation.id, event.message_id, at_ms=now_ms):
                _bury(connection, event, now_ms)
        case Invoked() | Pressed() | Submitted() | Reacted() | Joined():
            remember_in(connection, event.conversation, now_ms=now_ms)
        case _:
            assert_never(event)


def _bury(connection: Connection, event: Deleted, now_ms: int) -> None:
    """Mark a message as deleted that has not come yet, so that it is not remembered when it does."""
    absent = Message(
        id=event.message_id,
        conversation=event.conversation,
        author=event.actor,
        text="",
        sent_at=event.received_at,
    )
    record_in(connection, absent)
    delete_in(connection, event.conversation.id, event.message_id, at_ms=now_ms)
