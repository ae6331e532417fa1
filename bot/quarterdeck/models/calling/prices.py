"""Know what a model call costs: as the settings state it, nothing on one's own machine, else by published prices.

Published prices come from genai-prices, a data set that its authors keep for many vendors (MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from quarterdeck.core.budget import MICRO
from quarterdeck.models.providers.catalog import BUILTIN, Provider
from quarterdeck.runtime.process.tasks import in_thread


class Price(Protocol):
    """State US dollars for a million tokens; None where only pictures have a price."""

    @property
    def input(self) -> float | None: ...
    @property
    def output(self) -> float | None: ...


class Prices:
    """Price calls; `stated` are the settings' prices by provider and model (`*` for all of a provider's)."""

    def __init__(self, stated: Mapping[str, Mapping[str, Price]]) -> None:
        self._stated = stated
        self._known: dict[tuple[str, str], tuple[float, float] | None] = {}

    async def microusd(
        self, provider: Provider, model: str, *, input_tokens: int, output_tokens: int
    ) -> int | None:
        """Return the price of a call, None where nobody knows."""
        rates = await self._rates(provider, model)
        if rates is None:
            return None
        dollars = (input_tokens * rates[0] + output_tokens * rates[1]) / 1_000_000
        return round(dollars * MICRO)

    async def _rates(self, provider: Provider, model: str) -> tuple[float, float] | None:
        mine = self._stated.get(provider.id, {})
        price = mine.get(model) or mine.get("*")
        if price is not None and price.input is not None and price.output is not None:
            return price.input, price.output
        if provider.id == BUILTIN or provider.row.local is not None:
            return 0.0, 0.0
        key = (provider.id, model)
        if key not in self._known:
            self._known[key] = await in_thread(_published, provider.id, provider.row.base_url, model)
        return self._known[key]


def _published(provider: str, base_url: str | None, model: str) -> tuple[float, float] | None:
    """Return dollars for a million tokens in and out, by the vendor's address or name."""
    from genai_prices import Usage, calc_price  # a quarter of a second, and only where prices matter

    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    for by_address in (True, False):
        try:
            if by_address:
                price = calc_price(million, model, provider_api_url=base_url or "")
            else:
                price = calc_price(million, model, provider_id=provider)
        except LookupError:
            continue
        return float(price.input_price), float(price.output_price)
    return None
