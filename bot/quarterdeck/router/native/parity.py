"""Say for each platform and each need of a command: native, by which fallback, or not at all.

The abilities are those that the platforms' `platform.yaml` declare; a test holds the adapters to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Command
from quarterdeck.core.value import dataclass

How = Literal["native", "fallback", "refused"]

LABELS: Mapping[str, str] = {
    "commands": "Commands in its own menu",
    "completion": "Completion while typing",
    "form": "A form for missing options",
    "buttons": "Buttons",
    "private": "An answer for one person alone",
    "thread": "A thread of its own",
    "file": "Files, in and out",
}
"""Everything that a command can need, as people call it."""

_WITH: Mapping[str, Ability] = {
    "commands": Ability.COMMANDS,
    "completion": Ability.COMPLETION,
    "form": Ability.FORMS,
    "buttons": Ability.BUTTONS,
    "private": Ability.PRIVATE,
    "thread": Ability.THREADS,
    "file": Ability.FILES,
}
_INSTEAD: Mapping[str, str] = {
    "commands": "the same command line, typed",
    "completion": "a refusal that lists what is allowed",
    "form": "one question after the other",
    "buttons": "numbered choices, or command lines to type",
    "private": "in the direct conversation",
    "thread": "in the conversation itself",
}
"""What the core does where the ability is missing; a need that is not named here cannot be met without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Say how one platform meets one need."""

    platform: str
    need: str
    how: How
    instead: str = ""

    def __str__(self) -> str:
        return self.instead if self.how == "fallback" else "yes" if self.how == "native" else "no"


def parity(platform: str, need: str, abilities: Collection[Ability]) -> Parity:
    """Return how a platform with these abilities meets a need."""
    if _WITH[need] in abilities:
        return Parity(platform=platform, need=need, how="native")
    if need in _INSTEAD:
        return Parity(platform=platform, need=need, how="fallback", instead=_INSTEAD[need])
    return Parity(platform=platform, need=need, how="refused")


def needs_of(command: Command) -> frozenset[str]:
    """Return what a command cannot do without, what its options imply included."""
    needs: set[str] = set(command.needs)
    if any(option.kind == "file" and option.required for option in command.options):
        needs.add("file")
    return frozenset(needs)


def unmet(command: Command, abilities: Collection[Ability]) -> str:
    """Say what keeps a command from running on a platform with these abilities; empty when nothing does."""
    needs = needs_of(command)
    if not needs:
        return ""
    missing = [LABELS[need].lower() for need in sorted(needs) if parity("", need, abilities).how == "refused"]
    return f"/{command.name} needs what this platform does not have: {', '.join(missing)}" if missing else ""


def report(commands: Iterable[Command], abilities: Mapping[str, Collection[Ability]]) -> Iterator[Parity]:
    """Yield how each platform meets each need that at least one of the commands has."""
    needed = {need for command in commands for need in needs_of(command)}
    for need in LABELS:
        if need in needed:
            yield from (parity(platform, need, has) for platform, has in abilities.items())


def table(abilities: Mapping[str, Collection[Ability]], names: Mapping[str, str]) -> str:
    """Return the whole of it as a Markdown table: a row for each need, a column for each platform."""
    head = ["what", *(names[platform] for platform in abilities)]
    rows = [
        [label, *(str(parity(platform, need, has)) for platform, has in abilities.items())]
        for need, label in LABELS.items()
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def notes(fallbacks: Mapping[str, Mapping[Ability, str]], names: Mapping[str, str]) -> str:
    """Return what is particular to each platform, as a Markdown list."""
    lines = [
        f"- {names[platform]}, {ability.value}: {sentence}"
        for platform, sentences in fallbacks.items()
        for ability, sentence in sorted(sentences.items())
    ]
    return "\n".join(lines)
