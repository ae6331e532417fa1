"""Plan which commands a platform offers in its own way, within its limits; nothing is sent that it would refuse.

What does not fit is not lost: `/qd NAME …`, the umbrella, reaches every command, and so does a typed line. When there
is not room for all, those that more people may use come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import NotFound
from quarterdeck.core.person import ROLES
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass
from quarterdeck.router.addressing import UMBRELLA_COMMAND, UMBRELLA_REST
from quarterdeck.router.command.catalogue import UMBRELLA
from quarterdeck.runtime.platform_facts import CommandLimits, PlatformFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """Name a command that is reached below the umbrella, and why."""

    command: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hold what a platform is to offer: `commands` as it takes them, the umbrella among them where it is needed."""

    platform: str
    commands: tuple[Command, ...] = ()
    surplus: tuple[Surplus, ...] = ()

    @property
    def native(self) -> tuple[str, ...]:
        """Name the commands that are offered themselves."""
        return tuple(command.name for command in self.commands if command.name != UMBRELLA)


def plan(facts: PlatformFacts, commands: Iterable[Command]) -> Plan:
    """Return what the platform is to offer; nothing where it has no commands of its own."""
    if not facts.has(Ability.COMMANDS):
        return Plan(platform=facts.id)
    limits, surplus, fitting = facts.limits, [], []
    for command in sorted(commands, key=_reach):
        taken = _taken(command, limits)
        why = next(_misfits(taken, limits), "")
        if why:
            surplus.append(Surplus(command=command.name, why=why))
        else:
            fitting.append(taken)
    kept = _room(fitting, limits, has_umbrella=limits.umbrella == "always" or bool(surplus))
    if len(kept) < len(fitting):
        kept = _room(fitting, limits, has_umbrella=True)
        why = f"{facts.name} takes no more than {_most(limits)}"
        surplus += [Surplus(command=command.name, why=why) for command in fitting[len(kept) :]]
    offered = [*kept, umbrella()] if surplus or limits.umbrella == "always" else kept
    return Plan(
        platform=facts.id,
        commands=tuple(sorted(offered, key=lambda command: command.name)),
        surplus=tuple(sorted(surplus, key=lambda one: one.command)),
    )


def umbrella() -> Command:
    """Return the command that reaches all others; `addressing` puts the one that it names in its place."""
    return Command(
        name=UMBRELLA,
        summary="Reach every command: /qd NAME and what it takes",
        handler=_unfolded,
        options=(
            Option(name=UMBRELLA_COMMAND, summary="The command's name; empty: help", positional=True),
            Option(name=UMBRELLA_REST, summary="What it takes, as it is typed", positional=True, rest=True),
        ),
        allow="viewer",
        lane="light",
        examples=("/qd help",),
    )


async def _unfolded(call: Call) -> Reply:
    raise NotFound("no command was named", hint="/help lists what there is")


def _reach(command: Command) -> tuple[int, str]:
    """Order commands by how many may use them, then by name."""
    return (ROLES.index(command.allow) if command.allow in ROLES else len(ROLES), command.name)


def _taken(command: Command, limits: CommandLimits) -> Command:
    """Return the command as the platform takes it: more choices than it can list become free text."""
    return replace(command, options=tuple(_taken_option(option, limits) for option in command.options))


def _taken_option(option: Option, limits: CommandLimits) -> Option:
    is_long = limits.choice_length and any(len(choice) > limits.choice_length for choice in option.choices)
    if option.choices and (is_long or (limits.choices and len(option.choices) > limits.choices)):
        return replace(option, kind="string", choices=(), complete=_completer(option.choices))
    return option


class _completer:  # noqa: N801  stands where a function stands
    """Complete among choices that are too many to be listed."""

    def __init__(self, choices: Sequence[str]) -> None:
        self._choices = list(choices)

    async def __call__(self, typed: str) -> list[str]:
        return self._choices


def _misfits(command: Command, limits: CommandLimits) -> Iterator[str]:
    """Yield what about one command the platform would refuse."""
    name = command.name
    if len(name) > limits.command_name or not set(limits.command_name_letters).issuperset(name):
        yield "its name has other letters, or more of them, than are allowed there"
    if name in limits.taken:
        yield "the platform has a command of its own of that name"
    if limits.command_summary and len(command.summary) > limits.command_summary:
        yield f"its summary has more than {limits.command_summary} characters"
    if limits.options and len(command.options) > limits.options:
        yield f"it has more than {limits.options} options"
    for option in command.options:
        if limits.option_name and len(option.name) > limits.option_name:
            yield f"the name of {option.name!r} has more than {limits.option_name} characters"
        if limits.option_summary and len(option.summary) > limits.option_summary:
            yield f"the summary of {option.name!r} has more than {limits.option_summary} characters"
    if limits.command_size and _size(command) > limits.command_size:
        yield f"its names, summaries and choices have more than {limits.command_size} characters"


def _size(command: Command) -> int:
    """Count characters as platforms do: a choice has a label and a value."""
    texts = [command.name, command.summary]
    for option in command.options:
        texts += [option.name, option.summary, *option.choices, *option.choices]
    return sum(map(len, texts))


def _room(commands: Sequence[Command], limits: CommandLimits, *, has_umbrella: bool) -> list[Command]:
    """Return as many of the commands, from the first, as there is room for."""
    above = [umbrella()] if has_umbrella else []
    for count in range(len(commands), -1, -1):
        chosen = [*commands[:count], *above]
        size = sum(len(f"{command.name}{command.summary}".encode()) for command in chosen)
        is_many = limits.commands and len(chosen) > limits.commands
        if not is_many and not (limits.set_bytes and size > limits.set_bytes):
            return list(commands[:count])
    return []


def _most(limits: CommandLimits) -> str:
    bounds = [f"{limits.commands} commands"] if limits.commands else []
    bounds += [f"{limits.set_bytes} bytes of names and summaries"] if limits.set_bytes else []
    return ", or ".join(bounds)
