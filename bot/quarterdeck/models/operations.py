"""Do what `quarterdeck model` asks for, inside the process that holds the data folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.ports import Clock, Json, Operation, Progress
from quarterdeck.core.text import did_you_mean
from quarterdeck.models.choosing import Choice
from quarterdeck.models.local.build import build
from quarterdeck.models.probe import probe
from quarterdeck.models.providers.catalog import BUILTIN, Provider
from quarterdeck.models.registry import ModelRegistry

Shown = Mapping[str, Json]


def operations(registry: ModelRegistry, clock: Clock, environ: Mapping[str, str]) -> list[Operation]:
    """Return `model.list`, `model.test` and `model.build`; the build runs with `environ` less its secrets."""

    async def list_(_: Mapping[str, Json], __: Progress) -> Json:
        found = {one.provider.id: one.model for one in await registry.found()}
        roles = {
            role: await _answering(registry, role) for role in ("chat", "fast", "vision", "embed", "image")
        }
        providers: list[Json] = [await _shown(registry, one, found) for one in registry.catalog.all()]
        return {"roles": roles, "providers": providers}

    async def test(parameters: Mapping[str, Json], progress: Progress) -> Json:
        return await _tested(registry, str(parameters.get("model") or ""), clock, progress)

    async def build_(_: Mapping[str, Json], progress: Progress) -> Json:
        if not registry.settings.models.builtin.enabled:
            raise SetupError(
                "the built-in model is switched off",
                hint="set models.builtin.enabled: true",
                key="models.builtin",
            )
        was_built = await build(registry.builtin, environ, clock, progress)
        await progress("Trying it")
        builtin = registry.catalog.get(BUILTIN)
        assert builtin is not None
        model = builtin.row.models.chat
        tested = await _tested(registry, f"{BUILTIN}/{model}", clock, progress)
        return {"built": was_built, "model": f"{BUILTIN}/{model}", "test": tested}

    return [
        Operation(name="model.list", handler=list_),
        Operation(name="model.test", handler=test),
        Operation(name="model.build", handler=build_, effect="write"),
    ]


async def _answering(registry: ModelRegistry, role: str) -> Json:
    connected = await registry.connected(role)
    return str(connected) if connected else None


async def _shown(registry: ModelRegistry, provider: Provider, found: Mapping[str, str]) -> dict[str, Json]:
    switch = registry.connections.switch(provider)
    is_on = switch.is_on or provider.id in found
    model = provider.row.models.chat or found.get(provider.id, "")
    return {
        "id": provider.id,
        "name": provider.row.name,
        "state": "on" if is_on else "off",
        "reason": "found listening" if provider.id in found and not switch.is_on else switch.reason,
        "fix": "" if is_on else switch.fix,
        "model": model or None,
        "base_url": provider.row.base_url,
        "measured": await registry.choosing.measurement(f"{provider.id}/{model}") if model else None,
        "variables": list(provider.row.key.variables),
    }


async def _tested(registry: ModelRegistry, name: str, clock: Clock, progress: Progress) -> Json:
    choice = await _choice(registry, name)
    dialect = await registry.connections.open(choice.provider)
    tested = await probe(choice.connected, dialect, clock, progress)
    await registry.choosing.measured(str(choice.connected), _can(tested), clock.now_ms())
    return tested


def _can(tested: Mapping[str, Json]) -> list[str]:
    """Return what the model was seen to do."""
    return [
        name for name in ("models", "chat", "usage", "tools", "json") if cast("Shown", tested[name])["ok"]
    ]


async def _choice(registry: ModelRegistry, name: str) -> Choice:
    """Return the named model, or the one that answers now.

    Raises:
        NotFound: no such provider.
        SetupError: nothing is connected.
    """
    if not name:
        choices = await registry.choices("chat")
        if not choices:
            raise SetupError(
                "no language model is connected", hint="`quarterdeck model list` says what would connect one"
            )
        return choices[0]
    id_, _, model = name.partition("/")
    provider = registry.catalog.get(id_)
    if provider is None:
        ids = [one.id for one in registry.catalog.all()]
        raise NotFound(
            f"there is no provider {id_!r}", hint=did_you_mean(id_, ids) or "see `quarterdeck model list`"
        )
    model = model or await registry.default_model(provider)
    if not model:
        raise NotFound(f"{provider.row.name} has no default model", hint=f"write {id_}/MODEL")
    return registry.choice(provider, model)
