"""Remember every model call, and sum up what people and models used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, case, func, insert, select

from quarterdeck.core.budget import DayOfUse, UseBy, UseByModel
from quarterdeck.core.model import UsageRow
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.present import EVENT
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.tables import usage

_INSERT: Final = insert(usage)

By = Literal["model", "person", "conversation", "outcome"]
_SUMMED: Final = (
    "at_ms",
    "provider",
    "model",
    "role",
    "person_id",
    "conversation_id",
    "input_tokens",
    "output_tokens",
    "microusd",
    "took_ms",
    "outcome",
    "cached_tokens",
    "images",
)
_NAMES: Final[Mapping[UseBy, Callable[[UsageRow], str]]] = {
    "model": lambda row: f"{row.provider}/{row.model}",
    "provider": lambda row: row.provider,
    "person": lambda row: row.person_id or "nobody",
    "conversation": lambda row: row.conversation_id or "nowhere",
}
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

    def __init__(self, store: Store, audit: Audit) -> None:
        self._store, self._audit = store, audit

    async def record(self, row: UsageRow) -> None:
        """Write down one call, and put it on record beside the event that it was made for; nothing of its words."""
        detail = {
            "event": EVENT.get(),
            "conversation": row.conversation_id,
            "model": f"{row.provider}/{row.model}",
            "role": row.role,
            "input_tokens": row.input_tokens,
            "output_tokens": row.output_tokens,
            "took_ms": row.took_ms,
            "outcome": row.outcome,
        }
        values = {column.name: getattr(row, column.name) for column in usage.c if column.name != "seq"}

        def job(connection: Connection) -> None:
            connection.execute(_INSERT, values)
            entry = self._audit.entry("model", detail, person_id=row.person_id)
            self._audit.append_in(connection, entry)

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

    async def calls(self, *, since_ms: int, person_id: str = "", conversation_id: str = "") -> list[UsageRow]:
        """Return the calls since `since_ms` in order, of one person or conversation where one is named.

        Only what sums need: when, who, where, which model, tokens, price, time and outcome.
        """
        query = select(*(usage.c[name] for name in _SUMMED)).where(usage.c.at_ms >= since_ms)
        if person_id:
            query = query.where(usage.c.person_id == person_id)
        if conversation_id:
            query = query.where(usage.c.conversation_id == conversation_id)

        def job(connection: Connection) -> list[UsageRow]:
            return [UsageRow(**row._mapping) for row in connection.execute(query.order_by(usage.c.at_ms))]

        return await self._store.read(job)


class StoredUsageLog:
    """Sum up calls by day and by model (the `UsageLog` port); days begin at midnight in `zone`."""

    def __init__(self, rows: StoredUsage, clock: Clock, zone: ZoneInfo) -> None:
        self._rows, self._clock, self._zone = rows, clock, zone

    async def days(self, *, count: int, person_id: str = "", conversation_id: str = "") -> list[DayOfUse]:
        """Return the last `count` days, oldest first, those without calls included."""
        first = self._midnight(count)
        sums = {(first + timedelta(days=n)).date().isoformat(): [0, 0, 0] for n in range(count)}
        for row in await self._calls(first, person_id, conversation_id):
            day = datetime.fromtimestamp(row.at_ms / 1000, self._zone).date().isoformat()
            into = sums.setdefault(day, [0, 0, 0])
            for at, value in enumerate((1, _tokens(row), row.microusd or 0)):
                into[at] += value
        return [
            DayOfUse(day=day, calls=calls, tokens=tokens, microusd=microusd)
            for day, (calls, tokens, microusd) in sums.items()
        ]

    async def by_model(
        self, *, days: int, person_id: str = "", conversation_id: str = "", by: UseBy = "model"
    ) -> list[UseByModel]:
        """Return sums by model of the last days, or by provider, person or conversation; most expensive first."""
        rows: dict[str, list[UsageRow]] = {}
        for row in await self._calls(self._midnight(days), person_id, conversation_id):
            rows.setdefault(_NAMES[by](row), []).append(row)
        found = [
            UseByModel(
                name=name,
                calls=len(some),
                tokens=sum(map(_tokens, some)),
                microusd=sum(row.microusd or 0 for row in some),
                is_priced=all(row.microusd is not None for row in some),
                cached_tokens=sum(row.cached_tokens or 0 for row in some),
                images=sum(row.images or 0 for row in some),
                took_ms=sum(row.took_ms for row in some),
                failed=sum(row.outcome not in ("ok", "cancelled") for row in some),
            )
            for name, some in rows.items()
        ]
        return sorted(found, key=lambda one: (-one.microusd, -one.tokens, one.name))

    def _midnight(self, days: int) -> datetime:
        today = self._clock.now().astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=days - 1)

    async def _calls(self, since: datetime, person_id: str, conversation_id: str) -> list[UsageRow]:
        since_ms = round(since.timestamp() * 1000)
        return await self._rows.calls(since_ms=since_ms, person_id=person_id, conversation_id=conversation_id)


def _tokens(row: UsageRow) -> int:
    return (row.input_tokens or 0) + (row.output_tokens or 0)
