"""Keep the index of runs, what they wait for, what they began, and what is too large for their journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update

from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.run import OVER, RunOf, State, Waiting
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.engine import Store
from quarterdeck.store.tables.runs import workflow_blobs, workflow_marks, workflow_runs, workflow_waits

_BY_ID: Final = select(workflow_runs).where(workflow_runs.c.id == bindparam("wanted"))
_TABLES: Final = (workflow_waits, workflow_marks, workflow_blobs)
AT_ONCE: Final = 500


class StoredRuns:
    """Read and write the tables of runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, run: RunOf) -> RunOf:
        """Keep a run; the one of the same id that is there already wins and is returned."""

        def job(connection: Connection) -> RunOf:
            if insert_new(connection, workflow_runs, _values(run)):
                return run
            return _run(connection.execute(_BY_ID, {"wanted": run.id}).one())

        return await self._store.write("workflow.added", job)

    def note(self, run_id: str, changes: Mapping[str, object]) -> asyncio.Future[None]:
        """Write down how a run does; writing begins with the call. What is over stays over until it is resumed."""
        values = {
            name: orjson.dumps(value).decode() if name == "states" else value
            for name, value in changes.items()
        }
        is_guarded = values.get("state") not in OVER and "durable_id" not in values
        change = _change(tuple(values), is_guarded=is_guarded)

        def job(connection: Connection) -> None:
            change.run(connection, {**values, "wanted": run_id})

        return self._store.submit("workflow.noted", job)

    async def get(self, run_id: str) -> Sequence[RunOf]:
        """Return the run of this id, or those whose ids begin with it; two at the most."""

        def job(connection: Connection) -> list[RunOf]:
            rows = connection.execute(_BY_ID, {"wanted": run_id}).all()
            if not rows and run_id:
                begins = select(workflow_runs).where(workflow_runs.c.id.startswith(run_id, autoescape=True))
                rows = connection.execute(begins.limit(2)).all()
            return [_run(row) for row in rows]

        return await self._store.read(job)

    async def all(
        self,
        *,
        limit: int,
        conversation_id: str | None = None,
        states: Sequence[State] = (),
        owner: Person | None = None,
    ) -> list[RunOf]:
        """Return runs, newest first; with `owner`, those that have this person's rights."""
        query = select(workflow_runs).order_by(workflow_runs.c.started_at_ms.desc(), workflow_runs.c.id)
        if conversation_id is not None:
            query = query.where(workflow_runs.c.conversation_id == conversation_id)
        if states:
            query = query.where(workflow_runs.c.state.in_(states))
        if owner is not None:
            accounts = workflow_runs.c.identity.in_(sorted(map(str, owner.identities)))
            query = query.where(or_(workflow_runs.c.owner == owner.id, accounts))

        def job(connection: Connection) -> list[RunOf]:
            return [_run(row) for row in connection.execute(query.limit(limit))]

        return await self._store.read(job)

    async def wait(self, waiting: Waiting) -> None:
        """Write down what a run waits for; the same twice is once."""
        row: dict[str, object] = {
            "durable_id": waiting.durable_id,
            "topic": waiting.topic,
            "run_id": waiting.run_id,
            "kind": waiting.kind,
            "subject": waiting.subject,
            "detail": orjson.dumps(waiting.detail).decode(),
        }

        def job(connection: Connection) -> None:
            insert_new(connection, workflow_waits, row)

        await self._store.write("workflow.waited", job)

    async def waits(
        self, *, kind: str = "", subject: str | None = None, run_id: str | None = None
    ) -> list[Waiting]:
        """Return what runs wait for."""
        query = select(workflow_waits)
        for column, value in (
            (workflow_waits.c.kind, kind or None),
            (workflow_waits.c.subject, subject),
            (workflow_waits.c.run_id, run_id),
        ):
            if value is not None:
                query = query.where(column == value)

        def job(connection: Connection) -> list[Waiting]:
            return [_waiting(row) for row in connection.execute(query)]

        return await self._store.read(job)

    async def end_wait(self, durable_id: str, topic: str) -> None:
        """Forget what a run waited for: it has its answer, or has given up."""
        gone = delete(workflow_waits).where(
            workflow_waits.c.durable_id == durable_id, workflow_waits.c.topic == topic
        )

        def job(connection: Connection) -> None:
            connection.execute(gone)

        await self._store.write("workflow.answered", job)

    async def end_waits(self, run_id: str) -> list[Waiting]:
        """Forget everything that a run waited for, and return it."""

        def job(connection: Connection) -> list[Waiting]:
            mine = workflow_waits.c.run_id == run_id
            found = [_waiting(row) for row in connection.execute(select(workflow_waits).where(mine))]
            connection.execute(delete(workflow_waits).where(mine))
            return found

        return await self._store.write("workflow.answered", job)

    async def mark(self, key: str, run_id: str) -> bool:
        """Write down that a step begins which may not be done twice; False when it had begun before."""

        def job(connection: Connection) -> bool:
            return bool(insert_new(connection, workflow_marks, {"key": key, "run_id": run_id}))

        return await self._store.write("workflow.marked", job)

    async def keep(self, run_id: str, digest: str, value: str) -> None:
        """Keep a large value by its hash, as long as the run is kept."""

        def job(connection: Connection) -> None:
            insert_new(connection, workflow_blobs, {"run_id": run_id, "digest": digest, "value": value})

        await self._store.write("workflow.kept", job)

    async def load(self, run_id: str, digest: str) -> str | None:
        """Return a large value."""
        query = select(workflow_blobs.c.value).where(
            workflow_blobs.c.run_id == run_id, workflow_blobs.c.digest == digest
        )

        def job(connection: Connection) -> str | None:
            found: str | None = connection.execute(query).scalar_one_or_none()
            return found

        return await self._store.read(job)

    async def forget(self, durable_ids: Sequence[str]) -> list[str]:
        """Delete runs that are over and whose durable runs are gone, with all that belongs to them; returns which."""

        def job(connection: Connection) -> list[str]:
            gone: list[str] = []
            for at in range(0, len(durable_ids), AT_ONCE):
                mine = select(workflow_runs.c.id).where(
                    workflow_runs.c.durable_id.in_(durable_ids[at : at + AT_ONCE]),
                    workflow_runs.c.state.in_(OVER),
                )
                ids = list(connection.execute(mine).scalars())
                for table in _TABLES:
                    connection.execute(delete(table).where(table.c.run_id.in_(ids)))
                connection.execute(delete(workflow_runs).where(workflow_runs.c.id.in_(ids)))
                gone += ids
            return gone

        return await self._store.write("workflow.forgotten", job)


