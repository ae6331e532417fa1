"""Keep how the fires of schedules went, which times wait, and orders that wait for a yes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import cast

from sqlalchemy import Connection, Row, Update, delete, select, update

from quarterdeck.core.message import Conversation, ConversationKind
from quarterdeck.core.person import Identity
from quarterdeck.core.schedule import Changes, Draft, FireRow, Streak
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import fires, inbox, schedule_drafts, schedules
from quarterdeck.store.work.schedules import record_in

DRAFTS_KEPT_MS = 2 * 86_400_000  # after their time is over they can still say that it is
OVER = "over:"  # the reason of a success that ended a row of failures


class FireRepository:
    """Read and write the tables `fires` and `schedule_drafts`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def latest(self, schedule_id: str, limit: int) -> list[FireRow]:
        """Return the latest planned times that were dealt with, newest first."""
        query = select(fires).where(fires.c.schedule_id == schedule_id)
        query = query.order_by(fires.c.planned_at_ms.desc()).limit(limit)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [_row(row) for row in rows]

    async def waiting(self, schedule_id: str, outcome: str) -> list[int]:
        """Return planned times, in ms and order, that wait: `asked` or `due`."""
        query = select(fires.c.planned_at_ms).order_by(fires.c.planned_at_ms)
        query = query.where(fires.c.schedule_id == schedule_id, fires.c.outcome == outcome)
        return list(await self._store.read(lambda connection: connection.execute(query).scalars().all()))

    async def open_fires(self, schedule_id: str) -> list[FireRow]:
        """Return what fired and has not ended, oldest first."""
        query = select(fires).order_by(fires.c.planned_at_ms)
        query = query.where(
            fires.c.schedule_id == schedule_id, fires.c.outcome == "fired", fires.c.ended_at_ms.is_(None)
        )
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [_row(row) for row in rows]

    async def busy_schedules(self) -> list[str]:
        """Return the schedules of which a time waits its turn, or a workflow that was started has not ended."""
        is_due = fires.c.outcome == "due"
        is_running = (fires.c.outcome == "fired") & fires.c.ended_at_ms.is_(None) & (fires.c.run_id != "")
        query = select(fires.c.schedule_id).where(is_due | is_running).distinct()
        return list(await self._store.read(lambda connection: connection.execute(query).scalars().all()))

    async def is_waiting(self, platform: str, workspace: str, event_id: str) -> bool:
        """Tell whether an event is in the inbox and not answered yet."""
        query = select(inbox.c.seq).where(
            inbox.c.platform == platform,
            inbox.c.workspace == workspace,
            inbox.c.event_id == event_id,
            inbox.c.state == "new",
        )
        return await self._store.read(lambda connection: connection.execute(query).first() is not None)

    async def started(self, schedule_id: str, planned_ms: int, run_id: str) -> None:
        """Write down which workflow a fire started."""
        change = _fire(schedule_id, planned_ms).values(run_id=run_id)

        def job(connection: Connection) -> None:
            record_in(connection, schedule_id, planned_ms, "fired", planned_ms)
            connection.execute(change)

        await self._store.write("schedule.ended", job)

    async def ended(
        self, schedule_id: str, planned_ms: int, result: str, *, reason: str = "", now_ms: int
    ) -> Streak | None:
        """Write down how a fire ended; the same end twice is one, and has the same answer.

        Returns None when it says nothing about failures in a row.
        """

        def job(connection: Connection) -> Streak | None:
            return _ended(connection, schedule_id, planned_ms, result, reason, now_ms)

        return await self._store.write("schedule.ended", job)

    async def decide(
        self, schedule_id: str, choice: str, *, up_to_ms: int, now_ms: int
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Take missed times that wait for a person off their hands; returns those that are due now, and the rest.

        The first decision counts: the second finds nothing.
        """

        def job(connection: Connection) -> tuple[Sequence[int], Sequence[int]]:
            query = select(fires.c.planned_at_ms).order_by(fires.c.planned_at_ms)
            query = query.where(
                fires.c.schedule_id == schedule_id,
                fires.c.outcome == "asked",
                fires.c.planned_at_ms <= up_to_ms,
            )
            asked = list(connection.execute(query).scalars())
            due = {"all": asked, "once": asked[-1:]}.get(choice, [])
            for planned in asked:
                outcome = "due" if planned in due else "missed"
                connection.execute(_fire(schedule_id, planned).values(outcome=outcome, fired_at_ms=now_ms))
            return due, [planned for planned in asked if planned not in due]

        return await self._store.write("schedule.caught_up", job)

    async def keep_draft(self, draft: Draft) -> None:
        """Store an order that waits for a yes; what expired is forgotten on the way."""
        values = {
            "id": draft.id,
            "identity": str(draft.identity),
            "platform": draft.conversation.platform,
            "conversation_id": draft.conversation.id,
            "conversation_kind": draft.conversation.kind,
            "changes": json.dumps(asdict(draft.changes)),
            "edits": draft.edits,
            "version": draft.version,
            "expires_at_ms": draft.expires_at_ms,
        }

        def job(connection: Connection) -> None:
            old = schedule_drafts.c.expires_at_ms < draft.expires_at_ms - DRAFTS_KEPT_MS
            connection.execute(delete(schedule_drafts).where(old))
            insert_new(connection, schedule_drafts, values)

        await self._store.write("schedule.drafted", job)

    async def draft(self, draft_id: str) -> Draft | None:
        """Return an order that waits."""
        query = select(schedule_drafts).where(schedule_drafts.c.id == draft_id)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return None
        kind = cast("ConversationKind", row.conversation_kind)
        return Draft(
            id=row.id,
            identity=Identity.parse(row.identity),
            conversation=Conversation(id=row.conversation_id, platform=row.platform, kind=kind),
            changes=Changes(**cast("Mapping[str, str]", json.loads(row.changes))),  # type: ignore[arg-type]  # as it was
            expires_at_ms=row.expires_at_ms,
            edits=row.edits,
            version=row.version,
        )

    async def forget_draft(self, draft_id: str) -> None:
        """Delete an order that waits."""
        query = delete(schedule_drafts).where(schedule_drafts.c.id == draft_id)
        await self._store.write("schedule.discarded", lambda connection: connection.execute(query).rowcount)


def _ended(
    connection: Connection, schedule_id: str, planned_ms: int, result: str, reason: str, now_ms: int
) -> Streak | None:
    order = connection.execute(select(schedules).where(schedules.c.id == schedule_id)).one_or_none()
    if order is None:
        return None
    record_in(
        connection, schedule_id, planned_ms, "fired", now_ms
    )  # a fire may end before it is written down
    row = connection.execute(
        select(fires).where(fires.c.schedule_id == schedule_id, fires.c.planned_at_ms == planned_ms)
    ).one()
    if row.ended_at_ms is not None and row.result:  # told before: the process died over what follows
        return _told(row.result, row.reason, planned_ms, order.failing_since_ms, order.failures)
    since_ms, failures = order.failing_since_ms, order.failures
    if result == "failed":
        is_first = since_ms is None
        streak = Streak(
            since_ms=planned_ms if is_first else since_ms, failures=failures + 1, is_first=is_first
        )
        connection.execute(
            _order(schedule_id).values(failing_since_ms=streak.since_ms, failures=streak.failures)
        )
    elif result == "ok" and since_ms is not None:
        streak = Streak(since_ms=since_ms, failures=failures, is_over=True)
        reason = f"{OVER}{since_ms}:{failures}"
        connection.execute(_order(schedule_id).values(failing_since_ms=None, failures=0))
    else:
        streak = None
    connection.execute(
        _fire(schedule_id, planned_ms).values(result=result, reason=reason[:500], ended_at_ms=now_ms)
    )
    return streak


def _told(result: str, reason: str, planned_ms: int, since_ms: int | None, failures: int) -> Streak | None:
    if result == "failed" and since_ms is not None:
        return Streak(since_ms=since_ms, failures=failures, is_first=since_ms == planned_ms)
    if reason.startswith(OVER):
        since, _, count = reason.removeprefix(OVER).partition(":")
        return Streak(since_ms=int(since), failures=int(count), is_over=True)
    return None


def _fire(schedule_id: str, planned_ms: int) -> Update:
    return update(fires).where(fires.c.schedule_id == schedule_id, fires.c.planned_at_ms == planned_ms)


def _order(schedule_id: str) -> Update:
    return update(schedules).where(schedules.c.id == schedule_id)


def _row(row: Row[*tuple[object, ...]]) -> FireRow:
    return FireRow(
        planned_ms=row.planned_at_ms,
        outcome=row.outcome,
        result=row.result,
        reason=row.reason,
        run_id=row.run_id,
        ended_at_ms=row.ended_at_ms,
    )
