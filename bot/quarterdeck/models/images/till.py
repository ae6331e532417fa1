"""Price orders for pictures: set aside before they go out, settle and record after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from quarterdeck.core.budget import MICRO, Ledger, OverBudget, PlannedCall, Reservation
from quarterdeck.core.model import Connected, Usage, UsageRow
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.models.calling.meter import Purpose
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.providers.catalog import Provider
from quarterdeck.runtime.observability import metrics


class PicturePrice(Protocol):
    """State US dollars for a picture, None where nothing is stated."""

    @property
    def image(self) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Hold one call that is under way; `microusd` is what was set aside for it, None where nobody knows a price."""

    provider: Provider
    connected: Connected
    ways: ImageWays
    purpose: Purpose
    count: int
    microusd: int | None
    reservation: Reservation
    began_ms: int


class Till:
    """Hold orders to the budgets; `stated` are the settings' prices by provider and model (`*` for all)."""

    def __init__(
        self,
        ledger: Ledger | None,
        stated: Mapping[str, Mapping[str, PicturePrice]],
        prices: Prices,
        record: Callable[[UsageRow], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._ledger, self._stated, self._prices = ledger, stated, prices
        self._record, self._clock = record, clock

    async def begin(
        self, provider: Provider, connected: Connected, ways: ImageWays, count: int, purpose: Purpose
    ) -> Ticket:
        """Set aside what `count` pictures cost at the most.

        Raises:
            OverBudget: a budget does not allow it, or counts money where nobody knows the price.
        """
        microusd = self._price(provider, connected.model, ways, count)
        reservation = Reservation()
        if self._ledger is not None:
            planned = PlannedCall(
                provider=connected.provider,
                model=connected.model,
                person_id=purpose.person_id,
                conversation_id=purpose.conversation_id,
                workflow=purpose.workflow,
                tokens=0,
                microusd=microusd,
            )
            try:
                reservation = await self._ledger.reserve(planned)
            except OverBudget as over:
                if microusd is not None:
                    raise
                hint = f"state it: providers.{provider.id}.prices.{connected.model}: {{image: 0.04}} (US dollars each)"
                raise OverBudget(over.message, hint=hint, at_limit=over.at_limit) from over
        return Ticket(
            provider=provider,
            connected=connected,
            ways=ways,
            purpose=purpose,
            count=count,
            microusd=microusd,
            reservation=reservation,
            began_ms=self._clock.now_ms(),
        )

    async def end(
        self,
        ticket: Ticket,
        *,
        outcome: str,
        made: int = 0,
        usage: Usage = Usage(),  # noqa: B008 - frozen
        is_lost: bool = False,
    ) -> int | None:
        """Settle and record; returns the price, None where nobody knows it.

        Where the answer was lost, what was set aside counts as spent: it may be.
        """
        microusd = ticket.microusd if is_lost else await self._spent(ticket, made, usage)
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        if self._ledger is not None:
            await self._ledger.settle(ticket.reservation, microusd=microusd or 0, tokens=tokens)
        row = UsageRow(
            at_ms=ticket.began_ms,
            provider=ticket.connected.provider,
            model=ticket.connected.model,
            role=ticket.purpose.role,
            person_id=ticket.purpose.person_id,
            conversation_id=ticket.purpose.conversation_id,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            microusd=microusd,
            took_ms=self._clock.now_ms() - ticket.began_ms,
            outcome=outcome,
            images=made,
        )
        metrics.MODEL_CALLS.add(provider=row.provider, outcome=outcome)
        metrics.MODEL_SECONDS.observe(row.took_ms / 1000, provider=row.provider)
        metrics.IMAGES.add(made, provider=row.provider)
        await self._record(row)
        return microusd

    async def _spent(self, ticket: Ticket, made: int, usage: Usage) -> int | None:
        """Return what the vendor says, else by tokens where it prices so, else by pictures."""
        if made == 0:
            return 0
        if usage.microusd is not None:
            return usage.microusd
        is_stated = self._stated_usd(ticket.provider.id, ticket.connected.model) is not None
        if ticket.ways.by_tokens and not is_stated and usage.output_tokens is not None:
            tokens = {"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens}
            found = await self._prices.microusd(ticket.provider, ticket.connected.model, **tokens)
            if found is not None:
                return found
        return self._price(ticket.provider, ticket.connected.model, ticket.ways, made)

    def _price(self, provider: Provider, model: str, ways: ImageWays, count: int) -> int | None:
        usd = self._stated_usd(provider.id, model)
        if usd is None:
            usd = ways.usd_of(model)
        return None if usd is None else round(usd * count * MICRO)

    def _stated_usd(self, provider: str, model: str) -> float | None:
        mine = self._stated.get(provider, {})
        price = mine.get(model) or mine.get("*")
        return price.image if price is not None else None
