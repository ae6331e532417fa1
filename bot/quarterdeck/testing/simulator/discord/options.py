"""Fill in a command's options as Discord's client does: typed, checked, with what ids stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from quarterdeck.testing.simulator.discord.bodies import channel_body, member_body, role_body, user_body
from quarterdeck.testing.simulator.discord.content import Upload, store
from quarterdeck.testing.simulator.discord.world import Channel, World

SUB, GROUP = 1, 2
STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
TRUE: Final = ("true", "yes", "on", "1")
Filled = dict[str, Any]


class Filling:
    """Fill in one command for somebody who stands in `channel`."""

    def __init__(self, world: World, channel: Channel, cdn: str) -> None:
        self._world, self._channel, self._cdn = world, channel, cdn
        self.resolved: dict[str, dict[str, Any]] = {}

    def fill(
        self, options: Sequence[Mapping[str, Any]], given: Mapping[str, object], focused: str = ""
    ) -> list[Filled]:
        """Return the options as an interaction brings them.

        Raises:
            LookupError: the command has no such option.
            ValueError: the client does not take a value, or misses one.
        """
        known = {str(option["name"]): option for option in options}
        for name in given:
            if name not in known:
                raise LookupError(f"there is no option {name!r}; there are {sorted(known)}")
        filled: list[Filled] = []
        for name, option in known.items():
            if name in given:
                value = str(given[name]) if name == focused else self._value(option, given[name])
                entry = {"name": name, "type": option["type"], "value": value}
                filled.append(entry | {"focused": True} if name == focused else entry)
            elif option.get("required") and not focused:
                raise ValueError(f"the option {name!r} is required")
        return filled

    def _value(self, option: Mapping[str, Any], given: object) -> object:
        readers: dict[int, Callable[[Mapping[str, Any], object], object]] = {
            STRING: self._string,
            INTEGER: self._number,
            NUMBER: self._number,
            BOOLEAN: lambda _, value: value if isinstance(value, bool) else str(value).lower() in TRUE,
            USER: self._user,
            MENTIONABLE: self._user,
            CHANNEL: self._channel_of,
            ROLE: self._role,
            ATTACHMENT: self._attachment,
        }
        return readers[int(option["type"])](option, given)

    def _string(self, option: Mapping[str, Any], given: object) -> object:
        text = str(given)
        if option.get("choices"):
            return chosen(option, text)
        least, most = option.get("min_length") or 0, option.get("max_length") or 6000
        if not least <= len(text) <= most:
            raise ValueError(f"{option['name']!r} takes {least} to {most} characters")
        return text

    def _number(self, option: Mapping[str, Any], given: object) -> object:
        if option.get("choices"):
            return chosen(option, str(given))
        try:
            value = int(str(given)) if option["type"] == INTEGER else float(str(given))
        except ValueError:
            raise ValueError(f"{option['name']!r} takes a number") from None
        least, most = option.get("min_value"), option.get("max_value")
        if (least is not None and value < least) or (most is not None and value > most):
            raise ValueError(f"{option['name']!r} takes {least} to {most}")
        return value

    def _user(self, option: Mapping[str, Any], given: object) -> str:
        person = self._world.person(bare(given))
        users, members = self.resolved.setdefault("users", {}), self.resolved.setdefault("members", {})
        users[str(person.id)] = user_body(person.id, person.handle)
        member = member_body(self._world, person, with_user=False)
        members[str(person.id)] = member | {"permissions": "0"}
        return str(person.id)

    def _channel_of(self, option: Mapping[str, Any], given: object) -> str:
        channel = self._world.named_channel(bare(given))
        if channel is None:
            raise ValueError(f"there is no channel {given!r}")
        body = channel_body(self._world, channel) | {"permissions": "0"}
        self.resolved.setdefault("channels", {})[str(channel.id)] = body
        return str(channel.id)

    def _role(self, option: Mapping[str, Any], given: object) -> str:
        number = self._world.role(bare(given))
        body = role_body(number, self._world.roles[number], 1)
        self.resolved.setdefault("roles", {})[str(number)] = body
        return str(number)

    def _attachment(self, option: Mapping[str, Any], given: object) -> str:
        if not isinstance(given, tuple) or len(given) != 2:
            raise ValueError(f"{option['name']!r} takes a file: its name and its bytes")
        name, content = given
        body = store(
            self._world, self._channel, Upload(0, name, content, "application/octet-stream"), self._cdn
        )
        self.resolved.setdefault("attachments", {})[body["id"]] = body | {"ephemeral": True}
        return str(body["id"])


def bare(given: object) -> str:
    """Return a name without the sign in front of it."""
    return str(given).lstrip("@#&")


def chosen(option: Mapping[str, Any], text: str) -> object:
    """Return the value of a choice by its name or its value.

    Raises:
        ValueError: there is no such choice.
    """
    for choice in option["choices"]:
        if text in (choice["name"], str(choice["value"])):
            return choice["value"]
    raise ValueError(f"{option['name']!r} takes one of {[choice['name'] for choice in option['choices']]}")


def find_command(
    commands: Mapping[str, Mapping[str, Any]], name: str
) -> tuple[Mapping[str, Any], list[str], Sequence[Mapping[str, Any]]]:
    """Return the command of a name like `delivery list`, the words below it, and the options there.

    Raises:
        LookupError: the client offers none of this name.
    """
    words = re.split(r"[ /]+", name.strip().lstrip("/"))
    command = commands.get(words[0])
    if command is None:
        raise LookupError(f"there is no command /{words[0]}; there are {sorted(commands)}")
    options: Sequence[Mapping[str, Any]] = command.get("options") or ()
    for word in words[1:]:
        inner = next((one for one in options if one["name"] == word and one["type"] in (SUB, GROUP)), None)
        if inner is None:
            raise LookupError(f"/{words[0]} has no {word!r}; it has {[one['name'] for one in options]}")
        options = inner.get("options") or ()
    if any(one["type"] in (SUB, GROUP) for one in options):
        raise LookupError(f"/{name} is not whole; it goes on with {[one['name'] for one in options]}")
    return command, words[1:], options


def nested(command: Mapping[str, Any], words: Sequence[str], filled: list[Filled]) -> list[Filled]:
    """Return filled options below the words that lead to them."""
    for depth, word in reversed(list(enumerate(words))):
        kind = GROUP if depth == 0 and len(words) == 2 else SUB
        filled = [{"name": word, "type": kind, "options": filled}]
    return filled
