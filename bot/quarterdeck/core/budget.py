"""Say what a model call may cost before it is made, and what it did cost after.

Money is whole micro-dollars (a millionth of a US dollar), so that sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from quarterdeck.core.errors import Denied
from quarterdeck.core.value import dataclass

MICRO = 1_000_000
AtLimit = Literal["cheaper", "cached", "ask", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """Describe a model call before it is made. `microusd` is None where nobody knows the model's price.

    `is_cheaper`: a cheaper model has taken over already, so nothing cheaper is to be looked for.
    """

    provider: str
    model: str
    person_id: str = ""
    conversation_id: str = ""
    workflow: str = ""
    tokens: int
    microusd: int | None
    is_cheaper: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Name what was set aside for one call; empty `id` where no budget applies."""

    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Show how a budget stands: `key` is whom it is counted for, `period` the day or month, limits None for none."""

    budget: str
    key: str
    period: str
    microusd: int
    tokens: int
    limit_microusd: int | None
    limit_tokens: int | None
    at_limit: tuple[AtLimit, ...] = ()

    @property
    def is_used_up(self) -> bool:
        """Tell whether nothing is left."""
        by_money = self.limit_microusd is not None and self.microusd >= self.limit_microusd
        return by_money or (self.limit_tokens is not None and self.tokens >= self.limit_tokens)


class OverBudget(Denied):
    """Say which budget does not allow a call; `at_limit` is what its owner wants then, in order."""

    def __init__(self, message: str, *, hint: str = "", at_limit: Sequence[AtLimit] = ()) -> None:
        super().__init__(message, hint=hint)
        self.at_limit = tuple(at_limit)


class Ledger(Protocol):
    """Reserve before a call, settle after it."""

    @property
    def keeps_answers(self) -> bool:
        """Tell whether some budget falls back on earlier answers."""

    async def reserve(self, call: PlannedCall) -> Reservation:
        """Set the call's price aside in every budget that applies, in one commit.

        Raises:
            OverBudget: one is used up, or the price is unknown where a budget counts money.
        """

    async def settle(self, reservation: Reservation, *, microusd: int, tokens: int) -> None:
        """Replace what was set aside by what was used."""


class Budgets(Protocol):
    """Show budgets, and raise one once."""

    async def standings(self, *, person_id: str, conversation_id: str) -> list[Standing]:
        """Return every budget that applies to this person here, now."""

    async def top_up(self, name: str, *, person_id: str, conversation_id: str, microusd: int) -> Standing:
        """Add money to a budget for its present period only.

        Raises:
            NotFound: no budget of this name applies here.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfUse:
    """Sum up one day of model calls."""

    day: str
    calls: int
    tokens: int
    microusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UseByModel:
    """Sum up the calls of one model, provider, person or conversation.

    `is_priced` is false where the price of some call is unknown. `cached_tokens` are among the tokens; `took_ms` is the
    time of all calls together, `failed` how many of them did not come to their end.
    """

    name: str
    calls: int
    tokens: int
    microusd: int
    is_priced: bool
    cached_tokens: int = 0
    images: int = 0
    took_ms: int = 0
    failed: int = 0


UseBy = Literal["model", "provider", "person", "conversation"]


class UsageLog(Protocol):
    """Look back at model calls."""

    async def days(self, *, count: int, person_id: str = "", conversation_id: str = "") -> list[DayOfUse]:
        """Return the last `count` days, oldest first, those without calls included."""

    async def by_model(
        self, *, days: int, person_id: str = "", conversation_id: str = "", by: UseBy = "model"
    ) -> list[UseByModel]:
        """Return sums by model of the last days, or by provider, person or conversation; most expensive first."""


def dollars(microusd: int) -> str:
    """Write an amount as people read it: `$1.25`, `$0.0031`."""
    amount = microusd / MICRO
    return f"${amount:,.2f}" if amount >= 1 or microusd == 0 else f"${amount:.4f}".rstrip("0").rstrip(".")