@cache
def _change(columns: tuple[str, ...], *, is_guarded: bool) -> Prepared:
    """Return the statement that changes these columns of a run; `is_guarded`: of one that is not over."""
    change = update(workflow_runs).where(workflow_runs.c.id == bindparam("wanted"))
    if is_guarded:
        change = change.where(workflow_runs.c.state.not_in(OVER))
    return Prepared(change.values({name: bindparam(name) for name in columns}))


def _values(run: RunOf) -> dict[str, object]:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "digest": run.digest,
        "state": run.state,
        "owner": run.owner,
        "identity": str(run.identity),
        "platform": run.conversation.platform,
        "conversation_id": run.conversation.id,
        "conversation_kind": run.conversation.kind,
        "durable_id": run.durable_id,
        "step": run.step,
        "message": run.message,
        "states": orjson.dumps(run.states).decode(),
        "shown_as": run.shown_as,
        "trigger": run.trigger,
        "shown": 0,
        "started_at_ms": run.started_at_ms,
        "finished_at_ms": run.finished_at_ms,
    }


def _run(row: Row[*tuple[Any, ...]]) -> RunOf:
    return RunOf(
        id=row.id,
        workflow=row.workflow,
        digest=row.digest,
        state=cast("State", row.state),
        owner=row.owner,
        identity=Identity.parse(row.identity),
        conversation=Conversation(id=row.conversation_id, platform=row.platform, kind=row.conversation_kind),
        durable_id=row.durable_id,
        step=row.step,
        message=row.message,
        states=orjson.loads(row.states),
        shown_as=row.shown_as,
        trigger=row.trigger,
        started_at_ms=row.started_at_ms,
        finished_at_ms=row.finished_at_ms,
    )


def _waiting(row: Row[*tuple[Any, ...]]) -> Waiting:
    return Waiting(
        run_id=row.run_id,
        durable_id=row.durable_id,
        topic=row.topic,
        kind=row.kind,
        subject=row.subject,
        detail=orjson.loads(row.detail),
    )
