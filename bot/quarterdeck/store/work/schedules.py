"""Keep standing orders, and which of their planned times have fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import Connection, Row, delete, func, select, update

from quarterdeck.core.message import Conversation, ConversationKind
from quarterdeck.core.person import Identity
from quarterdeck.core.schedule import Schedule
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import fires, schedules

EDITABLE = ("trigger", "timezone", "what", "misfire", "overlap", "lateness_s")
FIRES_KEPT_MS = 30 * 86_400_000  # a month to look back at; only the newest decide anything


class ScheduleRepository:
    """Read and write the tables `schedules` and `fires`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, schedule: Schedule, key: str) -> Schedule:
        """Store `schedule`, unless one was stored under `key` before; returns the stored one."""

        def job(connection: Connection) -> Schedule:
            insert_new(connection, schedules, {"key": key, **_values(schedule)})
            row = connection.execute(select(schedules).where(schedules.c.key == key)).one()
            return _schedule(row)

        return await self._store.write("schedule.added", job)

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules, oldest first."""
        query = select(schedules).order_by(schedules.c.created_at_ms, schedules.c.id)
        if conversation_id is not None:
            query = query.where(schedules.c.conversation_id == conversation_id)

        def job(connection: Connection) -> list[Schedule]:
            return [_schedule(row) for row in connection.execute(query)]

        return await self._store.read(job)

    async def get(self, schedule_id: str) -> Schedule | None:
        """Return one schedule."""

        def job(connection: Connection) -> Schedule | None:
            return _found(connection, schedule_id)

        return await self._store.read(job)

    async def pause(
        self, schedule_id: str, *, paused: bool, now_ms: int, version: int = 0
    ) -> Schedule | None:
        """Stop or go on; going on counts from `now_ms`. Returns what is stored then, None: no such schedule.

        With a `version` it is done only when the schedule still has it.
        """
        change = update(schedules).where(schedules.c.id == schedule_id, schedules.c.paused.is_(not paused))
        if version:
            change = change.where(schedules.c.version == version)
        change = change.values(paused=paused, version=schedules.c.version + 1)
        if not paused:
            change = change.values(last_at_ms=now_ms)

        def job(connection: Connection) -> Schedule | None:
            connection.execute(change)
            return _found(connection, schedule_id)

        return await self._store.write("schedule.paused", job)

    async def edit(self, changed: Schedule, *, from_version: int, now_ms: int) -> Schedule | None:
        """Store the changed order in place of its `from_version`, counting planned times from `now_ms`.

        Returns what is stored then: with another version than the next one somebody else was first.
        """
        values = {name: value for name, value in _values(changed).items() if name in EDITABLE}
        change = (
            update(schedules)
            .where(schedules.c.id == changed.id, schedules.c.version == from_version)
            .values(**values, version=from_version + 1)
        )

        def job(connection: Connection) -> Schedule | None:
            before = _found(connection, changed.id)
            is_replanned = before is not None and (before.trigger, before.timezone) != (
                changed.trigger,
                changed.timezone,
            )
            connection.execute(change.values(last_at_ms=now_ms) if is_replanned else change)
            return _found(connection, changed.id)

        return await self._store.write("schedule.edited", job)

    async def remove(self, schedule_id: str, *, version: int = 0) -> Schedule | None:
        """Delete a schedule and what is known of its fires; returns it, or None when there is none.

        One that has another `version` than a given one is left, and returned.
        """

        def job(connection: Connection) -> Schedule | None:
            found = _found(connection, schedule_id)
            if found is None or (version and found.version != version):
                return found
            connection.execute(delete(schedules).where(schedules.c.id == schedule_id))
            connection.execute(delete(fires).where(fires.c.schedule_id == schedule_id))
            return found

        return await self._store.write("schedule.removed", job)

    async def fired(self, schedule_id: str, planned_ms: Sequence[int]) -> set[int]:
        """Return those of `planned_ms` that have fired, or are decided otherwise than as missed."""
        query = select(fires.c.planned_at_ms).where(
            fires.c.schedule_id == schedule_id,
            fires.c.planned_at_ms.in_(planned_ms),
            fires.c.outcome != "missed",
        )

        def job(connection: Connection) -> set[int]:
            return set(connection.execute(query).scalars())

        return await self._store.read(job)

    async def last_fires(self) -> dict[str, int]:
        """Return the latest planned time that fired, in ms, by schedule; without those that never did."""
        query = (
            select(fires.c.schedule_id, func.max(fires.c.planned_at_ms))
            .where(fires.c.outcome == "fired")
            .group_by(fires.c.schedule_id)
        )

        def job(connection: Connection) -> dict[str, int]:
            return {row[0]: row[1] for row in connection.execute(query)}

        return await self._store.read(job)

    async def record(
        self, schedule_id: str, outcomes: Mapping[int, str], *, now_ms: int, advance: bool = True
    ) -> None:
        """Write down what became of planned times, in ms; everything up to the last of them is dealt with.

        With `advance` off only what is written changes: times that were dealt with before.
        """

        def job(connection: Connection) -> None:
            for planned, outcome in outcomes.items():
                record_in(connection, schedule_id, planned, outcome, now_ms)
            if advance:
                _advance(connection, schedule_id, max(outcomes))

        await self._store.write("schedule.fired", job)


def record_in(connection: Connection, schedule_id: str, planned_ms: int, outcome: str, now_ms: int) -> None:
    """Write down what became of one planned time; what fired stays fired."""
    statement = inserting(connection.dialect.name, fires).values(
        schedule_id=schedule_id, planned_at_ms=planned_ms, fired_at_ms=now_ms, outcome=outcome
    )
    key = [fires.c.schedule_id, fires.c.planned_at_ms]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=key,
            set_={"outcome": outcome, "fired_at_ms": now_ms},
            where=fires.c.outcome != "fired",
        )
    )


def _advance(connection: Connection, schedule_id: str, to_ms: int) -> None:
    """Move the schedule's mark forward, never back: times up to it are not looked at again."""
    connection.execute(
        update(schedules)
        .where(schedules.c.id == schedule_id, func.coalesce(schedules.c.last_at_ms, 0) < to_ms)
        .values(last_at_ms=to_ms)
    )
    connection.execute(
        delete(fires).where(fires.c.schedule_id == schedule_id, fires.c.planned_at_ms < to_ms - FIRES_KEPT_MS)
    )


