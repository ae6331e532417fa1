"""Remember every model call, and sum up what people and models used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, case, func, insert, select

from quarterdeck.core.model import UsageRow
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import usage

_INSERT: Final = insert(usage)

By = Literal["model", "person", "conversation", "outcome"]
_COLUMNS: Final = {
    "model": (usage.c.provider, usage.c.model),
    "person": (usage.c.person_id,),
    "conversation": (usage.c.conversation_id,),
    "outcome": (usage.c.outcome,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Sum up the calls of one model (`provider/model`), person, conversation or outcome.

    Tokens count what vendors said; `calls_without_tokens` is how many calls they said nothing about.
    """

    name: str
    calls: int
    calls_without_tokens: int
    input_tokens: int
    output_tokens: int
    took_ms: int


class StoredUsage:
    """Record model calls and add them up."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, row: UsageRow) -> None:
        """Write down one call."""
        values = {column.name: getattr(row, column.name) for column in usage.c if column.name != "seq"}

        def job(connection: Connection) -> None:
            connection.execute(_INSERT, values)

        await self._store.write("usage.recorded", job)

    async def totals(self, by: By, *, since_ms: int = 0, person_id: str | None = None) -> list[Total]:
        """Add up the calls since `since_ms`, of one person or of all; most tokens come first."""
        columns = _COLUMNS[by]
        tokens = func.coalesce(usage.c.input_tokens, 0) + func.coalesce(usage.c.output_tokens, 0)
        is_unknown = usage.c.input_tokens.is_(None) & usage.c.output_tokens.is_(None)
        query = (
            select(
                *columns,
                func.count().label("calls"),
                func.sum(case((is_unknown, 1), else_=0)).label("calls_without_tokens"),
                func.coalesce(func.sum(usage.c.input_tokens), 0).label("input_tokens"),
                func.coalesce(func.sum(usage.c.output_tokens), 0).label("output_tokens"),
                func.sum(usage.c.took_ms).label("took_ms"),
            )
            .where(usage.c.at_ms >= since_ms)
            .group_by(*columns)
            .order_by(func.sum(tokens).desc(), *columns)
        )
        if person_id is not None:
            query = query.where(usage.c.person_id == person_id)

        def job(connection: Connection) -> Sequence[Total]:
            return [
                Total(
                    name="/".join(str(row._mapping[column.name]) for column in columns),
                    calls=row.calls,
                    calls_without_tokens=row.calls_without_tokens,
                    input_tokens=row.input_tokens,
                    output_tokens=row.output_tokens,
                    took_ms=row.took_ms,
                )
                for row in connection.execute(query)
            ]

        return list(await self._store.read(job))
