"""Find the commands there are: one file each, named as the command, in our package and in the owner's folder."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import get_args

from quarterdeck.core.command import Command, Effect, Lane, Need, Option, OptionKind
from quarterdeck.core.errors import QuarterdeckError, SetupError, UsageError
from quarterdeck.core.person import ROLES
from quarterdeck.router.command.pattern import check_pattern
from quarterdeck.router.command.values import Reading, read_value

NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
NAME_LIMIT = 32  # Discord application commands page, 2026-11-21: 1-32 lower-case letters
SUMMARY_LIMIT = 100  # the same page: descriptions of commands and options, 1-100 characters
UMBRELLA = "qd"  # the command that reaches all others where a platform does not take them all
TEXTS = ("string", "text")
MEASURED = ("integer", "number", "duration")
COMPLETED = ("string", "integer", "number", "user", "channel", "role", "datetime", "duration")
ABOUT_TO_BE = ("datetime", "user", "channel", "role", "file")  # kinds whose values have no fixed default


class Catalogue:
    """Hold every command by name (the `Commands` port)."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands: dict[str, Command] = {}
        for command in commands:
            check(command)
            self._commands[command.name] = command  # the owner's come last and win
        self.hidden: Callable[[str], Command | None] = lambda _name: None
        """Find a command that no list shows: one that takes the answer to a question."""
        self.more: Callable[[], Mapping[str, Command]] = dict
        """Return commands that come and go: those of workflows. One of ours or the owner's of the same name wins."""

    def all(self) -> tuple[Command, ...]:
        """Return every command that lists show, by name."""
        found = {**self.more(), **self._commands}
        return tuple(one for _, one in sorted(found.items()) if not one.is_quiet)

    def fixed(self) -> Catalogue:
        """Return the commands that stay as they are."""
        return Catalogue(self._commands.values())

    def get(self, name: str) -> Command | None:
        """Return the command of this name, without the slash."""
        name = name.lower()
        return self._commands.get(name) or self.more().get(name) or self.hidden(name)


def discover(package: str, folder: Path | None = None) -> Catalogue:
    """Collect `COMMAND` of each module in `package`, then of each `*.py` in the owner's `folder`.

    Raises:
        SetupError: a file cannot be imported, or declares no sound command; names the file.
    """
    return Catalogue([*_of_package(package), *(_of_folder(folder) if folder and folder.is_dir() else ())])


def check(command: Command) -> None:
    """Hold a declaration to what every platform can show.

    Raises:
        SetupError: names the command and what is wrong with it.
    """
    problems = [*_name_problems(command), *_fact_problems(command), *_option_problems(command)]
    if problems:
        raise SetupError(f"the command {command.name!r} is declared wrongly: {problems[0]}", key=command.name)


def _of_package(package: str) -> Iterator[Command]:
    home = importlib.import_module(package)
    for module in pkgutil.iter_modules(home.__path__):
        yield _declared(importlib.import_module(f"{package}.{module.name}"), module.name)


