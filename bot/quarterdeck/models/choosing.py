"""Let a conversation have a model of its own, and know what the connected providers offer (`ModelChoices`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from quarterdeck.core.errors import NotFound, ServiceError, SetupError
from quarterdeck.core.model import Connected, Offered
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.models.providers.catalog import BUILTIN, Catalog, Provider
from quarterdeck.models.providers.connections import Connections

LIST_LIFE_S: Final = 900.0
LIST_TIMEOUT_S: Final = 5.0


class Kept(Protocol):
    """Remember by name, over a restart."""

    async def get(self, name: str) -> Json: ...
    async def put(self, name: str, value: Json) -> None: ...
    async def forget(self, name: str) -> None: ...


class Forgetful:
    """Remember until the process ends."""

    def __init__(self) -> None:
        self._values: dict[str, Json] = {}

    async def get(self, name: str) -> Json:
        """Return what was put last."""
        return self._values.get(name)

    async def put(self, name: str, value: Json) -> None:
        """Remember it."""
        self._values[name] = value

    async def forget(self, name: str) -> None:
        """Drop it."""
        self._values.pop(name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Pair a model with its provider."""

    connected: Connected
    provider: Provider


class Lists:
    """Know the models of each provider, asked for at most every 15 minutes."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections, self._clock = connections, clock
        self._lists: dict[str, tuple[float, Offered]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def of(self, provider: Provider, configured: tuple[str, ...] = ()) -> Offered:
        """Return what `provider` offers; what the settings name, where it cannot list it."""
        async with self._asking.setdefault(provider.id, asyncio.Lock()):
            now_s = self._clock.monotonic()
            known = self._lists.get(provider.id)
            if known is not None and now_s - known[0] <= LIST_LIFE_S:
                return known[1]
            offered = await self._ask(provider, configured)
            if not offered.reason:
                self._lists[provider.id] = now_s, offered
            return offered

    async def _ask(self, provider: Provider, configured: tuple[str, ...]) -> Offered:
        models = provider.row.models
        named = tuple(dict.fromkeys(filter(None, (*configured, models.chat, models.fast))))
        if provider.row.capabilities.models_endpoint or provider.id == BUILTIN:
            try:
                async with asyncio.timeout(LIST_TIMEOUT_S):
                    dialect = await self._connections.open(provider)
                    return Offered(provider=provider.id, models=tuple(await dialect.models()))
            except (ServiceError, SetupError) as error:
                return Offered(provider=provider.id, models=named, reason=error.message)
            except TimeoutError:
                return Offered(provider=provider.id, models=named, reason="no answer in time")
        return Offered(provider=provider.id, models=named)


class Choosing:
    """Keep each conversation's choice."""

    def __init__(
        self,
        catalog: Catalog,
        connections: Connections,
        lists: Lists,
        kept: Kept,
        *,
        pair: Callable[[Provider, str], Choice],
    ) -> None:
        self._catalog, self._connections, self._lists, self._kept = catalog, connections, lists, kept
        self._pair = pair
        self._chosen: dict[str, str] = {}

    async def offered(self) -> list[Offered]:
        """Return the models of every connected provider."""
        on = [one for one in self._catalog.all() if self._connections.switch(one).is_on]
        return list(await asyncio.gather(*(self._lists.of(one) for one in on)))

    def _is_on(self, provider: Provider) -> bool:
        return self._connections.switch(provider).is_on or provider.row.local is not None

    async def chosen(self, conversation_id: str) -> Connected | None:
        """Return what was chosen for the conversation; a provider that is off no longer counts."""
        if not conversation_id:
            return None
        if conversation_id not in self._chosen:
            self._chosen[conversation_id] = str(await self._kept.get(_name(conversation_id)) or "")
        id_, _, model = self._chosen[conversation_id].partition("/")
        provider = self._catalog.get(id_) if model else None
        if provider is None or not self._is_on(provider):
            return None
        return self._pair(provider, model).connected

    async def measured(self, name: str, can: list[str], at_ms: int) -> None:
        """Remember what `provider/model` was seen to do when it was tested."""
        await self._kept.put(f"measured {name}", {"can": can, "at_ms": at_ms})

    async def measurement(self, name: str) -> Json:
        """Return that, None where it was never tested."""
        return await self._kept.get(f"measured {name}")

    async def choose(self, conversation_id: str, name: str) -> Connected | None:
        """Let `provider/model` answer there from now on; an empty name leaves it to the settings again.

        Raises:
            NotFound: no such provider or model.
            SetupError: the provider is off.
        """
        if not name:
            await self._kept.forget(_name(conversation_id))
            self._chosen[conversation_id] = ""
            return None
        id_, _, model = name.partition("/")
        provider = self._catalog.get(id_)
        if provider is None:
            ids = [one.id for one in self._catalog.all()]
            raise NotFound(
                f"there is no provider {id_!r}", hint=did_you_mean(id_, ids) or "see `/model list`"
            )
        switch = self._connections.switch(provider)
        if not self._is_on(provider):
            raise SetupError(f"{provider.row.name} is off: {switch.reason}", hint=switch.fix)
        model = provider.current(model or provider.row.models.chat)
        if not model:
            raise NotFound(f"{provider.row.name} has no default model", hint=f"write {id_}/MODEL")
        offered = await self._lists.of(provider)
        if offered.models and not offered.reason and model not in offered.models:
            near = did_you_mean(model, offered.models)
            raise NotFound(
                f"{provider.row.name} has no model {model!r}", hint=near or f"see `/model list {id_}`"
            )
        await self._kept.put(_name(conversation_id), f"{id_}/{model}")
        self._chosen[conversation_id] = f"{id_}/{model}"
        return self._pair(provider, model).connected


def _name(conversation_id: str) -> str:
    return f"chosen {conversation_id}"