def _found(connection: Connection, schedule_id: str) -> Schedule | None:
    row = connection.execute(select(schedules).where(schedules.c.id == schedule_id)).one_or_none()
    return _schedule(row) if row else None


def _values(schedule: Schedule) -> dict[str, object]:
    return {
        "id": schedule.id,
        "trigger": schedule.trigger,
        "timezone": schedule.timezone,
        "what": schedule.what,
        "platform": schedule.conversation.platform,
        "conversation_id": schedule.conversation.id,
        "conversation_kind": schedule.conversation.kind,
        "owner": str(schedule.owner),
        "misfire": schedule.misfire,
        "overlap": schedule.overlap,
        "paused": schedule.paused,
        "version": schedule.version,
        "lateness_s": schedule.lateness_s,
        "last_at_ms": schedule.last_at_ms,
        "created_at_ms": schedule.created_at_ms,
    }


def _schedule(row: Row[*tuple[object, ...]]) -> Schedule:
    conversation = Conversation(
        id=row.conversation_id,
        platform=row.platform,
        kind=cast(ConversationKind, row.conversation_kind),
    )
    return Schedule(
        id=row.id,
        trigger=row.trigger,
        timezone=row.timezone,
        what=row.what,
        conversation=conversation,
        owner=Identity.parse(row.owner),
        misfire=row.misfire,
        overlap=row.overlap,
        paused=row.paused,
        last_at_ms=row.last_at_ms,
        created_at_ms=row.created_at_ms,
        version=row.version,
        lateness_s=row.lateness_s,
        failing_since_ms=row.failing_since_ms,
        failures=row.failures,
    )