def _of_folder(folder: Path) -> Iterator[Command]:
    for path in sorted(folder.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        spec = importlib.util.spec_from_file_location(f"quarterdeck_user_commands.{path.stem}", path)
        if spec is None or spec.loader is None:
            raise SetupError(f"{path} cannot be imported", file=str(path))
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except QuarterdeckError:
            raise
        except Exception as error:  # the owner's code may fail in any way
            raise SetupError(f"{path.name} cannot be imported: {error!r}", file=str(path)) from error
        yield _declared(module, path.stem)


def _declared(module: ModuleType, stem: str) -> Command:
    command = getattr(module, "COMMAND", None)
    name = stem.rstrip("_")
    if not isinstance(command, Command) or command.name != name:
        raise SetupError(
            f"{module.__file__} declares no command called {name!r}",
            hint=f"write COMMAND = Command(name={name!r}, …)",
            file=module.__file__,
        )
    return command


def _name_problems(command: Command) -> Iterator[str]:
    for name in (command.name, *(option.name for option in command.options)):
        if not name or len(name) > NAME_LIMIT or not NAME_LETTERS.issuperset(name):
            yield f"{name!r} must be 1 to {NAME_LIMIT} of a-z, 0-9, - and _"
    for summary in (command.summary, *(option.summary for option in command.options)):
        if not summary or len(summary) > SUMMARY_LIMIT:
            yield f"the summary {summary[:30]!r} must have 1 to {SUMMARY_LIMIT} characters"
    if command.name == UMBRELLA:
        yield f"/{UMBRELLA} is the way to all other commands"
    if command.allow not in ROLES:
        yield f"{command.allow!r} is no role"


def _fact_problems(command: Command) -> Iterator[str]:
    if command.effect not in get_args(Effect):
        yield f"the effect {command.effect!r} is none of {', '.join(get_args(Effect))}"
    if command.lane not in get_args(Lane):
        yield f"the lane {command.lane!r} is none of {', '.join(get_args(Lane))}"
    for need in command.needs:
        if need not in get_args(Need):
            yield f"the need {need!r} is none of {', '.join(get_args(Need))}"
    if command.cooldown_s < 0:
        yield "the cooldown is less than nothing"


def _option_problems(command: Command) -> Iterator[str]:
    names = [option.name for option in command.options]
    if len(set(names)) != len(names):
        yield "two options have the same name"
    for option in command.options[:-1]:
        if option.rest:
            yield f"{option.name!r} takes the rest and must come last"
    yield from (problem for option in command.options for problem in _kind_problems(option))


def _kind_problems(option: Option) -> Iterator[str]:
    if option.kind not in get_args(OptionKind):
        yield f"{option.name!r}: the kind {option.kind!r} is none of {', '.join(get_args(OptionKind))}"
        return
    if (option.kind == "choice") != bool(option.choices):
        yield f"{option.name!r}: choices belong to the kind `choice`, and it needs some"
    if len({choice.lower() for choice in option.choices}) != len(option.choices):
        yield f"{option.name!r}: two choices differ in nothing but case"
    if option.required and option.default is not None:
        yield f"{option.name!r} is required, so its default does nothing"
    if option.complete is not None and option.kind not in COMPLETED:
        yield f"{option.name!r}: nothing can be completed in the kind `{option.kind}`"
    yield from _bound_problems(option)
    if option.default is not None:
        yield from _default_problems(option)


def _bound_problems(option: Option) -> Iterator[str]:
    has_bounds = option.minimum is not None or option.maximum is not None
    if has_bounds and option.kind not in MEASURED:
        yield f"{option.name!r}: minimum and maximum belong to the kinds {', '.join(MEASURED)}"
    if option.minimum is not None and option.maximum is not None and option.minimum > option.maximum:
        yield f"{option.name!r}: the minimum is more than the maximum"
    if option.max_length is not None and (option.kind not in TEXTS or option.max_length < 1):
        yield f"{option.name!r}: max_length belongs to the kinds {', '.join(TEXTS)}, and is 1 or more"
    if option.pattern and option.kind not in TEXTS:
        yield f"{option.name!r}: a pattern belongs to the kinds {', '.join(TEXTS)}"
    if option.pattern:
        try:
            check_pattern(option.pattern)
        except SetupError as error:
            yield f"{option.name!r}: {error.message}; {error.hint}"


def _default_problems(option: Option) -> Iterator[str]:
    if option.kind in ABOUT_TO_BE:
        yield f"{option.name!r}: the kind `{option.kind}` has no default"
        return
    given = spell_default(option)
    try:
        if read_value("", option, given, Reading()) != option.default:
            yield f"{option.name!r}: the default {option.default!r} is no {option.kind}"
    except UsageError as error:
        yield f"{option.name!r}: the default {option.default!r} is not allowed; {error.hint}"
    except SetupError:
        return  # the pattern itself is wrong, and said already


def spell_default(option: Option) -> object:
    """Return the default as it could be typed."""
    is_seconds = option.kind == "duration" and isinstance(option.default, int | float)
    return f"{option.default}s" if is_seconds else option.default
