"""Explain one command in words; the same text stands behind `/help NAME` and `/NAME --help`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from quarterdeck.core.command import Command, Option
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import spell_duration

# fmt: off
FILLERS = frozenset({
    "a", "an", "and", "do", "for", "have", "how", "i", "in", "is", "it", "me",
    "my", "of", "on", "or", "something", "that", "the", "this", "to", "what",
})
# fmt: on


def help_for(command: Command) -> Reply:
    """Return how the command is written, its options and its examples."""
    lines = [f"`{usage(command)}`", command.summary]
    if command.detail:
        lines.append(command.detail)
    if command.options:
        lines.append(
            "\n".join(f"- `{option.name}`: {option.summary}{_limits(option)}" for option in command.options)
        )
    if command.cooldown_s:
        lines.append(f"One person may run it once in {spell_duration(command.cooldown_s)}.")
    if command.examples:
        lines.append("For example:\n" + "\n".join(f"- `{example}`" for example in command.examples))
    return Reply(text="\n\n".join(lines))


def _limits(option: Option) -> str:
    facts = limits_of(option)
    if option.default not in (None, ""):
        facts.append(f"{_spelt_default(option)} when left out")
    if option.required:
        facts.append("needed")
    return f" ({', '.join(facts)})" if facts else ""


def limits_of(option: Option, *, has_choices: bool = True) -> list[str]:
    """Return what a value may be, in words; without its choices where those are shown anyway."""
    facts: list[str] = [option.kind] if option.kind not in ("string", "text", "choice") else []
    if option.choices and has_choices:
        facts.append(" | ".join(option.choices))
    if option.minimum is not None:
        facts.append(f"from {spell_bound(option, option.minimum)}")
    if option.maximum is not None:
        facts.append(f"up to {spell_bound(option, option.maximum)}")
    if option.max_length is not None:
        facts.append(f"at most {option.max_length} characters")
    if option.pattern:
        facts.append(f"of the form {option.pattern}")
    return facts


def spell_bound(option: Option, bound: float) -> str:
    """Write a minimum or maximum as a person would type it."""
    return spell_duration(bound) if option.kind == "duration" else f"{bound:g}"


def _spelt_default(option: Option) -> str:
    if isinstance(option.default, bool):
        return "yes" if option.default else "no"
    if option.kind == "duration" and isinstance(option.default, int | float):
        return spell_duration(option.default)
    return str(option.default)


def search(commands: Iterable[Command], words: str) -> list[Command]:
    """Return the commands that fit the words, the best first; a word in the name counts for more than elsewhere."""
    wanted = [_stem(word) for word in _words(words) if word not in FILLERS]
    scored = [(_score(command, wanted), command.name, command) for command in commands]
    best = sorted((one for one in scored if one[0] > 0), key=lambda one: (-one[0], one[1]))
    return [command for _, _, command in best]


def _score(command: Command, wanted: Sequence[str]) -> int:
    options = [text for one in command.options for text in (one.name, one.summary, one.kind, *one.choices)]
    places = (
        (command.name, 8),
        (command.summary, 4),
        (" ".join(options), 2),
        (" ".join([command.detail, *command.examples]), 1),
    )
    stems = [(_stems(text), weight) for text, weight in places]
    return sum(max((weight for known, weight in stems if word in known), default=0) for word in wanted)


@lru_cache(maxsize=2_000)  # what commands say of themselves is looked through again and again
def _stems(text: str) -> frozenset[str]:
    return frozenset(map(_stem, _words(text)))


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


def _stem(word: str) -> str:
    """Let `schedules`, `scheduled` and `scheduling` be one word."""
    for end in ("ing", "ed", "es", "s", "e"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word.removesuffix(end)
    return word


def usage(command: Command) -> str:
    """Return how the command is written, on one line: `/deploy SERVICE [--env prod|staging]`."""
    return " ".join([f"/{command.name}", *(_shown(option) for option in command.options)])


def _shown(option: Option) -> str:
    values = "|".join(option.choices) if option.choices else option.name.upper()
    if option.rest or option.positional:
        shown = f"{values}…" if option.rest else values
    elif option.kind == "boolean":
        shown = f"--{option.name}"
    else:
        shown = f"--{option.name} {values}"
    return shown if option.required else f"[{shown}]"
