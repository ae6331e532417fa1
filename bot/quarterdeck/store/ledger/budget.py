"""Keep what was spent of each budget, exactly, whatever happens at the same time.

Everything is decided and written in one job of the one writer, so two calls cannot both take the last dollar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from quarterdeck.core.budget import AtLimit, Standing
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import budget_reservations, budget_spend

_IS_ACCOUNT: Final = (
    budget_spend.c.budget == bindparam("of"),
    budget_spend.c.key == bindparam("whose"),
    budget_spend.c.period == bindparam("when"),
)
_GET: Final = select(budget_spend).where(*_IS_ACCOUNT)
_ADD: Final = (
    update(budget_spend)
    .where(*_IS_ACCOUNT)
    .values(
        microusd=budget_spend.c.microusd + bindparam("more_microusd"),
        tokens=budget_spend.c.tokens + bindparam("more_tokens"),
        extra_microusd=budget_spend.c.extra_microusd + bindparam("more_extra"),
    )
)
_RESERVE: Final = insert(budget_reservations)
_RESERVED: Final = select(budget_reservations).where(budget_reservations.c.id == bindparam("wanted"))
_RELEASE: Final = delete(budget_reservations).where(budget_reservations.c.id == bindparam("wanted"))
_KEYS: Final = ["budget", "key", "period"]


class Account(Protocol):
    """Name one purse and its limits."""

    @property
    def budget(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def period(self) -> str: ...
    @property
    def limit_microusd(self) -> int | None: ...
    @property
    def limit_tokens(self) -> int | None: ...
    @property
    def at_limit(self) -> tuple[AtLimit, ...]: ...


class StoredBudgets:
    """Reserve, settle and show."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reserve(
        self,
        reservation: str,
        accounts: Sequence[Account],
        *,
        microusd: int,
        tokens: int,
        whole: bool,
        now_ms: int,
    ) -> Standing | None:
        """Set aside in all accounts in one commit, or in none and return the one that has nothing left."""

        def job(connection: Connection) -> Standing | None:
            for account in accounts:
                standing = _standing(connection, account)
                if standing.is_used_up or (whole and _is_too_much(standing, microusd, tokens)):
                    return standing
            for account in accounts:
                _add(connection, account, microusd=microusd, tokens=tokens)
                values = {"budget": account.budget, "key": account.key, "period": account.period}
                set_aside = {"microusd": microusd, "tokens": tokens, "at_ms": now_ms}
                connection.execute(_RESERVE, {"id": reservation, **values, **set_aside})
            return None

        return await self._store.write("budget.reserved", job)

    async def settle(self, reservation: str, *, microusd: int, tokens: int) -> None:
        """Replace what was set aside; a reservation that is not there any more changes nothing."""

        def job(connection: Connection) -> None:
            rows = connection.execute(_RESERVED, {"wanted": reservation}).all()
            for row in rows:
                _add(connection, row, microusd=microusd - row.microusd, tokens=tokens - row.tokens)
            connection.execute(_RELEASE, {"wanted": reservation})

        await self._store.write("budget.settled", job)

    async def standing(self, account: Account) -> Standing:
        """Return how an account stands."""
        return await self._store.read(lambda connection: _standing(connection, account))

    async def top_up(self, account: Account, *, microusd: int) -> Standing:
        """Raise the limit of this period."""

        def job(connection: Connection) -> Standing:
            _add(connection, account, extra=microusd)
            return _standing(connection, account)

        return await self._store.write("budget.topped_up", job)


class _Purse(Protocol):
    @property
    def budget(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def period(self) -> str: ...


def _names(account: _Purse) -> dict[str, object]:
    return {"of": account.budget, "whose": account.key, "when": account.period}


def _add(
    connection: Connection, account: _Purse, *, microusd: int = 0, tokens: int = 0, extra: int = 0
) -> None:
    nothing = {"microusd": 0, "tokens": 0, "extra_microusd": 0}
    names = {"budget": account.budget, "key": account.key, "period": account.period}
    insert = inserting(connection.dialect.name, budget_spend)
    connection.execute(insert.on_conflict_do_nothing(index_elements=_KEYS), {**names, **nothing})
    more = {"more_microusd": microusd, "more_tokens": tokens, "more_extra": extra}
    connection.execute(_ADD, {**_names(account), **more})


def _standing(connection: Connection, account: Account) -> Standing:
    row = connection.execute(_GET, _names(account)).one_or_none()
    limit = account.limit_microusd
    return Standing(
        budget=account.budget,
        key=account.key,
        period=account.period,
        microusd=row.microusd if row else 0,
        tokens=row.tokens if row else 0,
        limit_microusd=None if limit is None else limit + (row.extra_microusd if row else 0),
        limit_tokens=account.limit_tokens,
        at_limit=account.at_limit,
    )


def _is_too_much(standing: Standing, microusd: int, tokens: int) -> bool:
    limit = standing.limit_microusd
    if limit is not None and microusd and standing.microusd + microusd > limit:
        return True
    return standing.limit_tokens is not None and standing.tokens + tokens > standing.limit_tokens
