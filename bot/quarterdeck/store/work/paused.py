"""Keep models' answers whose calls wait for approval; every step is one commit."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, delete, select, update

from quarterdeck.core.value import dataclass
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.database.upsert import upsert
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import approvals, paused_answers, paused_calls

KEPT_MS = 3_600_000  # after nothing waits for it any more


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedCall:
    """Hold one call; `event` is empty until it is carried out, `result` until it has run."""

    answer_id: str
    turn: int
    event: str
    result: str


class StoredPaused:
    """Read and write the tables `paused_answers` and `paused_calls`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(
        self,
        answer_id: str,
        body: str,
        waiting: Mapping[str, int],
        *,
        conversation_id: str,
        person_id: str,
        now_ms: int,
    ) -> None:
        """Keep an answer in place of its earlier form; answers that nothing waits for any more are deleted."""
        row: dict[str, object] = {
            "id": answer_id,
            "conversation_id": conversation_id,
            "person_id": person_id,
            "body": body,
            "at_ms": now_ms,
        }

        def job(connection: Connection) -> None:
            _sweep(connection, now_ms - KEPT_MS)
            connection.execute(
                upsert(connection.dialect.name, paused_answers, ("id",), ("body", "at_ms")), row
            )
            for approval_id, turn in waiting.items():
                if not _add(connection, approval_id, now_ms, answer_id=answer_id, turn=turn):
                    mine = update(paused_calls).where(paused_calls.c.approval_id == approval_id)
                    connection.execute(mine.values(answer_id=answer_id, turn=turn))

        await self._store.write("paused.kept", job)

    async def call(self, approval_id: str) -> PausedCall | None:
        """Return the call that an approval is for."""
        query = select(paused_calls).where(paused_calls.c.approval_id == approval_id)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            return None
        return PausedCall(answer_id=row.answer_id, turn=row.turn, event=row.event, result=row.result)

    async def begin(self, approval_id: str, event: str, *, now_ms: int) -> bool:
        """Mark a call as being carried out by `event`; False when it was marked before."""
        mine = paused_calls.c.approval_id == approval_id

        def job(connection: Connection) -> bool:
            _add(connection, approval_id, now_ms)
            free = update(paused_calls).where(mine, paused_calls.c.event == "")
            return connection.execute(free.values(event=event)).rowcount > 0

        return await self._store.write("paused.begun", job)

    async def end(self, approval_id: str, result: str) -> None:
        """Keep what it said."""
        change = update(paused_calls).where(paused_calls.c.approval_id == approval_id).values(result=result)
        await self._store.write("paused.ended", lambda connection: connection.execute(change).rowcount)

    async def answer(self, answer_id: str) -> tuple[str, Mapping[str, int], Mapping[str, str]] | None:
        """Return an answer: its body, the turn of each call, and the results there are; None when it is gone."""

        def job(connection: Connection) -> tuple[str, Mapping[str, int], Mapping[str, str]] | None:
            query = select(paused_answers.c.body).where(paused_answers.c.id == answer_id)
            body = connection.execute(query).scalar_one_or_none()
            if body is None:
                return None
            calls = connection.execute(
                select(paused_calls).where(paused_calls.c.answer_id == answer_id)
            ).all()
            results = {call.approval_id: call.result for call in calls if call.result}
            return body, {call.approval_id: call.turn for call in calls}, results

        return await self._store.read(job)


def forget_paused(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete answers, and what their calls said; what was approved still runs, and its model does not go on."""
    gone = select(paused_answers.c.id).where(which)
    theirs = update(paused_calls).where(paused_calls.c.answer_id.in_(gone))
    connection.execute(theirs.values(answer_id="", result=""))
    connection.execute(delete(paused_answers).where(which))


def _add(
    connection: Connection, approval_id: str, now_ms: int, *, answer_id: str = "", turn: int = 0
) -> bool:
    row: dict[str, object] = {"approval_id": approval_id, "answer_id": answer_id, "turn": turn}
    return insert_new(connection, paused_calls, {**row, "event": "", "result": "", "at_ms": now_ms})


def _sweep(connection: Connection, before_ms: int) -> None:
    """Delete calls that are long decided, and answers that no call is of."""
    is_open = select(approvals.c.id).where(approvals.c.state.in_(("pending", "granted")))
    over = paused_calls.c.approval_id.not_in(is_open) & (paused_calls.c.at_ms < before_ms)
    connection.execute(delete(paused_calls).where(over))
    needed = select(paused_calls.c.answer_id)
    connection.execute(
        delete(paused_answers).where(paused_answers.c.id.not_in(needed), paused_answers.c.at_ms < before_ms)
    )
