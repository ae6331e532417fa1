"""Talk in a pipe: one line in is one message, and its answer is written before the next line is sent.

What other people or schedules post meanwhile is not for whoever wrote the line, and is not written.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Final

from quarterdeck.cli.client.lines import text_of
from quarterdeck.cli.client.talk import Item, Talk
from quarterdeck.core.errors import QuarterdeckError, Unavailable, UserError
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import printable

SEPARATOR: Final = "---"

Format = Callable[[int, str, Reply], str]
Write = Callable[[str], None]


class Pipe:
    """Answer lines in order. `clean` takes secrets out of what is written."""

    def __init__(
        self, talk: Talk, *, timeout_s: float, format_: Format, write: Write, clean: Callable[[str], str]
    ) -> None:
        self._talk, self._timeout_s = talk, timeout_s
        self._format, self._write, self._clean = format_, write, clean
        self._count = 0
        self._has_failed = False

    async def run(self, lines: AsyncIterator[bytes]) -> bool:
        """Answer each line that is not empty; returns whether all went well.

        Raises:
            Unavailable: the bot ended; the line that it left unanswered has its error written first.
            UserError: the lines cannot be read.
        """
        while (line := await self._talk.meanwhile(_next_of(lines), _ignore)) is not None:
            if line.strip():
                self._count += 1
                await self._answer(line)
        return not self._has_failed

    async def _answer(self, line: bytes) -> None:
        cause = ""
        try:
            async with asyncio.timeout(self._timeout_s):
                cause = await self._talk.say(text_of(line))
                post = await self._talk.answer_to(cause, _ignore)
        except TimeoutError:
            self._show(cause, Reply(text=f"No answer within {self._timeout_s:g} s.", status="error"))
        except QuarterdeckError as error:
            self._show(cause, Reply(text=_sentences(error), status="error"))
            if isinstance(error, Unavailable):
                raise
        else:
            self._show(cause, post.reply)

    def _show(self, cause: str, reply: Reply) -> None:
        self._has_failed = self._has_failed or reply.status == "error"
        self._write(self._clean(self._format(self._count, cause, reply)))


def json_line(n: int, cause: str, reply: Reply) -> str:
    """Write a reply as one JSON object on a line."""
    buttons = reply.card.buttons if reply.card else ()
    return json.dumps(
        {
            "n": n,
            "id": cause,
            "status": reply.status,
            "text": reply.text,
            "citations": [
                {"n": one.n, "document": one.document, "heading": one.heading, "url": one.url}
                for one in reply.citations
            ],
            "buttons": [{"id": one.id, "label": one.label} for one in buttons],
            "files": [{"name": one.name, "path": one.path} for one in reply.files],
            "run_id": reply.run_id,
        },
        ensure_ascii=_is_terminal(),  # escapes what a terminal would obey
    )


def plain(n: int, cause: str, reply: Reply) -> str:
    """Write a reply as text, what hangs on it below, and a line of three dashes."""
    buttons = reply.card.buttons if reply.card else ()
    lines = [reply.text] if reply.text else []
    lines += [f"[{button.label}] /press {button.id}" for button in buttons]
    lines += [f"{file.name}: {file.path}" for file in reply.files]
    text = "\n".join([*lines, SEPARATOR])
    return printable(text) if _is_terminal() else text


def write_line(text: str) -> None:
    """Write a line to standard output at once, as UTF-8 whatever the locale says.

    Past Python's buffer, which would fail once more at the end of the program.

    Raises:
        UserError: the disk is full, or there is no standard output.
        BrokenPipeError: whoever read it has read enough.
    """
    if sys.stdout is None:
        raise UserError("there is no standard output to write answers to")
    try:
        left = memoryview(f"{text}\n".encode("utf-8", "backslashreplace"))
        while left:
            left = left[os.write(sys.stdout.fileno(), left) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"the answer cannot be written: {error.strerror}") from error


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


async def _next_of(lines: AsyncIterator[bytes]) -> bytes | None:
    return await anext(lines, None)


def _ignore(item: Item) -> None:
    """See nothing."""


def _sentences(error: QuarterdeckError) -> str:
    text = error.message[:1].upper() + error.message[1:]
    return f"{text}\n{error.hint[:1].upper()}{error.hint[1:]}" if error.hint else text
