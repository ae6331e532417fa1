"""Keep what was answered with what people said to it, and what was measured (the port of `rag/quality/rows.py`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

from sqlalchemy import Connection, delete, desc, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from quarterdeck.core.knowledge import Filters, GivenAnswer, Measured
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import knowledge_answers, knowledge_evals

KEPT_MS = 90 * 86_400_000  # an answer that nobody said anything to; those are cases
CASES = 5000
EVALS = 200  # of one suite


class StoredQuality:
    """Read and write `knowledge_answers` and `knowledge_evals`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, answer: GivenAnswer) -> None:
        """Write an answer down, in place of the one of its id; forget those that are old and that nobody judged."""
        values = {
            **asdict(answer),
            "filters": json.dumps(asdict(answer.filters)),
            "chunks": json.dumps(answer.chunks),
            "documents": json.dumps(answer.documents),
        }

        def job(connection: Connection) -> None:
            statement = upsert(knowledge_answers).values(values)
            fresh = {name: values[name] for name in ("status", "chunks", "documents")}
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=fresh))
            is_old = knowledge_answers.c.at_ms < answer.at_ms - KEPT_MS
            connection.execute(delete(knowledge_answers).where(is_old, knowledge_answers.c.verdict == ""))

        await self._store.write("knowledge.answered", job)

    async def answer(self, answer_id: str) -> GivenAnswer | None:
        """Return an answer, None when there is none (any more)."""
        query = select(knowledge_answers).where(knowledge_answers.c.id == answer_id)
        row = await self._store.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _answer(dict(row))

    async def asked(self, conversation_id: str, person_id: str, since_ms: int) -> list[str]:
        """Return what somebody asked in a conversation since then, oldest first."""
        query = select(knowledge_answers.c.question).where(
            knowledge_answers.c.at_ms >= since_ms,
            knowledge_answers.c.conversation_id == conversation_id,
            knowledge_answers.c.person_id == person_id,
        )
        query = query.order_by(knowledge_answers.c.at_ms)
        return await self._store.read(lambda connection: list(connection.execute(query).scalars()))

    async def judge(self, answer_id: str, verdict: str, *, said: str, judge_id: str) -> None:
        """Note what somebody said to an answer; the last word counts."""

        def job(connection: Connection) -> None:
            change = update(knowledge_answers).where(knowledge_answers.c.id == answer_id)
            connection.execute(change.values(verdict=verdict, said=said, judge_id=judge_id))

        await self._store.write("knowledge.judged", job)

    async def judged(self) -> list[GivenAnswer]:
        """Return the answers that somebody said something to, oldest first, the newest 5,000."""
        query = select(knowledge_answers).where(knowledge_answers.c.verdict != "")
        query = query.order_by(desc(knowledge_answers.c.at_ms)).limit(CASES)
        rows = await self._store.read(lambda connection: connection.execute(query).mappings().all())
        return [_answer(dict(row)) for row in reversed(rows)]

    async def measured(self, measured: Measured) -> None:
        """Keep a measurement."""
        values = {
            **asdict(measured),
            "about": json.dumps(measured.about),
            "measures": json.dumps(measured.measures),
        }

        def job(connection: Connection) -> None:
            connection.execute(insert(knowledge_evals).values(values))
            of_suite = knowledge_evals.c.suite == measured.suite
            newest = select(knowledge_evals.c.seq).where(of_suite).order_by(desc(knowledge_evals.c.seq))
            kept = newest.limit(EVALS).scalar_subquery()
            connection.execute(delete(knowledge_evals).where(of_suite, knowledge_evals.c.seq.not_in(kept)))

        await self._store.write("knowledge.measured", job)

    async def last(self, suite: str) -> Measured | None:
        """Return the newest accepted measurement of a suite."""
        query = select(knowledge_evals).where(
            knowledge_evals.c.suite == suite, knowledge_evals.c.is_accepted.is_(True)
        )
        query = query.order_by(desc(knowledge_evals.c.seq)).limit(1)
        row = await self._store.read(lambda connection: connection.execute(query).first())
        if row is None:
            return None
        return Measured(
            at_ms=row.at_ms,
            suite=row.suite,
            about=cast("Mapping[str, str]", json.loads(row.about)),
            measures=cast("Mapping[str, float | None]", json.loads(row.measures)),
            is_accepted=row.is_accepted,
        )


def _answer(row: dict[str, object]) -> GivenAnswer:
    filters = json.loads(cast("str", row["filters"]))
    return GivenAnswer(
        **{  # type: ignore[arg-type]  # the columns are the fields
            **row,
            "filters": Filters(
                collections=tuple(filters["collections"]),
                sources=tuple(filters["sources"]),
                path=filters["path"],
                since_ms=filters["since_ms"],
                until_ms=filters["until_ms"],
            ),
            "chunks": tuple(json.loads(cast("str", row["chunks"]))),
            "documents": tuple(json.loads(cast("str", row["documents"]))),
        }
    )
