"""Keep the application's commands, and check them (docs "Application Commands", 2026-11-21)."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from quarterdeck.testing.simulator.discord.refusal import Form, Refused, unknown
from quarterdeck.testing.simulator.discord.world import APPLICATION_ID, World

CHAT, USER, MESSAGE = 1, 2, 3
SUB, GROUP, STRING, INTEGER, NUMBER = 1, 2, 3, 4, 10
LEAF: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11)
LIMITS: Final = {CHAT: 100, USER: 15, MESSAGE: 15}
COMBINED_LIMIT: Final = 8000
WITH_CHOICES: Final = (STRING, INTEGER, NUMBER)


class Commands:
    """Hold the commands of each scope: 0 for everywhere, else a server's id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._scopes: dict[int, list[dict[str, Any]]] = {}
        self.overwrites = 0

    def in_scope(self, scope: int) -> list[dict[str, Any]]:
        """Return the commands of one scope."""
        return self._scopes.get(scope, [])

    def offered(self, scope: int) -> dict[str, dict[str, Any]]:
        """Return by name what a client offers there; a server's own command hides one of the same name."""
        usable = [one for one in self.in_scope(0) if scope or 1 in (one.get("contexts") or (0, 1, 2))]
        usable = [one for one in usable if scope or one.get("dm_permission", True)]
        return {one["name"]: one for one in [*usable, *(self.in_scope(scope) if scope else [])]}

    def overwrite(self, scope: int, value: object) -> list[dict[str, Any]]:
        """Take a whole set; the old one stays when anything in the new one is refused."""
        form = Form()
        commands = value if isinstance(value, list) else []
        if not isinstance(value, list):
            form.wrong("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        for at, command in enumerate(commands):
            check_command(form, str(at), command)
        form.check()
        names = [(command.get("type") or CHAT, command["name"]) for command in commands]
        for at, name in enumerate(names):
            if name in names[:at]:
                form.wrong(
                    str(at), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
                )
        form.check()
        for kind, limit in LIMITS.items():
            if sum(one[0] == kind for one in names) > limit:
                raise Refused(400, 30032, f"Maximum number of application commands reached ({limit})")
        self._scopes[scope] = [self._stored(scope, command) for command in commands]
        self.overwrites += 1
        return self._scopes[scope]

    def put(self, scope: int, command: dict[str, Any]) -> dict[str, Any]:
        """Take one command in, in place of one of the same name."""
        kind, name = command.get("type") or CHAT, command.get("name")
        others = [one for one in self.in_scope(scope) if (one["type"], one["name"]) != (kind, name)]
        return self.overwrite(scope, [*others, command])[-1]

    def change(self, scope: int, number: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Change one command."""
        found = self._find(scope, number)
        return self.put(scope, {**found, **changes, "name": changes.get("name", found["name"])})

    def remove(self, scope: int, number: int) -> None:
        """Take one command away."""
        self._scopes[scope].remove(self._find(scope, number))

    def _find(self, scope: int, number: int) -> dict[str, Any]:
        for command in self.in_scope(scope):
            if command["id"] == str(number):
                return command
        raise unknown(10063, "application command")

    def _stored(self, scope: int, command: dict[str, Any]) -> dict[str, Any]:
        kind = command.get("type") or CHAT
        same = [one for one in self.in_scope(scope) if (one["type"], one["name"]) == (kind, command["name"])]
        stored: dict[str, Any] = {
            "id": same[0]["id"] if same else str(self._world.snowflake()),
            "application_id": str(APPLICATION_ID),
            "version": str(self._world.snowflake()),
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "integration_types": [0],
            "description": "",
            "options": [],
        }
        stored |= {
            name: value
            for name, value in command.items()
            if (value is not None and name not in stored) or value
        }
        stored |= {"type": kind} | ({"guild_id": str(scope)} if scope else {})
        return stored


def check_command(form: Form, path: str, command: object) -> None:
    """Note what is wrong with a command."""
    if not isinstance(command, dict):
        form.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return
    kind = command.get("type") or CHAT
    form.choice(f"{path}.type", kind, (CHAT, USER, MESSAGE, 4))
    if kind != CHAT:
        form.text(f"{path}.name", command.get("name"), 32, shortest=1, needed=True)
        if command.get("description"):
            form.wrong(
                f"{path}.description",
                "APPLICATION_COMMAND_INVALID_DESCRIPTION",
                "Context menu commands cannot have description",
            )
        return
    check_name(form, f"{path}.name", command.get("name"))
    form.text(f"{path}.description", command.get("description"), 100, shortest=1, needed=True)
    check_options(form, f"{path}.options", command.get("options"), depth=0)
    if combined(command) > COMBINED_LIMIT:
        code = "APPLICATION_COMMAND_TOO_LARGE"
        form.wrong(path, code, f"Command exceeds maximum size ({COMBINED_LIMIT})")


def check_name(form: Form, path: str, value: object) -> None:
    """Note a name that is none: letters in lower case, digits, - _ ', up to 32."""
    name = form.text(path, value, 32, shortest=1, needed=True)
    if name and not all(is_name_sign(sign) for sign in name):
        form.wrong(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def is_name_sign(sign: str) -> bool:
    """Say whether a sign may stand in a name."""
    if sign in "-_'":
        return True
    return unicodedata.category(sign)[0] in "LN" and sign == sign.lower()


def check_options(form: Form, path: str, value: object, *, depth: int) -> None:
    """Note what is wrong with options: kinds mixed, the required ones not first, names twice."""
    options = form.items(path, value, 25)
    names: set[str] = set()
    was_optional = False
    kinds = {option.get("type") for option in options if isinstance(option, dict)}
    if kinds & {SUB, GROUP} and kinds & set(LEAF):
        form.wrong(
            path,
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all other types",
        )
    for at, option in enumerate(options):
        place = f"{path}.{at}"
        if not isinstance(option, dict):
            form.wrong(place, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            continue
        allowed = LEAF if depth == 2 else (SUB, *LEAF) if depth == 1 else (SUB, GROUP, *LEAF)
        form.choice(f"{place}.type", option.get("type"), allowed)
        check_name(form, f"{place}.name", option.get("name"))
        form.text(f"{place}.description", option.get("description"), 100, shortest=1, needed=True)
        if option.get("name") in names:
            form.wrong(path, "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED", "Option name duplicated")
        names.add(str(option.get("name")))
        if option.get("type") in (SUB, GROUP):
            check_options(
                form, f"{place}.options", option.get("options"), depth=2 if option["type"] == SUB else 1
            )
            continue
        if option.get("required") and was_optional:
            code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"
            form.wrong(place, code, "Required options must be placed before non-required options")
        was_optional = was_optional or not option.get("required")
        check_choices(form, place, option)


def check_choices(form: Form, path: str, option: dict[str, Any]) -> None:
    """Note what is wrong with what an option offers."""
    choices = form.items(f"{path}.choices", option.get("choices"), 25)
    kind = option.get("type")
    if (choices or option.get("autocomplete")) and kind not in WITH_CHOICES:
        form.wrong(
            path, "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", "This option type cannot have choices"
        )
    if choices and option.get("autocomplete"):
        code = "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID"
        form.wrong(path, code, "autocomplete and choices are mutually exclusive")
    for at, choice in enumerate(choices):
        check_choice(form, f"{path}.choices.{at}", choice, kind)
    for name in ("min_length", "max_length"):
        length = option.get(name)
        if length is not None and not (isinstance(length, int) and 0 <= length <= 6000):
            form.wrong(f"{path}.{name}", "NUMBER_TYPE_MAX", "int value should be less than or equal to 6000.")


def check_choice(form: Form, path: str, choice: dict[str, Any], kind: object) -> None:
    """Note what is wrong with one choice."""
    form.text(f"{path}.name", choice.get("name"), 100, shortest=1, needed=True)
    value = choice.get("value")
    if kind == STRING:
        form.text(f"{path}.value", value, 100, needed=True)
    elif (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (kind == INTEGER and value != int(value))
    ):
        form.wrong(
            f"{path}.value",
            "NUMBER_TYPE_COERCE",
            f'Value "{value}" is not {"int" if kind == INTEGER else "float"}.',
        )


def combined(command: dict[str, Any]) -> int:
    """Return the characters of names, descriptions and values in all."""
    size = len(str(command.get("name") or "")) + len(str(command.get("description") or ""))
    for option in command.get("options") or ():
        size += combined(option) if isinstance(option, dict) else 0
    for choice in command.get("choices") or ():
        size += len(str(choice.get("name") or "")) + len(str(choice.get("value") or ""))
    return size
