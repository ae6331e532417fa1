"""Measure one model call for the budgets: its price is set aside before it goes out, what it used is settled after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quarterdeck.core.budget import Ledger, PlannedCall, Reservation
from quarterdeck.core.model import Connected, ModelRequest, Usage
from quarterdeck.core.value import dataclass
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.providers.catalog import Provider

CHARACTERS_PER_TOKEN: Final = 4  # where a vendor does not count
TOKENS_PER_FILE: Final = 1600  # a large picture (Anthropic, page "Vision", 2026-11-21)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Say for whom and in which role a model is called; `is_cheaper`: in place of one that a budget did not allow."""

    role: str
    person_id: str = ""
    conversation_id: str = ""
    workflow: str = ""
    is_cheaper: bool = False


class Meter:
    """Price calls and hold them to the budgets."""

    def __init__(
        self, ledger: Ledger | None, prices: Prices, provider: Callable[[str], Provider | None]
    ) -> None:
        self._ledger, self._prices, self._provider = ledger, prices, provider

    async def begin(self, connected: Connected, request: ModelRequest, purpose: Purpose) -> Reading:
        """Set aside what the call may cost at the most.

        Raises:
            OverBudget: a budget does not allow it.
        """
        asked = _asked(request)
        if self._ledger is None:
            return Reading(self, connected, Reservation(), asked)
        microusd = await self.price(
            connected, Usage(input_tokens=asked, output_tokens=request.max_output_tokens)
        )
        reservation = await self._ledger.reserve(
            PlannedCall(
                provider=connected.provider,
                model=connected.model,
                person_id=purpose.person_id,
                conversation_id=purpose.conversation_id,
                workflow=purpose.workflow,
                tokens=asked + request.max_output_tokens,
                microusd=microusd,
                is_cheaper=purpose.is_cheaper,
            )
        )
        return Reading(self, connected, reservation, asked)

    async def settle(self, reservation: Reservation, *, microusd: int, tokens: int) -> None:
        """Replace what was set aside."""
        if self._ledger is not None:
            await self._ledger.settle(reservation, microusd=microusd, tokens=tokens)

    async def price(self, connected: Connected, usage: Usage) -> int | None:
        """Return what a call costs, None where nobody knows."""
        provider = self._provider(connected.provider)
        if provider is None:
            return None
        tokens = {"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens or 0}
        return await self._prices.microusd(provider, connected.model, **tokens)


class Reading:
    """Measure one call that is under way."""

    def __init__(self, meter: Meter, connected: Connected, reservation: Reservation, asked: int) -> None:
        self._meter, self._connected, self._reservation, self._asked = meter, connected, reservation, asked

    async def end(self, usage: Usage, *, has_begun: bool, characters: int) -> int | None:
        """Settle; returns the price, None where nobody knows it.

        What the vendor did not count is counted by characters; a call that failed before its first word costs nothing.
        """
        used = Usage()
        if usage.input_tokens is not None or usage.output_tokens is not None:
            used = usage
        elif has_begun:
            used = Usage(input_tokens=self._asked, output_tokens=_tokens(characters))
        microusd = used.microusd
        if microusd is None:  # else the vendor said it, as OpenRouter does
            microusd = await self._meter.price(self._connected, used)
        tokens = (used.input_tokens or 0) + (used.output_tokens or 0)
        await self._meter.settle(self._reservation, microusd=microusd or 0, tokens=tokens)
        return microusd


def _asked(request: ModelRequest) -> int:
    """Estimate the tokens of a request."""
    texts = [message.text + message.reasoning for message in request.messages]
    texts += [call.arguments for message in request.messages for call in message.tool_calls]
    texts += [f"{tool.name}{tool.description}{tool.schema}" for tool in request.tools]
    enclosed = sum(len(message.enclosed) for message in request.messages)
    return _tokens(sum(map(len, texts))) + enclosed * TOKENS_PER_FILE


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
