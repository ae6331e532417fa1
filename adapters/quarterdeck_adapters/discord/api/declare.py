"""Offer commands in Discord's own way: built from the one declaration, replaced as a whole, never taken away first."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from quarterdeck.core.adapter import Memory
from quarterdeck.core.command import Command, Option
from quarterdeck.core.errors import Rejected
from quarterdeck_adapters.discord.api.rest import Rest
from quarterdeck_adapters.discord.interactions.names import native
from quarterdeck_adapters.discord.writing.units import cut, length

# docs.discord.com/developers/interactions/application-commands, 2026-11-21
STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, NUMBER, ATTACHMENT = 3, 4, 5, 6, 7, 8, 10, 11
CHAT_INPUT: Final = 1
CHOICES, SUMMARY, CHOICE, SIZE, STRING_LENGTH = 25, 100, 100, 8_000, 6_000
GUILD, BOT_DM = 0, 1  # where commands are offered: servers and direct messages with the bot
LARGEST: Final = 2**53
SCOPES: Final = "declared"
TYPES: Final = {
    "integer": INTEGER,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "user": USER,
    "channel": CHANNEL,
    "role": ROLE,
    "file": ATTACHMENT,
}

Data = Mapping[str, Any]

log = logging.getLogger(__name__)


def offered(commands: Sequence[Command]) -> list[dict[str, Any]]:
    """Return what Discord is told; the core has planned what fits, the rest is reached below its `/qd`."""
    return [_command(one) for one in commands]


class Declaring:
    """Tell Discord, in each server of the settings or everywhere."""

    def __init__(self, rest: Rest, memory: Memory, guild_ids: Sequence[str]) -> None:
        self._rest, self._memory, self._guild_ids = rest, memory, guild_ids

    async def declare(self, commands: Sequence[Command]) -> None:
        """Make Discord offer these and no others; nothing is sent where it already does.

        Raises:
            ServiceError: Discord refused, in its own words; the old set stays.
        """
        application = await self._rest.call("GET", "/oauth2/applications/@me")
        base = f"/applications/{application['id']}"
        told = offered(commands)
        scopes = [f"/guilds/{guild}" for guild in self._guild_ids] or [""]
        before = cast("list[str]", await self._memory.get(SCOPES) or [])
        for scope in scopes:
            wanted = told if scope else [{**one, "contexts": [GUILD, BOT_DM]} for one in told]
            await self._replace(f"{base}{scope}/commands", wanted)
        for scope in {*before, ""}.difference(scopes):  # only now: the new ones stand
            await self._retire(f"{base}{scope}/commands")
        if before != scopes:
            await self._memory.put(SCOPES, scopes)

    async def _replace(self, path: str, wanted: Sequence[Data]) -> None:
        standing = await self._rest.call("GET", path)
        if isinstance(standing, list) and _by_name(standing) == _by_name(wanted):
            return
        await self._rest.call("PUT", path, body=list(wanted))
        log.info("Commands declared", extra={"commands": len(wanted)})

    async def _retire(self, path: str) -> None:
        """Take away what was offered elsewhere before; a server that we left is as good as done."""
        try:
            if await self._rest.call("GET", path):
                await self._rest.call("PUT", path, body=[])
        except Rejected as error:
            log.info("Old commands not taken away", extra={"error": error.message})


def _command(command: Command) -> dict[str, Any]:
    options = sorted(command.options, key=lambda one: not one.required)  # Discord wants those first
    told: dict[str, Any] = {
        "type": CHAT_INPUT,
        "name": native(command.name),
        "description": _summary(command.summary, command.name),
        "options": [_option(one) for one in options],
    }
    for option in sorted(told["options"], key=_size, reverse=True):
        if _size(told) <= SIZE:
            break
        if option.pop("choices", None):
            option["autocomplete"] = True
    return told


def _option(option: Option) -> dict[str, Any]:
    kind = TYPES.get(option.kind, STRING)
    told: dict[str, Any] = {
        "type": kind,
        "name": native(option.name),
        "description": _summary(option.summary, option.name),
        "required": option.required,
    }
    if kind in (INTEGER, NUMBER):
        told |= _bounds(option, kind)
    if kind == STRING:
        told |= _text(option)
    return told


def _bounds(option: Option, kind: int) -> dict[str, float]:
    bounds: dict[str, float] = {}
    for name, bound in (("min_value", option.minimum), ("max_value", option.maximum)):
        if bound is not None and abs(bound) <= LARGEST:
            bounds[name] = int(bound) if kind == INTEGER else bound
    return bounds


def _text(option: Option) -> dict[str, Any]:
    choices = option.choices
    if 0 < len(choices) <= CHOICES and all(0 < length(one) <= CHOICE for one in choices):
        return {"choices": [{"name": one, "value": one} for one in choices]}
    told: dict[str, Any] = {}
    if choices or option.complete is not None:
        told["autocomplete"] = True
    if option.max_length is not None:
        told["max_length"] = max(1, min(option.max_length, STRING_LENGTH))
    return told


def _summary(text: str, name: str) -> str:
    return cut(" ".join(text.split()) or name, SUMMARY)


def _size(told: Data) -> int:
    """Return what Discord counts: names, descriptions and choices' values."""
    size = length(str(told.get("name", ""))) + length(str(told.get("description", "")))
    size += sum(length(str(one["value"])) for one in told.get("choices", ()))
    return size + sum(_size(one) for one in told.get("options", ()))


def _by_name(commands: Iterable[Data]) -> dict[tuple[int, str], Data]:
    """Return what of commands can be compared: Discord adds ids and defaults to what it was told."""
    return {(one.get("type", CHAT_INPUT), one["name"]): _plain(one) for one in commands}


def _plain(told: Data) -> Data:
    kept = ("type", "name", "description", "required", "autocomplete", "min_value", "max_value", "max_length")
    plain: dict[str, Any] = {name: told[name] for name in kept if told.get(name) not in (None, False)}
    plain["choices"] = [(one["name"], one["value"]) for one in told.get("choices") or ()]
    plain["options"] = [_plain(one) for one in told.get("options") or ()]
    if told.get("contexts") is not None:
        plain["contexts"] = sorted(told["contexts"])
    return plain
