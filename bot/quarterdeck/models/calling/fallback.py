"""Get an answer from the first model of a chain that gives one.

What may be tried again is tried again, for a few seconds: people are told soon. The next model of the chain
takes over only as long as nothing was passed on; half an answer is never continued by another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import field, replace
from typing import Final, cast

from quarterdeck.core.errors import QuarterdeckError, Rejected, ServiceError, SetupError, Unavailable
from quarterdeck.core.model import Connected, Delta, Dialect, ModelRequest, Usage, UsageRow
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.models.calling.breaker import Breaker, RetryBudget
from quarterdeck.models.calling.deadline import Deadline
from quarterdeck.models.calling.meter import Meter, Purpose
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.runtime.observability import metrics

ATTEMPTS: Final = 3
RETRY_WITHIN_S: Final = 4.0  # from the begin of a call: whoever waits is told within five seconds
FIRST_PAUSE_S: Final = 0.4
ANSWER_LIMIT: Final = 400_000  # characters; what is longer is no answer but a fault

Record = Callable[[UsageRow], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Hold one model of a chain; `open` connects its provider when it is first needed."""

    connected: Connected
    open: Callable[[], Awaitable[Dialect]]
    rotate: Callable[[Dialect, ServiceError], bool] = lambda _, __: False
    """Lets the key rest that was refused; True where there is another one."""
    concurrency: int = 512
    """How many calls of this provider may be under way at once."""


@dataclass(slots=True)
class _Progress:
    """Count what one call brought so far."""

    passed_on: bool = False
    characters: int = 0
    dialect: Dialect | None = None
    usage: Usage = field(default_factory=Usage)
    outcome: str = "cancelled"
    first_ms: int | None = None


