"""Keep the bot's commands by scope and language (Bot API, BotCommandScope, 2026-11-21)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from quarterdeck.testing.simulator.telegram.parameters import Call
from quarterdeck.testing.simulator.telegram.refusal import bad
from quarterdeck.testing.simulator.telegram.world import Chat, World

NAME: Final = re.compile(r"/?[a-z0-9_]{1,32}")
DESCRIPTION_LIMIT: Final = 256
COUNT_LIMIT: Final = 100
PLAIN_SCOPES: Final = frozenset(
    {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
)
CHAT_SCOPES: Final = frozenset({"chat", "chat_administrators", "chat_member"})
Scope = tuple[str, int, int]
Menu = list[dict[str, str]]


class CommandMenu:
    """Answer setMyCommands, getMyCommands and deleteMyCommands, and say what a client offers to somebody."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._menus: dict[tuple[Scope, str], Menu] = {}

    def set(self, call: Call) -> bool:
        """Answer setMyCommands; nothing changes when one of the commands is refused."""
        scope, language = self._scope(call.json("scope")), language_of(call)
        commands = call.json("commands")
        if commands is None:
            commands = []
        if not isinstance(commands, Sequence) or isinstance(commands, str):
            raise bad("expected an Array of BotCommand")
        if len(commands) > COUNT_LIMIT:
            raise bad("BOT_COMMANDS_TOO_MUCH")
        menu = [read_command(command) for command in commands]
        if menu:
            self._menus[scope, language] = menu
        else:
            self._menus.pop((scope, language), None)
        return True

    def get(self, call: Call) -> Menu:
        """Answer getMyCommands."""
        return self._menus.get((self._scope(call.json("scope")), language_of(call)), [])

    def delete(self, call: Call) -> bool:
        """Answer deleteMyCommands."""
        self._menus.pop((self._scope(call.json("scope")), language_of(call)), None)
        return True

    def offered(self, chat: Chat, handle: str, language: str = "en") -> Menu:
        """Return what the client of somebody offers in a chat: the menu of the narrowest scope that has one."""
        user_id = self._world.user(handle).id
        is_private = chat.type == "private"
        scopes: list[Scope] = [("chat", chat.id, 0)]
        if not is_private:
            scopes.insert(0, ("chat_member", chat.id, user_id))
        if handle in chat.admins:
            scopes[1:1] = [("chat_administrators", chat.id, 0)]
            scopes.append(("all_chat_administrators", 0, 0))
        scopes += [("all_private_chats" if is_private else "all_group_chats", 0, 0), ("default", 0, 0)]
        if is_private:
            scopes[0] = ("chat", chat.id, 0)
        for scope in scopes:
            for spoken in (language, ""):
                if menu := self._menus.get((scope, spoken)):
                    return menu
        return []

    def _scope(self, value: object) -> Scope:
        if value is None:
            return ("default", 0, 0)
        if not isinstance(value, Mapping):
            raise bad("can't parse BotCommandScope: BotCommandScope must be an Object")
        kind = value.get("type")
        if kind in PLAIN_SCOPES:
            return (str(kind), 0, 0)
        if kind not in CHAT_SCOPES:
            raise bad("can't parse BotCommandScope: Unsupported type specified")
        if value.get("chat_id") in (None, ""):
            raise bad("can't parse BotCommandScope: Empty chat_id specified")
        chat = self._world.chat_for(as_number(value["chat_id"]), write=False)
        user_id = as_number(value.get("user_id", 0))
        if kind == "chat_member" and user_id <= 0:
            raise bad("can't parse BotCommandScope: Invalid user_id specified")
        if kind != "chat" and chat.type == "private":
            raise bad("can't change commands of a private chat for its administrators or members")
        return (str(kind), chat.id, user_id if kind == "chat_member" else 0)


def as_number(value: object) -> int:
    """Return a number that may stand there as text, 0 for what is none."""
    return (
        int(value)
        if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"-?\d+", value))
        else 0
    )


def language_of(call: Call) -> str:
    """Return the language of a menu.

    Raises:
        Refused: it is not two letters.
    """
    language = call.text("language_code")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad("language code is invalid")
    return language


def read_command(value: object) -> dict[str, str]:
    """Return one command.

    Raises:
        Refused: its name or its description is not right.
    """
    if not isinstance(value, Mapping):
        raise bad("can't parse BotCommand: expected an Object")
    given: dict[str, Any] = {name: value.get(name) for name in ("command", "description")}
    for name, text in given.items():
        if not isinstance(text, str):
            raise bad(f"can't parse BotCommand: Can't find field \"{name}\"")
    if not NAME.fullmatch(given["command"]):
        raise bad("BOT_COMMAND_INVALID")
    if not 1 <= len(given["description"].strip()) <= DESCRIPTION_LIMIT:
        raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": given["command"].removeprefix("/"), "description": given["description"].strip()}
