"""Decide which budgets a model call counts in, and hold the call to them.

A call is allowed while what is spent and set aside stays below a limit, and its own price is set aside at once: of
many calls at the same moment at most one goes over. A process that dies leaves its reservations standing as spent,
since the vendor may have charged for them.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from quarterdeck.core.budget import (
    MICRO,
    AtLimit,
    OverBudget,
    PlannedCall,
    Reservation,
    Standing,
    dollars,
)
from quarterdeck.core.errors import NotFound
from quarterdeck.core.ports import Clock
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass

Each = Literal["nobody", "person", "role", "conversation", "provider", "workflow"]


class Budget(Protocol):
    """State one limit: what the settings say."""

    @property
    def name(self) -> str: ...
    @property
    def only(self) -> Sequence[str]: ...
    @property
    def each(self) -> Each: ...
    @property
    def per(self) -> Literal["day", "month"]: ...
    @property
    def usd(self) -> float | None: ...
    @property
    def tokens(self) -> int | None: ...
    @property
    def at_limit(self) -> Sequence[AtLimit]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Name one purse: a budget, whom it is counted for, and the period."""

    budget: str
    key: str
    period: str
    limit_microusd: int | None
    limit_tokens: int | None
    at_limit: tuple[AtLimit, ...]


class BudgetRows(Protocol):
    """Keep what was spent."""

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
        """Set aside in all accounts in one commit, or in none and return the one that has nothing left.

        With `whole` the amount must fit into what is left.
        """

    async def settle(self, reservation: str, *, microusd: int, tokens: int) -> None:
        """Replace what was set aside."""

    async def standing(self, account: Account) -> Standing:
        """Return how an account stands."""

    async def top_up(self, account: Account, *, microusd: int) -> Standing:
        """Raise the limit of this period."""


RoleOf = Callable[[str], Awaitable[str]]


class BudgetLedger:
    """Hold model calls to the budgets of the settings (the `Ledger` and `Budgets` ports)."""

    def __init__(
        self, budgets: Sequence[Budget], rows: BudgetRows, clock: Clock, *, role_of: RoleOf, zone: ZoneInfo
    ) -> None:
        self._budgets, self._rows, self._clock = tuple(budgets), rows, clock
        self._role_of, self._zone = role_of, zone
        self.keeps_answers = any("cached" in budget.at_limit for budget in self._budgets)

    async def reserve(self, call: PlannedCall) -> Reservation:
        """Set the call's price aside in every budget that applies, in one commit.

        Raises:
            OverBudget: one is used up, or the price is unknown where a budget counts money.
        """
        accounts = [account async for account in self._accounts(call)]
        if not accounts:
            return Reservation()
        if call.microusd is None:
            self._refuse_unpriced(call, accounts)
        reservation = Reservation(id=uuid.uuid4().hex)
        is_soft = not call.is_cheaper and any("cheaper" in one.at_limit for one in accounts)
        full = await self._rows.reserve(
            reservation.id,
            accounts,
            microusd=call.microusd or 0,
            tokens=call.tokens,
            whole=is_soft,
            now_ms=self._clock.now_ms(),
        )
        if full is None:
            return reservation
        raise OverBudget(_said(full), hint=_what_now(full), at_limit=full.at_limit)

    async def settle(self, reservation: Reservation, *, microusd: int, tokens: int) -> None:
        """Replace what was set aside by what was used."""
        if reservation.id:
            await self._rows.settle(reservation.id, microusd=microusd, tokens=tokens)

    async def standings(self, *, person_id: str, conversation_id: str) -> list[Standing]:
        """Return every budget that applies to this person here, now; those of providers and workflows too."""
        return [
            await self._rows.standing(account) for account in await self._mine(person_id, conversation_id)
        ]

    async def top_up(self, name: str, *, person_id: str, conversation_id: str, microusd: int) -> Standing:
        """Add money to a budget for its present period only.

        Raises:
            NotFound: no budget of this name applies here.
        """
        accounts = {one.budget: one for one in await self._mine(person_id, conversation_id)}
        if name not in accounts:
            near = did_you_mean(name, accounts)
            raise NotFound(
                f"no budget {name!r} applies to you here", hint=near or "`/budget` lists those that do"
            )
        return await self._rows.top_up(accounts[name], microusd=microusd)

    async def _mine(self, person_id: str, conversation_id: str) -> list[Account]:
        call = PlannedCall(
            provider="", model="", person_id=person_id, conversation_id=conversation_id, tokens=0, microusd=0
        )
        return [account async for account in self._accounts(call)]

    async def _accounts(self, call: PlannedCall) -> AsyncIterator[Account]:
        if not self._budgets:
            return
        facts = {
            "person": call.person_id,
            "role": await self._role_of(call.person_id) if call.person_id else "none",
            "conversation": call.conversation_id,
            "provider": call.provider,
            "workflow": call.workflow,
        }
        for budget in self._budgets:
            if not _applies(budget, facts):
                continue
            key = "" if budget.each == "nobody" else facts[budget.each]
            if budget.each != "nobody" and not key:
                continue
            yield Account(
                budget=budget.name,
                key=f"{budget.each}:{key}" if key else "",
                period=self._period(budget.per),
                limit_microusd=None if budget.usd is None else round(budget.usd * MICRO),
                limit_tokens=budget.tokens,
                at_limit=tuple(budget.at_limit),
            )

    def _period(self, per: Literal["day", "month"]) -> str:
        today = self._clock.now().astimezone(self._zone).date().isoformat()
        return today if per == "day" else today[:7]

    @staticmethod
    def _refuse_unpriced(call: PlannedCall, accounts: Sequence[Account]) -> None:
        for account in accounts:
            if account.limit_microusd is not None:
                raise OverBudget(
                    f"nobody knows what {call.provider}/{call.model} costs, and the budget {account.budget!r} "
                    "counts money",
                    hint=f"state it: providers.{call.provider}.prices.{call.model}: {{input: 1.0, output: 2.0}} "
                    "(US dollars a million tokens)",
                    at_limit=account.at_limit,
                )


def _applies(budget: Budget, facts: dict[str, str]) -> bool:
    if not budget.only:
        return True
    for selector in budget.only:
        what, _, wanted = selector.partition(":")
        if facts.get(what) == wanted:
            return True
    return False


def _said(standing: Standing) -> str:
    return f"the budget {standing.budget!r} does not allow this: {used(standing)} in {standing.period}"


def used(standing: Standing) -> str:
    """Say how much of a budget is used."""
    return ", ".join(_amounts(standing))


def _amounts(standing: Standing) -> Iterator[str]:
    if standing.limit_microusd is not None:
        yield f"{dollars(standing.microusd)} of {dollars(standing.limit_microusd)} used"
    if standing.limit_tokens is not None:
        yield f"{standing.tokens:,} of {standing.limit_tokens:,} tokens used"


def _what_now(standing: Standing) -> str:
    again = "tomorrow" if len(standing.period) > 7 else "next month"
    if "ask" in standing.at_limit:
        return f"ask for more with `/budget more {standing.budget} 1.00`, or come back {again}"
    return f"it starts anew {again}; `/budget` shows it"
