"""Say for `check` which providers are on, which are off, and what is wrong with any."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.errors import SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.models.images.graph import FOLDER, Graph
from quarterdeck.models.local.builtin import Builtin
from quarterdeck.models.providers.catalog import BUILTIN, Catalog, Provider
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.models.providers.connections import Connections
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.runtime.settings.datafiles import DataFileInvalid, read_data

AREA: Final = "models"
ROLES: Final = ("chat", "fast", "vision", "embed", "image")


def findings(settings: Settings, resolver: Resolver) -> list[Finding]:
    """Return a fact for each provider and a mistake for each role; asks no provider and no network."""
    catalog = Catalog.read(config_dir(), settings.paths().user_dir).changed(settings.providers)
    builtin = Builtin(settings.models.builtin)
    connections = Connections(settings, catalog, resolver, builtin, Timeouts())
    _, graphs = read_data(config_dir() / FOLDER, settings.paths().user_dir / FOLDER, Graph)
    problems = (*catalog.problems, *graphs)
    found = [Finding.of(one, area=AREA) for problem in problems for one in _parts(problem)]
    found += [_provider(connections, one, settings) for one in catalog.all()]
    found += [
        mistake
        for role in ROLES
        for name in getattr(settings.models.roles, role)
        if (mistake := _role(connections, catalog, role, name)) is not None
    ]
    if settings.models.discover:
        names = ", ".join(one.row.name for one in catalog.all() if one.row.local)
        message = f"servers on this machine are looked for: {names}"
        found.append(Finding(level="ok", area=AREA, message=message))
    return found


def _parts(problem: SetupError) -> tuple[SetupError, ...]:
    """Return everything that is wrong with a file."""
    return problem.problems if isinstance(problem, DataFileInvalid) else (problem,)


def _provider(connections: Connections, provider: Provider, settings: Settings) -> Finding:
    """Say how one provider stands; what was configured and does not work is an error."""
    switch = connections.switch(provider)
    if switch.is_on:
        return Finding(level="ok", area=AREA, message=f"{provider.id} is on: {switch.reason}")
    was_wanted = provider.id in settings.providers and provider.id != BUILTIN
    if was_wanted or switch.is_mistake:
        message = f"{provider.id} is off: {switch.reason}"
        return Finding(level="error", area=AREA, message=message, fix=switch.fix)
    return Finding(level="off", area=AREA, message=f"{provider.id} is off: {switch.reason}", fix=switch.fix)


def _role(connections: Connections, catalog: Catalog, role: str, name: str) -> Finding | None:
    """Return what keeps a model that the settings name from answering."""
    key = f"models.roles.{role}"
    id_ = name.partition("/")[0]
    provider = catalog.get(id_)
    if provider is None:
        ids = [one.id for one in catalog.all()]
        fix = did_you_mean(id_, ids) or f"known: {', '.join(sorted(ids))}"
        return Finding(
            level="error", area=AREA, message=f"{key} names {name!r}, an unknown provider", fix=fix
        )
    if role == "image" and provider.row.images is None:
        message = f"{key} names {name!r}, and {provider.row.name} draws no pictures"
        painters = ", ".join(one.id for one in catalog.all() if one.row.images is not None)
        return Finding(level="error", area=AREA, message=message, fix=f"these do: {painters}")
    if role != "image" and provider.row.dialect == "none":
        message = f"{key} names {name!r}, and {provider.row.name} only draws"
        return Finding(level="error", area=AREA, message=message, fix="name it in models.roles.image")
    switch = connections.switch(provider)
    if switch.is_on or provider.row.local:
        return None
    message = f"{key} names {name!r}, whose provider is off: {switch.reason}"
    return Finding.of(SetupError(message, hint=switch.fix), area=AREA)
