"""Explain one command in words; the same text stands behind `/help NAME` and `/NAME --help`."""

from __future__ import annotations

from quarterdeck.core.command import Command, Option
from quarterdeck.core.reply import Reply


def help_for(command: Command) -> Reply:
    """Return how the command is written, its options and its examples."""
    lines = [f"`{usage(command)}`", command.summary]
    if command.detail:
        lines.append(command.detail)
    if command.options:
        lines.append(
            "\n".join(f"- `{option.name}`: {option.summary}{_limits(option)}" for option in command.options)
        )
    if command.examples:
        lines.append("For example:\n" + "\n".join(f"- `{example}`" for example in command.examples))
    return Reply(text="\n\n".join(lines))


def _limits(option: Option) -> str:
    facts: list[str] = [option.kind] if option.kind not in ("string", "text", "choice") else []
    if option.choices:
        facts.append(" | ".join(option.choices))
    if option.minimum is not None:
        facts.append(f"from {option.minimum:g}")
    if option.maximum is not None:
        facts.append(f"up to {option.maximum:g}")
    if option.default not in (None, ""):
        facts.append(f"{option.default} when left out")
    if option.required:
        facts.append("needed")
    return f" ({', '.join(facts)})" if facts else ""


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
