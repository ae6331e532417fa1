"""Count what the models of one evaluation cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from quarterdeck.core.model import Connected, Delta, ModelMessage, Models


class CountedModels:
    """Pass everything on to the real models, and add up tokens and money."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.calls = self.input_tokens = self.output_tokens = 0
        self.microusd: int | None = None

    async def connected(self, role: str = "chat") -> Connected | None:
        """Return the model that would answer now."""
        return await self._models.connected(role)

    async def complete(self, messages: Sequence[ModelMessage], **wanted: Any) -> AsyncIterator[Delta]:
        """Stream an answer."""
        self.calls += 1
        deltas = cast("AsyncGenerator[Delta, None]", self._models.complete(messages, **wanted))
        async with aclosing(deltas):
            async for delta in deltas:
                if delta.usage is not None:
                    self.input_tokens += delta.usage.input_tokens or 0
                    self.output_tokens += delta.usage.output_tokens or 0
                    if delta.usage.microusd is not None:
                        self.microusd = (self.microusd or 0) + delta.usage.microusd
                yield delta

    async def how_to_connect(self) -> str:
        """Say how to connect a model."""
        return await self._models.how_to_connect()
