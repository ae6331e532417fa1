"""Answer for a role with the model that the settings name, or with what is connected.

A key in the environment switches its provider on; without any, a model server that listens on this machine
is used; without that, the built-in model where it is installed. Another vendor takes over only where the
settings list several models: nothing that people wrote goes to a place that nobody chose.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from quarterdeck.core.budget import MICRO, Ledger, OverBudget
from quarterdeck.core.errors import ServiceError, SetupError
from quarterdeck.core.model import Connected, Delta, Dialect, ModelMessage, ModelRequest, Usage, Wanted
from quarterdeck.core.ports import Clock
from quarterdeck.models.calling.answers import Answers
from quarterdeck.models.calling.checked import checked
from quarterdeck.models.calling.fallback import Fallback, Link, Record
from quarterdeck.models.calling.meter import Meter, Purpose
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.choosing import Choice, Choosing, Forgetful, Kept, Lists
from quarterdeck.models.guide import how_to_connect
from quarterdeck.models.local.builtin import Builtin
from quarterdeck.models.local.discovery import Found, find_servers
from quarterdeck.models.providers.catalog import BUILTIN, Catalog, Provider
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.models.providers.connections import Connections
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings

log = logging.getLogger(__name__)

DISCOVERY_LIFE_S: Final = 15.0
LIST_TIMEOUT_S: Final = 5.0
SEEING: Final = "lmstudio"
EARLIER: Final = "an earlier answer to the same question: the budget allows no new one"


class ModelRegistry:
    """Be the `Models` of the bot."""

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: Catalog,
        resolver: Resolver,
        clock: Clock,
        record: Record,
        ledger: Ledger | None = None,
        answers: Answers | None = None,
        kept: Kept | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """`ledger` holds calls to budgets, `answers` keeps earlier ones for them; without, nothing is limited.

        `kept` remembers what conversations chose.
        """
        timeouts = timeouts or Timeouts()
        self.settings, self.catalog = settings, catalog.changed(settings.providers)
        self.builtin = Builtin(settings.models.builtin)
        self.connections = Connections(
            settings, self.catalog, resolver, self.builtin, timeouts, clock.monotonic
        )
        self.lists = Lists(self.connections, clock)
        self.choosing = Choosing(
            self.catalog, self.connections, self.lists, kept or Forgetful(), pair=self.choice
        )
        self._renamed: dict[str, str] = {}
        self._clock = clock
        stated = {name: setting.prices for name, setting in settings.providers.items()}
        self._meter = Meter(ledger, Prices(stated), self.catalog.get)
        self._fallback = Fallback(clock=clock, record=record, meter=self._meter, timeouts=timeouts)
        self._answers = answers if ledger is not None and ledger.keeps_answers else None
        self._looking = asyncio.Lock()
        self._found: tuple[float, list[Found]] | None = None
        self._first_models: dict[str, tuple[float, str]] = {}

    async def price_usd(self, role: str, *, input_tokens: int, output_tokens: int) -> float | None:
        """Return what such a call would cost now, None where nobody answers or nobody knows."""
        connected = await self.connected(role)
        if connected is None:
            return None
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        microusd = await self._meter.price(connected, usage)
        return None if microusd is None else microusd / MICRO

    async def connected(self, role: str = "chat") -> Connected | None:
        """Return the model that would answer now, or None when none is connected."""
        choices = await self.choices(role)
        usable = (one for one in choices if self._is_on(one.provider))
        return next((one.connected for one in usable), None)

    async def complete(
        self,
        messages: Sequence[ModelMessage],
        *,
        role: str = "chat",
        max_output_tokens: int = 1024,
        person_id: str = "",
        conversation_id: str = "",
        workflow: str = "",
        wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    ) -> AsyncGenerator[Delta, None]:
        """Stream an answer from the role's first model that works; close the iterator to stop early.

        Where a budget does not allow that, what its owner wants instead: a cheaper model, an earlier answer.

        Raises:
            SetupError: no model is connected.
            OverBudget: a budget does not allow the call.
            ServiceError: every model of the role failed.
        """
        choices = await self.choices(role, conversation_id)
        if not choices:
            raise SetupError("no language model is connected", hint="`/chat` says how to connect one")
        request = ModelRequest(
            model="",
            messages=tuple(messages),
            max_output_tokens=max_output_tokens,
            temperature=wanted.temperature,
            json_schema=wanted.json_schema,
            tools=wanted.tools,
            unshown=wanted.unshown,
            tool_choice=wanted.tool_choice,
            effort=wanted.effort,
        )
        purpose = Purpose(role=role, person_id=person_id, conversation_id=conversation_id, workflow=workflow)
        refused: OverBudget | None = None
        try:
            async with aclosing(self._of(choices, request, purpose)) as deltas:
                async for delta in deltas:
                    yield delta
        except OverBudget as over:
            refused = over
        if refused is not None:
            async with aclosing(self._instead(refused, choices, request, purpose)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _of(
        self, choices: Sequence[Choice], request: ModelRequest, purpose: Purpose
    ) -> AsyncGenerator[Delta, None]:
        """Stream the answer of the first of `choices` that gives one, and keep it where budgets want that."""
        links = [self._link(one) for one in choices]
        pieces: list[str] = []
        keeps = self._answers is not None and _is_plain(request)

        def stream(asked: ModelRequest) -> AsyncGenerator[Delta, None]:
            return self._fallback.complete(links, asked, purpose)

        is_held = request.json_schema is not None or bool(request.tools)
        answer = checked(stream, request) if is_held else stream(request)
        try:
            async with aclosing(answer) as deltas:
                async for delta in deltas:
                    if keeps and self._answers is not None:
                        pieces.append(delta.text)
                        if delta.finish == "stop" and delta.answered_by is not None:
                            await self._answers.keep(
                                request,
                                purpose.role,
                                "".join(pieces),
                                delta.answered_by,
                                self._clock.now_ms(),
                            )
                    yield self._told(delta) if delta.finish else delta
        except ServiceError:
            self._found = None  # the local server may be gone: look again
            raise

    async def _instead(
        self, refused: OverBudget, choices: Sequence[Choice], request: ModelRequest, purpose: Purpose
    ) -> AsyncGenerator[Delta, None]:
        """Do what the budget's owner wants once it does not allow a call; only the first that helps."""
        for way in refused.at_limit:
            if way == "cheaper" and (
                cheaper := [one for one in await self.choices("fast") if one not in choices]
            ):
                try:
                    async with aclosing(
                        self._of(cheaper, request, replace(purpose, is_cheaper=True))
                    ) as deltas:
                        async for delta in deltas:
                            yield delta
                except OverBudget:
                    continue
                return
            if way == "cached" and self._answers is not None and _is_plain(request):
                kept = await self._answers.find(request, purpose.role)
                if kept is not None:
                    yield Delta(text=kept.text)
                    yield Delta(finish="stop", answered_by=replace(kept.answered_by, label=EARLIER))
                    return
        raise refused

    async def how_to_connect(self) -> str:
        """Say in CommonMark how to connect a model, by what is there right now."""
        found = await find_servers(self.catalog.all())
        off = self.builtin.why_off()
        return how_to_connect(self.catalog, found, off, discover=self.settings.models.discover)

    async def choices(self, role: str, conversation_id: str = "") -> list[Choice]:
        """Return the models that may answer for `role`, in order; empty when there is none."""
        if role == "chat" and (own := await self.choosing.chosen(conversation_id)) is not None:
            return [choice] if (choice := self._named(str(own))) else []
        roles = self.settings.models.roles
        named: Sequence[str] = getattr(roles, role, ())
        if role == "fast" and not named:
            named = roles.chat
        if named:
            return [choice for name in named if (choice := self._named(name)) is not None]
        if role == "image":
            return self._painters()
        if role == "vision":
            return await self._seeing()
        if role not in ("chat", "fast"):
            return []
        choice = await self._automatic(role)
        return [choice] if choice else []

    async def found(self) -> list[Found]:
        """Return the model servers that listen on this machine; looked for at most every few seconds."""
        if not self.settings.models.discover:
            return []
        async with self._looking:
            now_s = self._clock.monotonic()
            if self._found is None or now_s - self._found[0] > DISCOVERY_LIFE_S:
                local = [one for one in self.catalog.all() if one.row.local]
                self._found = now_s, await find_servers(local)
            return self._found[1]

    async def close(self) -> None:
        """Close every connection and end the worker."""
        await self.connections.close()

    def _is_on(self, provider: Provider) -> bool:
        if self.connections.switch(provider).is_on:
            return True
        return provider.row.local is not None  # named or found; whether it answers, only asking tells

    def _named(self, name: str) -> Choice | None:
        id_, _, model = name.partition("/")
        provider = self.catalog.get(id_)
        return self.choice(provider, model) if provider else None

    def choice(self, provider: Provider, model: str) -> Choice:
        """Pair a model with its provider, marked where it is the built-in one."""
        if provider.id == BUILTIN:
            return Choice(connected=self.builtin.connected(model), provider=provider)
        current = provider.current(model)
        if current != model and f"{provider.id}/{current}" not in self._renamed:
            self._renamed[f"{provider.id}/{current}"] = model
            log.warning(
                "Model was retired by its vendor, another one answers",
                extra={"provider": provider.id, "model": model, "current": current},
            )
        model = current
        return Choice(connected=Connected(provider=provider.id, model=model), provider=provider)

    async def _automatic(self, role: str) -> Choice | None:
        """Return the first provider that is on, else a server that listens, else the built-in model."""
        for provider in sorted(self.catalog.all(), key=lambda one: one.id not in self.settings.providers):
            if provider.id != BUILTIN and self.connections.switch(provider).is_on:
                model = await self.default_model(provider, role)
                if model:
                    return self.choice(provider, model)
        for found in await self.found():
            if found.model:
                return self.choice(found.provider, found.model)
        builtin = self.catalog.get(BUILTIN)
        if builtin and self.connections.switch(builtin).is_on:
            return self.choice(builtin, builtin.row.models.chat)
        return None

    def _painters(self) -> list[Choice]:
        """Return the first provider that is on and draws without being told with what."""
        for provider in sorted(self.catalog.all(), key=lambda one: one.id not in self.settings.providers):
            model = provider.row.models.image
            if model and provider.row.images is not None and self.connections.switch(provider).is_on:
                return [self.choice(provider, model)]
        return []

    async def _seeing(self) -> list[Choice]:
        """Return what looks at pictures unless the settings say otherwise: LM Studio on this machine, else the chat."""
        for found in await self.found():
            if found.provider.id == SEEING and found.model:
                return [self.choice(found.provider, found.model)]
        return await self.choices("chat")

    async def default_model(self, provider: Provider, role: str = "chat") -> str:
        """Return what answers unless the settings say otherwise; a server of one's own is asked what it has."""
        models = provider.row.models
        if provider.row.dialect == "none":
            return ""
        if named := (role == "fast" and models.fast) or models.chat:
            return named
        if provider.row.key.is_needed:
            return ""  # hundreds of models there: the owner's choice
        now_s = self._clock.monotonic()
        known = self._first_models.get(provider.id)
        if known is None or now_s - known[0] > DISCOVERY_LIFE_S:
            known = self._first_models[provider.id] = now_s, await self._first_model(provider)
        return known[1]

    async def _first_model(self, provider: Provider) -> str:
        if found := await find_servers([provider]):
            return found[0].model
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                dialect = await self.connections.open(provider)
                return next(iter(await dialect.models()), "")
        except (ServiceError, SetupError, TimeoutError):
            return ""

    def _link(self, choice: Choice) -> Link:
        provider = choice.provider

        async def open_() -> Dialect:
            return await self.connections.open(provider)

        def rotate(dialect: Dialect, error: ServiceError) -> bool:
            return self.connections.rotate(provider, dialect, error)

        return Link(
            connected=choice.connected, open=open_, rotate=rotate, concurrency=provider.row.concurrency
        )

    def _told(self, delta: Delta) -> Delta:
        """Let the first answer of a model say in place of which one it answers."""
        by = delta.answered_by
        label = self.replaced(by) if by is not None else ""
        return replace(delta, answered_by=replace(by, label=label)) if by is not None and label else delta

    def replaced(self, by: Connected) -> str:
        """Say once in place of which retired model this one answers; empty when there is nothing to say."""
        old = self._renamed.get(str(by))
        if not old:
            return ""
        self._renamed[str(by)] = ""
        return f"{by.provider} has retired {old}; {by.model} answers in its place"


def _is_plain(request: ModelRequest) -> bool:
    """Tell whether an answer depends on nothing but the words of the request."""
    wants_more = request.tools or request.json_schema is not None or request.effort is not None
    return not wants_more and not any(one.enclosed or one.tool_calls for one in request.messages)
