"""Embed with the model that the settings name for the role `embed` (the `Embeddings` port).

A model is a vector space: others of the role's list stand in only where they name the same model at another provider.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final, Protocol

from quarterdeck.core.errors import QuarterdeckError, Rejected, ServiceError, SetupError, Unavailable
from quarterdeck.core.model import Connected, ModelMessage, ModelRequest, Usage, UsageRow
from quarterdeck.core.ports import Clock
from quarterdeck.core.text import did_you_mean
from quarterdeck.models.calling.breaker import Breaker, RetryBudget
from quarterdeck.models.calling.fallback import ATTEMPTS, pause_s
from quarterdeck.models.calling.meter import Meter, Purpose
from quarterdeck.models.embeddings.batches import batches, estimated
from quarterdeck.models.embeddings.ways import EmbedWays
from quarterdeck.models.providers.catalog import BUILTIN, Provider
from quarterdeck.models.providers.connection import Connection, Timeouts
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.process.tasks import in_thread

ROLE: Final = "embed"
LONGEST_PAUSE_S: Final = 60.0  # of a re-index that nobody waits for
QUESTION_PAUSE_S: Final = 2.0
TOTAL_S: Final = 120.0
MOST_DIMENSIONS: Final = 16_384


class Embedder(Protocol):
    """Turn one batch into vectors."""

    async def embed(self, model: str, texts: Sequence[str], *, is_question: bool) -> Answered: ...

    async def close(self) -> None: ...


class Answered(Protocol):
    """See what one call gave."""

    @property
    def vectors(self) -> list[Sequence[float]]: ...
    @property
    def tokens(self) -> int | None: ...


class RoleEmbeddings:
    """Batch, retry, check, price and record."""

    def __init__(
        self,
        registry: ModelRegistry,
        meter: Meter,
        record: Callable[[UsageRow], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._registry, self._meter, self._record, self._clock = registry, meter, record, clock
        self._open: dict[str, tuple[Connection | None, Embedder]] = {}
        self._retired: list[Embedder] = []
        self._dimensions: dict[str, int] = {}
        self._breakers: dict[str, Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._opening = asyncio.Lock()

    def chosen(self) -> str:
        """Return the first model of the role, empty for none."""
        return next(iter(self._registry.settings.models.roles.embed), "")

    async def embed(self, name: str, texts: Sequence[str], *, is_question: bool = False) -> list[bytes]:
        """Return one vector a text; see `Embeddings.embed`."""
        failures: list[QuarterdeckError] = []
        for one in self._chain(name):
            try:
                return await self._all(name, one, texts, is_question=is_question)
            except (ServiceError, SetupError) as error:
                failures.append(error)
        raise failures[0]

    async def close(self) -> None:
        """Close every connection."""
        for embedder in (*self._retired, *(embedder for _, embedder in self._open.values())):
            await embedder.close()
        self._retired.clear()
        self._open.clear()

    def _chain(self, name: str) -> list[str]:
        model = name.partition("/")[2]
        others = self._registry.settings.models.roles.embed
        return list(dict.fromkeys([name, *(one for one in others if one.partition("/")[2] == model)]))

    async def _all(self, space: str, name: str, texts: Sequence[str], *, is_question: bool) -> list[bytes]:
        provider, model = self._provider(name)
        ways = provider.row.embed or EmbedWays()
        found: list[bytes] = []
        for some in batches(texts, count=ways.batch, tokens=ways.batch_tokens, text_tokens=ways.text_tokens):
            vectors = await self._retried(provider, model, some, is_question=is_question)
            found += [self._checked(space, provider, vector) for vector in vectors]
        return found

    def _provider(self, name: str) -> tuple[Provider, str]:
        """Return the provider and its model.

        Raises:
            SetupError: there is none of this name, or it makes no embeddings.
        """
        id_, _, model = name.partition("/")
        provider = self._registry.catalog.get(id_)
        if provider is None:
            ids = [one.id for one in self._registry.catalog.all()]
            raise SetupError(
                f"there is no provider {id_!r}",
                hint=did_you_mean(id_, ids) or "see `quarterdeck model list`",
                key="models.roles.embed",
            )
        can = provider.row.capabilities.embeddings or provider.row.embed is not None
        if not can and id_ not in (BUILTIN, "custom") and id_ not in self._registry.settings.providers:
            raise SetupError(
                f"{provider.row.name} makes no embeddings",
                hint="name another model in models.roles.embed",
                key="models.roles.embed",
            )
        return provider, provider.current(model)

    async def _retried(
        self, provider: Provider, model: str, texts: list[str], *, is_question: bool
    ) -> list[Sequence[float]]:
        """Make one call, again where that may help; a question waits two seconds at most, a re-index a minute."""
        breaker = self._breakers.setdefault(provider.id, Breaker(self._clock.monotonic))
        if is_question and (rest_s := breaker.rest_s()):
            message = f"{provider.id} failed several times in a row and is left alone for {rest_s:.0f} s"
            raise Unavailable(message, service=provider.id, retry_after_s=rest_s)
        budget = self._budgets.setdefault(provider.id, RetryBudget())
        budget.called()
        most_s = QUESTION_PAUSE_S if is_question else LONGEST_PAUSE_S
        attempt = 1
        while True:
            try:
                vectors = await self._metered(provider, model, texts, is_question=is_question)
            except ServiceError as error:
                if error.retryable:
                    breaker.failed()
                known = self._open.get(provider.id)
                key = known[0].key if known is not None and known[0] is not None else ""
                if key and self._registry.connections.rest(provider, key, error):
                    continue  # each key rests after it failed, so that this ends
                wait_s = pause_s(error, attempt)
                is_over = attempt >= ATTEMPTS or wait_s > most_s or not error.retryable
                if is_over or (is_question and not budget.take()):
                    raise
                attempt += 1
                await self._clock.sleep(wait_s)
            else:
                breaker.succeeded()
                return vectors

    async def _metered(
        self, provider: Provider, model: str, texts: list[str], *, is_question: bool
    ) -> list[Sequence[float]]:
        """Make one call between setting its price aside and settling it, and record it."""
        connected = Connected(provider=provider.id, model=model)
        asked = tuple(ModelMessage(speaker="user", text=text) for text in texts)
        request = ModelRequest(model=model, messages=asked, max_output_tokens=0)
        reading = await self._meter.begin(connected, request, Purpose(role=ROLE))
        began_ms, outcome = self._clock.now_ms(), "cancelled"
        tokens: int | None = None
        try:
            async with asyncio.timeout(TOTAL_S), self._slot(provider):
                answered = await (await self._embedder(provider, model)).embed(
                    model, texts, is_question=is_question
                )
            outcome = "ok"
            tokens = answered.tokens if answered.tokens is not None else sum(map(estimated, texts))
            return answered.vectors
        except TimeoutError as error:
            outcome = "Unavailable"
            message = f"{provider.row.name} gave no vectors in {TOTAL_S:g} s"
            raise Unavailable(message, service=provider.row.name) from error
        except QuarterdeckError as error:
            outcome = type(error).__name__
            raise
        finally:
            used = Usage(input_tokens=tokens, output_tokens=None if tokens is None else 0)
            microusd = await reading.end(used, has_begun=False, characters=0)
            row = UsageRow(
                at_ms=began_ms,
                provider=provider.id,
                model=model,
                role=ROLE,
                input_tokens=tokens,
                output_tokens=None,
                microusd=microusd,
                took_ms=self._clock.now_ms() - began_ms,
                outcome=outcome,
            )
            metrics.MODEL_CALLS.add(provider=row.provider, outcome=outcome)
            metrics.MODEL_SECONDS.observe(row.took_ms / 1000, provider=row.provider)
            metrics.MODEL_TOKENS.add(tokens or 0, provider=row.provider, direction="input")
            await self._record(row)

    def _slot(self, provider: Provider) -> AbstractAsyncContextManager[None]:
        return self._slots.setdefault(provider.id, asyncio.Semaphore(provider.row.concurrency))

    async def _embedder(self, provider: Provider, model: str) -> Embedder:
        async with self._opening:
            slot = f"{provider.id}/{model}" if provider.id == BUILTIN else provider.id
            connection = None
            if provider.id != BUILTIN:
                connection = replace(
                    self._registry.connections.connection(provider),
                    timeouts=Timeouts(connect_s=10.0, idle_s=TOTAL_S, total_s=TOTAL_S),
                )
            known = self._open.get(slot)
            if known is not None and known[0] == connection:
                return known[1]
            if known is not None:
                self._retired.append(known[1])
            embedder = await in_thread(_connect, provider, connection, model)
            self._open[slot] = connection, embedder
            return embedder

    def _checked(self, space: str, provider: Provider, vector: Sequence[float]) -> bytes:
        """Return a vector of length 1; each of a space has the same dimension as the first.

        Raises:
            Rejected: it has another dimension, or no direction.
        """
        name = provider.row.name
        dimensions = self._dimensions.setdefault(space, len(vector))
        if not 0 < len(vector) <= MOST_DIMENSIONS or len(vector) != dimensions:
            raise Rejected(
                f"{name} answered with {len(vector)} dimensions in place of {dimensions}",
                service=name,
                status=200,
                hint="another model may answer there under the same name",
            )
        length = math.sqrt(math.fsum(one * one for one in vector))
        if not math.isfinite(length) or length == 0:
            raise Rejected(f"{name} answered with a vector without direction", service=name, status=200)
        return struct.pack(f"<{dimensions}f", *(one / length for one in vector))


def _connect(provider: Provider, connection: Connection | None, model: str) -> Embedder:
    if connection is None:
        from quarterdeck.models.embeddings.llama import LlamaEmbeddings

        return LlamaEmbeddings(model)
    from quarterdeck.models.embeddings.wires import EmbeddingWire

    ways = provider.row.embed or EmbedWays()
    if ways.dialect == "gemini":
        base_url = connection.base_url.rstrip("/").removesuffix("/openai")
        connection = replace(connection, base_url=base_url, key_header="x-goog-api-key")
    if ways.dialect == "ollama":
        connection = replace(connection, base_url=connection.base_url.rstrip("/").removesuffix("/v1"))
    return EmbeddingWire(connection, ways)