class Fallback:
    """Call the models of a chain in order; holds one circuit breaker a provider."""

    def __init__(
        self, *, clock: Clock, record: Record, meter: Meter, timeouts: Timeouts | None = None
    ) -> None:
        self._clock, self._record, self._timeouts = clock, record, timeouts or Timeouts()
        self._meter = meter
        self._breakers: dict[str, Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}

    async def complete(
        self, chain: Sequence[Link], request: ModelRequest, purpose: Purpose
    ) -> AsyncGenerator[Delta, None]:
        """Stream the answer of the first model that gives one; `request.model` is set to each in turn.

        Raises:
            QuarterdeckError: the first model's failure when every model failed, or one in mid-answer.
        """
        failures: list[QuarterdeckError] = []
        for link in chain:
            progress = _Progress()
            mine = replace(request, model=link.connected.model)
            try:
                async with aclosing(self._with_retries(link, mine, purpose, progress)) as deltas:
                    async for delta in deltas:
                        yield replace(delta, answered_by=link.connected) if delta.finish else delta
                return
            except (ServiceError, SetupError) as error:
                if progress.passed_on:
                    raise
                failures.append(error)
        raise failures[0]

    async def _with_retries(
        self, link: Link, request: ModelRequest, purpose: Purpose, progress: _Progress
    ) -> AsyncGenerator[Delta, None]:
        breaker = self._breakers.setdefault(link.connected.provider, Breaker(self._clock.monotonic))
        if rest_s := breaker.rest_s():
            provider = link.connected.provider
            message = f"{provider} failed several times in a row and is left alone for {rest_s:.0f} s"
            raise Unavailable(message, service=provider, retry_after_s=rest_s)
        budget = self._budgets.setdefault(link.connected.provider, RetryBudget())
        budget.called()
        began_s = self._clock.monotonic()
        attempt = 1
        while True:
            try:
                async with aclosing(self._recorded(link, request, purpose, progress)) as deltas:
                    async for delta in deltas:
                        yield delta
                breaker.succeeded()
                return
            except ServiceError as error:
                if error.retryable:
                    breaker.failed()
                dialect = progress.dialect
                if not progress.passed_on and dialect is not None and link.rotate(dialect, error):
                    continue  # each key rests after it failed, so that this ends
                wait_s = pause_s(error, attempt)
                used_s = self._clock.monotonic() - began_s
                is_last = attempt >= ATTEMPTS or used_s + wait_s > RETRY_WITHIN_S
                if not error.retryable or progress.passed_on or is_last or not budget.take():
                    raise
            attempt += 1
            await self._clock.sleep(wait_s)

    async def _recorded(
        self, link: Link, request: ModelRequest, purpose: Purpose, progress: _Progress
    ) -> AsyncGenerator[Delta, None]:
        """Make one call and record it, whatever becomes of it; its price is set aside before it goes out."""
        reading = await self._meter.begin(link.connected, request, purpose)
        began_ms = self._clock.now_ms()
        progress.outcome, progress.first_ms = "cancelled", None
        try:
            async with aclosing(self._bounded(link, request, progress)) as deltas:
                async for delta in deltas:
                    if progress.first_ms is None:
                        progress.first_ms = self._clock.now_ms() - began_ms
                    progress.passed_on = True
                    if delta.finish:
                        progress.outcome = "ok"
                    yield delta
        except QuarterdeckError as error:
            progress.outcome = type(error).__name__
            raise
        finally:
            microusd = await reading.end(
                progress.usage, has_begun=progress.passed_on, characters=progress.characters
            )
            row = UsageRow(
                at_ms=began_ms,
                provider=link.connected.provider,
                model=request.model,
                role=purpose.role,
                person_id=purpose.person_id,
                conversation_id=purpose.conversation_id,
                input_tokens=progress.usage.input_tokens,
                output_tokens=progress.usage.output_tokens,
                microusd=microusd,
                took_ms=self._clock.now_ms() - began_ms,
                outcome=progress.outcome,
                cached_tokens=progress.usage.cached_tokens,
                reasoning_tokens=progress.usage.reasoning_tokens,
                first_ms=progress.first_ms,
            )
            _count(row)
            await self._record(row)

    async def _bounded(
        self, link: Link, request: ModelRequest, progress: _Progress
    ) -> AsyncGenerator[Delta, None]:
        """Stream one answer within the total time and length."""
        provider, total_s = link.connected.provider, self._timeouts.total_s
        try:
            with Deadline(total_s) as deadline:
                async with self._slot(link, deadline):
                    dialect = progress.dialect = await deadline.wait(link.open())
                    stream = cast("AsyncGenerator[Delta, None]", dialect.complete(request))
                    async with aclosing(stream) as deltas:
                        while True:
                            delta = await deadline.wait(anext(deltas, None))
                            if delta is None:
                                return
                            self._measure(delta, provider, progress)
                            yield delta
        except TimeoutError as error:
            message = f"{provider} did not finish its answer in {total_s:g} s"
            raise Unavailable(message, service=provider, hint="ask for something shorter") from error

    @asynccontextmanager
    async def _slot(self, link: Link, deadline: Deadline) -> AsyncIterator[None]:
        """Wait until one call less than allowed is under way with the provider."""
        slots = self._slots.setdefault(link.connected.provider, asyncio.Semaphore(link.concurrency))
        await deadline.wait(slots.acquire())
        try:
            yield
        finally:
            slots.release()

    @staticmethod
    def _measure(delta: Delta, provider: str, progress: _Progress) -> None:
        progress.usage = delta.usage or progress.usage
        progress.characters += len(delta.text) + len(delta.reasoning)
        if progress.characters > ANSWER_LIMIT:
            message = f"{provider} wrote more than {ANSWER_LIMIT} characters and was stopped"
            raise Rejected(message, service=provider, status=200, detail="answer too long")


def _count(row: UsageRow) -> None:
    """Add the call to the metrics."""
    metrics.MODEL_CALLS.add(provider=row.provider, outcome=row.outcome)
    metrics.MODEL_SECONDS.observe(row.took_ms / 1000, provider=row.provider)
    metrics.MODEL_TOKENS.add(row.input_tokens or 0, provider=row.provider, direction="input")
    metrics.MODEL_TOKENS.add(row.output_tokens or 0, provider=row.provider, direction="output")
    metrics.MODEL_TOKENS.add(row.cached_tokens or 0, provider=row.provider, direction="cached")


def pause_s(error: ServiceError, attempt: int) -> float:
    """Return how long to wait before the next attempt: what the service asks for, or ever longer."""
    asked_s: float | None = getattr(error, "retry_after_s", None)
    if asked_s is not None:
        return asked_s * random.uniform(1.0, 1.1)  # noqa: S311 - spreads callers, hides nothing
    return FIRST_PAUSE_S * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - the same
