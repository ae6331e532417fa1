"""Talk on a real terminal: history, completion, answers as they are written, and what is posted meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from quarterdeck.cli.client.completion import CommandCompleter, CommandLexer, KnownCommand
from quarterdeck.cli.client.screen import Screen
from quarterdeck.cli.client.talk import Item, Piece, Post, Talk
from quarterdeck.core.errors import QuarterdeckError, Unavailable
from quarterdeck.core.reply import Button

PROMPT: Final = "› "
HISTORY_MODE: Final = 0o600
STYLE: Final = Style.from_dict({"bottom-toolbar": "noreverse"})
DIM: Final = "ansibrightblack"


class Interrupted(Exception):
    """Ctrl-C at the prompt: not this line."""


class Terminal:
    """Read lines from a person until Ctrl-D; Ctrl-C gives up a line, or the waiting for its answer."""

    def __init__(
        self,
        talk: Talk,
        commands: dict[str, KnownCommand],
        *,
        timeout_s: float,
        history: Path,
        clean: Callable[[str], str],
    ) -> None:
        self._talk, self._timeout_s = talk, timeout_s
        self._screen = Screen(clean)
        self._buttons: tuple[Button, ...] = ()
        self._waiting: asyncio.Task[Post] | None = None
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            history=open_history(history),
            completer=CommandCompleter(commands, self._known_buttons),
            lexer=CommandLexer(commands),
            bottom_toolbar=FormattedText([(DIM, f" {talk.identity} in {talk.conversation}")]),
            key_bindings=_bindings(),
            style=STYLE,
            enable_suspend=True,
            interrupt_exception=Interrupted,
        )

    async def run(self) -> None:
        """Talk until the person has enough.

        Raises:
            Unavailable: the bot ended.
        """
        self._screen.note("Try /help, or `quarterdeck knowledge add FOLDER` and then /ask. Ctrl-D ends.")
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            while (line := await self._read()) is not None:
                if line.strip():
                    await self._answer(line)
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _read(self) -> str | None:
        """Return the next line, or None at the end; what is posted meanwhile appears above it."""
        with patch_stdout(raw=True):
            return await self._talk.meanwhile(self._typed(), self._see_meanwhile)

    async def _typed(self) -> str | None:
        try:
            return await self._session.prompt_async(handle_sigint=False)
        except Interrupted:
            return ""
        except EOFError:
            return None

    async def _answer(self, line: str) -> None:
        others: list[Post] = []
        try:
            with self._screen.writing() as write:
                post = await self._wait_for_answer(line, write, others)
        except TimeoutError:
            self._screen.note(f"No answer within {self._timeout_s:g} s. It appears here when it comes.")
        except asyncio.CancelledError:
            if _is_ending():
                raise
            self._screen.note("Not waiting any longer. The answer appears here when it comes.")
        except Unavailable:
            raise
        except QuarterdeckError as error:
            self._screen.complaint(f"{error.message}\n{error.hint}".rstrip())
        else:
            self._see(post)
        finally:
            self._waiting = None
        for other in others:
            self._see_meanwhile(other)

    async def _wait_for_answer(self, line: str, write: Callable[[str], None], others: list[Post]) -> Post:
        """Say the line in a task of its own, which Ctrl-C can cancel."""
        cause = ""

        def see(item: Item) -> None:
            if isinstance(item, Post):
                others.append(item)
            elif item.cause == cause:
                write(item.text)

        async def exchange() -> Post:
            nonlocal cause
            async with asyncio.timeout(self._timeout_s):
                cause = await self._talk.say(line)
                return await self._talk.answer_to(cause, see)

        self._waiting = asyncio.create_task(exchange())
        return await self._waiting

    def _interrupt(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _see(self, post: Post) -> None:
        self._buttons = post.reply.card.buttons if post.reply.card else self._buttons
        self._screen.reply(post.reply)

    def _see_meanwhile(self, item: Item) -> None:
        if isinstance(item, Piece):  # of an answer that somebody else waits for
            return
        self._screen.note("posted meanwhile:")
        self._see(item)

    def _known_buttons(self) -> Sequence[Button]:
        return self._buttons


def open_history(path: Path) -> History:
    """Return what was typed earlier, readable by its owner only; in memory where the file cannot be used."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, HISTORY_MODE))
        path.chmod(HISTORY_MODE)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


def _is_ending() -> bool:
    """Tell whether this task itself is being cancelled, rather than what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings
