"""Offer commands in Telegram's menu. A menu entry is typed for the person, so its options are typed as text after it.

What is offered differs by place ("scope"): in groups not what needs a private answer. Setting a menu replaces the one
before in a single step (Bot API, setMyCommands, 2026-11-21).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from quarterdeck.core.command import Command

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

MOST_COMMANDS: Final = 100
NAME_LENGTH: Final = 32
SUMMARY_LENGTH: Final = 256
LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")

log = logging.getLogger(__name__)

Entry = dict[str, str]


def native_name(command: Command) -> str:
    """Return what a command is called on Telegram; empty where it cannot be called anything there."""
    name = command.name.lower().replace("-", "_")
    return name if 0 < len(name) <= NAME_LENGTH and LETTERS.issuperset(name) else ""


def names_of(commands: Sequence[Command]) -> dict[str, str]:
    """Return our names by those on Telegram, where they differ; a command of that very name comes first."""
    own = {command.name for command in commands}
    return {
        name: command.name
        for command in reversed(commands)
        if (name := native_name(command)) and name != command.name and name not in own
    }


def entries_of(commands: Sequence[Command]) -> list[Entry]:
    """Return the menu: as many as there is room for, each name once."""
    entries: dict[str, Entry] = {}
    for command in commands:
        name = native_name(command)
        if not name or name in entries or len(entries) == MOST_COMMANDS:
            log.warning("Command not in Telegram's menu; it can be typed", extra={"command": command.name})
            continue
        entries[name] = {"command": name, "description": _summary(command)}
    return list(entries.values())


def menus_of(commands: Sequence[Command]) -> Mapping[str, list[Entry]]:
    """Return the menu of each scope: strangers see what viewers may, groups nothing that needs privacy."""
    for_groups = [command for command in commands if "private" not in command.needs]
    return {
        "default": entries_of([command for command in for_groups if command.allow == "viewer"]),
        "all_private_chats": entries_of(commands),
        "all_group_chats": entries_of([command for command in for_groups if command.allow in OPEN]),
        "all_chat_administrators": entries_of(for_groups),
    }


OPEN: Final = ("viewer", "operator")


async def declare(api: Api, commands: Sequence[Command]) -> None:
    """Make every scope offer its commands; what stands already is left alone.

    Raises:
        ServiceError: Telegram refused; the old menu stays there.
    """
    for kind, entries in menus_of(commands).items():
        scope = {"type": kind}
        if await api.call("getMyCommands", {"scope": scope}) != entries:
            await api.call("setMyCommands", {"scope": scope, "commands": entries})


def _summary(command: Command) -> str:
    summary = " ".join(command.summary.split()) or command.name
    return summary if len(summary) <= SUMMARY_LENGTH else f"{summary[: SUMMARY_LENGTH - 1]}…"
