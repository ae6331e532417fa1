"""Tell people how to connect a model, by what is there on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from quarterdeck.models.local.builtin import BUILD_COMMAND
from quarterdeck.models.local.discovery import Found
from quarterdeck.models.providers.catalog import Catalog, Provider

FIRST_KEYS: Final = 4


def how_to_connect(catalog: Catalog, found: Sequence[Found], builtin_why_off: str, *, discover: bool) -> str:
    """Return one CommonMark text: the variables, the servers that listen, the built-in model."""
    parts = [_keys(catalog), _servers(catalog, found, discover=discover), _builtin(builtin_why_off)]
    steps = "\n".join(f"{n}. {part}" for n, part in enumerate(parts, 1))
    return f"No language model is connected. One of these connects one:\n\n{steps}"


def _keys(catalog: Catalog) -> str:
    keyed = [one for one in catalog.all() if one.row.key.is_needed and one.row.key.variables]
    first = [f"`{one.row.key.variables[0]}` ({one.row.name})" for one in keyed[:FIRST_KEYS]]
    others = len(keyed) - len(first)
    more = f" or one of {others} more (`quarterdeck model list`)" if others > 0 else ""
    return f"**A key.** Set {', '.join(first)}{more} in the environment or in `.env`, and start me again."


def _servers(catalog: Catalog, found: Sequence[Found], *, discover: bool) -> str:
    if not found:
        names = _join(one.row.name for one in catalog.all() if one.row.local)
        then = "I find it by myself" if discover else "set `models.discover: true`"
        return f"**A local server.** None is listening now. Start {names} on this machine, and {then}."
    return f"**A local server.** {' '.join(_server(one, discover=discover) for one in found)}"


def _server(found: Found, *, discover: bool) -> str:
    provider: Provider = found.provider
    where = f"{provider.row.name} is listening at `{provider.row.base_url}`"
    if not found.model:
        return f"{where}, but offers no model that chats: load one there."
    if discover:
        return f"{where} with `{found.model}`."
    return f"{where}: set `models.discover: true`, or `models.roles.chat: [{provider.id}/{found.model}]`."


def _builtin(why_off: str) -> str:
    what = "**The built-in small model.** No account and no network"
    if why_off == "models.builtin.enabled is false":
        return f"{what}; it is switched off: set `models.builtin.enabled: true`."
    how = f"run `{BUILD_COMMAND}`, which compiles llama-cpp-python in 3 to 7 minutes and needs a C++ compiler"
    return f"{what}: {how}. It is small and often wrong."


def _join(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
