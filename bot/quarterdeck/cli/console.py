"""`quarterdeck console`: talk with the bot in the terminal, through the same router as everywhere."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Final

import click

from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.core.person import Identity

if TYPE_CHECKING:
    from quarterdeck.cli.client.talk import Talk
    from quarterdeck.core.ports import Json

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
LONGEST_TIMEOUT_S: Final = 86_400.0
SIGNALLED: Final = 128  # a shell's exit status of what a signal ended is this plus its number


def _seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not 0 < value <= LONGEST_TIMEOUT_S:  # also refuses what is not a number
        raise click.BadParameter(f"{value:g} is not in the range 0 < x <= {LONGEST_TIMEOUT_S:g}.")
    return value


@click.command("console", cls=Verb)
@click.option(
    "--as", "identity", default="", metavar="IDENTITY", help="Speak as slack:T1:U1, not as yourself."
)
@click.option("--conversation", default="", metavar="ID", help="Speak there, not in your own conversation.")
@click.option(
    "--timeout",
    "timeout_s",
    type=float,
    default=120,
    show_default=True,
    callback=_seconds,
    help="Wait so many seconds for each answer.",
)
@click.pass_obj
def verb(invocation: Invocation, identity: str, conversation: str, timeout_s: float) -> int:
    """Talk with the bot.

    In a pipe, each line is one message and is answered in order; with --json, one JSON object a line.
    `/press ID` presses a button, `/upload PATH` sends a file. Exit status 1 when an answer is an error or
    does not come in time.

    \b
    Examples:
      quarterdeck console
      echo "/ask How do I rotate the certificate?" | quarterdeck console --json
    """
    from quarterdeck.cli.host import run

    if identity:
        Identity.parse(identity)
    if sys.stdin is None:  # it was closed before the program began: nothing will ever be said
        return 0
    return run(_until_told_to_end(_converse(invocation, identity, conversation, timeout_s)))


async def _converse(invocation: Invocation, identity: str, conversation: str, timeout_s: float) -> int:
    from quarterdeck.cli.client.talk import open_talk
    from quarterdeck.cli.host import reach

    files = invocation.loaded.settings.paths().files
    async with (
        reach(invocation, "console") as door,
        open_talk(door, identity=identity, conversation=conversation, files=files) as talk,
    ):
        if not invocation.as_json and _is_terminal():
            listed = await door.call("commands.list", {})
            return await _in_terminal(invocation, talk, listed, timeout_s)
        return await _in_pipe(invocation, talk, timeout_s)


async def _in_pipe(invocation: Invocation, talk: Talk, timeout_s: float) -> int:
    from quarterdeck.cli.client.lines import lines_of
    from quarterdeck.cli.client.piped import Pipe, json_line, plain, write_line

    pipe = Pipe(
        talk,
        timeout_s=timeout_s,
        format_=json_line if invocation.as_json else plain,
        write=write_line,
        clean=invocation.clean,
    )
    return 0 if await pipe.run(lines_of(sys.stdin.fileno())) else 1


async def _in_terminal(invocation: Invocation, talk: Talk, listed: Json, timeout_s: float) -> int:
    from quarterdeck.cli.client.completion import known_commands
    from quarterdeck.cli.client.terminal import Terminal

    terminal = Terminal(
        talk,
        known_commands(listed),
        timeout_s=timeout_s,
        history=invocation.loaded.settings.paths().console_history,
        clean=invocation.clean,
    )
    await terminal.run()
    return 0


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()


async def _until_told_to_end(work: Coroutine[object, object, int]) -> int:
    """Return the exit status of `work`; a signal to end cancels it, so that everything is closed."""
    told: list[int] = []
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work, name="console")

    def end(number: int) -> None:
        told.append(number)
        task.cancel()

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if told:
            return SIGNALLED + told[0]
        raise
    finally:
        for number in ENDING_SIGNALS:
            loop.remove_signal_handler(number)
