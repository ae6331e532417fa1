"""Hold every command that is found to what the router, the platforms and people may expect of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quarterdeck.core.command import Command
from quarterdeck.core.help import help_for, usage
from quarterdeck.router.command.catalogue import discover
from quarterdeck.router.command.syntax import parse, split, wants_help

COMMANDS = discover("quarterdeck.commands").all()
EVERY = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
LIGHT = {"approve", "cancel", "deny", "ping", "echo", "help", "whoami", "why", "link", "status", "delivery"}


@EVERY
def test_its_examples_are_written_correctly(command: Command) -> None:
    """People copy examples; each must be understood as it stands."""
    assert command.examples
    for example in command.examples:
        line = split(example)
        assert line is not None, example
        named = next(one for one in COMMANDS if one.name == line.name)
        parse(named, line.rest)


@EVERY
def test_its_help_says_all_there_is(command: Command) -> None:
    """Usage, summary, every option, every example."""
    text = help_for(command).text

    wanted = [
        usage(command),
        command.summary,
        *command.examples,
        *(option.summary for option in command.options),
    ]
    assert [] == [part for part in wanted if part not in text]


@EVERY
def test_what_changes_something_is_not_for_viewers(command: Command) -> None:
    """Viewers look."""
    assert command.allow != "viewer" or command.effect in ("none", "read")


@EVERY
def test_its_handler_is_a_coroutine_and_its_lane_is_right(command: Command) -> None:
    """Light commands pass the others; only what needs no model and no search may be one."""
    assert asyncio.iscoroutinefunction(command.handler)
    assert command.lane == "heavy" or command.name in LIGHT


@EVERY
def test_help_can_be_asked_for_or_text_is_verbatim(command: Command) -> None:
    """`--help` must not be swallowed by accident."""
    is_verbatim = bool(command.options) and command.options[0].rest and command.options[0].kind == "text"

    assert wants_help(command, "--help") != is_verbatim


def test_an_owners_command_is_found_by_its_place(tmp_path: Path) -> None:
    """One file in the owner's folder is a command; one of the same name as ours takes its place."""
    for name in ("greet", "ping"):
        (tmp_path / f"{name}.py").write_text(
            "from quarterdeck.core.command import Call, Command\n"
            "from quarterdeck.core.reply import Reply\n"
            "async def run(call: Call) -> Reply:\n"
            "    return Reply(text='hi')\n"
            f"COMMAND = Command(name={name!r}, summary='Ours', handler=run)\n"
        )
    (tmp_path / "_notes.py").write_text("nonsense(")

    found = discover("quarterdeck.commands", tmp_path)

    assert ["Ours", "Ours"] == [found.get(name).summary for name in ("greet", "ping")]
    assert {"greet"} == {command.name for command in found.all()} - {command.name for command in COMMANDS}
