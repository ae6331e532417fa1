"""Write logs: coloured lines on a terminal, JSON lines elsewhere; a record is always exactly one line.

What a record carries comes from outside, too: names, error texts of vendors. So secrets are taken out, and
line feeds, ANSI sequences and other control characters are escaped, before anything is written. And writing
never stops the bot: a full disk, a closed stderr or a reader that stands still costs lines, which are
counted, never the work.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import select
import sys
import threading
import traceback
import types
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from json import dumps
from typing import IO, Protocol, TextIO

from quarterdeck.core.text import printable
from quarterdeck.runtime.observability.metrics import LOG_ERRORS
from quarterdeck.runtime.process.descriptors import occupy_standard_descriptors

QUIET = (  # client libraries log URLs with tokens in them at INFO, and every request
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "openai",
    "anthropic",
    "aiohttp",
    "apscheduler",
    "dbos",
    "chromadb",
    "alembic",
    "sqlalchemy",
    "asyncio",
    "urllib3",
    "py.warnings",
)
BRINGS_ITS_OWN_HANDLER = ("dbos",)  # unless its logger has one already

LONGEST_VALUE = 4_000
LONGEST_TRACE = 20_000
MOST_FRAMES = 8
DEEPEST = 4
ATOMIC_BYTES = 4096  # PIPE_BUF on Linux: what a pipe that is writable takes without blocking
PATIENCE_MS = 200  # once for a reader that is slow; none while it stands still

COLOURS = {
    logging.DEBUG: "\x1b[2m",
    logging.INFO: "\x1b[36m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
FIELDS_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
OURS_IN_JSON = frozenset({"at", "level", "logger", "message", "exception", "stack"})

log = logging.getLogger(__name__)

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


class Cleaner(Protocol):
    """Take secrets out of text."""

    def clean(self, text: str) -> str:
        """Return `text` without any known secret."""


def configure(level: str, json: bool | None, redactor: Cleaner, *, stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream` (default: stderr), and what nobody caught as well.

    `level` is a name such as `INFO`; `json` None means: unless `stream` is a terminal. Calling again replaces
    what the last call set.
    """
    occupy_standard_descriptors()
    target = stream or sys.stderr
    is_terminal = target is not None and not target.closed and target.isatty()
    formatter: Formatter = HumanFormatter(redactor, has_colour=is_terminal)
    if json or (json is None and not is_terminal):
        formatter = JsonFormatter(redactor)
    handler = LineHandler(Outlet(stream))
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [old for old in root.handlers if type(old) in (LineHandler, logging.StreamHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    quieten(max(root.level, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _report_uncaught
    threading.excepthook = _report_uncaught_in_thread
    sys.unraisablehook = _report_unraisable


def quieten(level: int) -> None:
    """Let client libraries speak from `level` on, through our handler only."""
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.propagate = True
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        if name in BRINGS_ITS_OWN_HANDLER:
            logger.addHandler(logging.NullHandler())


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log what tasks and callbacks of `loop` raise when nobody awaits them."""
    loop.set_exception_handler(_report_unawaited)


class Formatter(logging.Formatter):
    """Turn a record into one clean line; the two forms below say how it looks."""

    def __init__(self, redactor: Cleaner) -> None:
        super().__init__()
        self._redactor = redactor

    def fields(self, record: logging.LogRecord) -> dict[str, Plain]:
        """Return what came in `extra`, without secrets, as plain values."""
        return {
            self._clean(key): self._plain(value)
            for key, value in record.__dict__.items()
            if key not in FIELDS_OF_EVERY_RECORD
        }

    def _clean(self, text: str, limit: int = LONGEST_VALUE) -> str:
        text = self._redactor.clean(text)  # before the cut, which could leave half a secret
        return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"

    def _plain(self, value: object, depth: int = 0) -> Plain:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            text = repr(value)
            cleaned = self._redactor.clean(text)
            return value if cleaned == text else cleaned
        if isinstance(value, Mapping) and depth < DEEPEST:
            return {self._clean(str(key)): self._plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < DEEPEST:
            return [self._plain(item, depth + 1) for item in value]
        return self._clean(str(value))


class JsonFormatter(Formatter):
    """Write one JSON object a line, ASCII only, for whatever collects logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Plain] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        for key, value in self.fields(record).items():
            line[f"{key}_" if key in OURS_IN_JSON else key] = value
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(record.exc_info[1]))
            line["exception"] = self._clean(text, LONGEST_TRACE)
        elif record.exc_text:  # from another process, or a filter that has formatted it
            line["exception"] = self._clean(record.exc_text, LONGEST_TRACE)
        if record.stack_info:
            line["stack"] = self._clean(record.stack_info, LONGEST_TRACE)
        return dumps(line)


class HumanFormatter(Formatter):
    """Write short lines for a person: time, level, sentence, fields, where from."""

    def __init__(self, redactor: Cleaner, *, has_colour: bool = False) -> None:
        super().__init__(redactor)
        self._has_colour = has_colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created).astimezone()
        level = self._painted(COLOURS.get(record.levelno, ""), f"{record.levelname.lower():<8}")
        parts = [f"{at:%H:%M:%S} {level} {one_line(self._clean(record.getMessage()))}"]
        if fields := self.fields(record):
            parts.append(" ".join(f"{one_line(key)}={_shown(value)}" for key, value in fields.items()))
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(one_line(self._clean(brief(record.exc_info[1]), LONGEST_TRACE)))
        elif record.exc_text:
            parts.append(one_line(self._clean(record.exc_text, LONGEST_TRACE)))
        name = record.name.removeprefix("quarterdeck.")
        parts.append(self._painted(DIM, f"[{one_line(name)}]"))
        return "  ".join(parts)

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._has_colour else text


def one_line(text: str) -> str:
    """Return `text` with everything escaped that could end a line or steer a terminal."""
    text = printable(text).replace("\n", "\\n").replace("\t", "\\t")
    if text.isascii():
        return text
    return "".join(
        f"\\u{ord(character):04x}" if unicodedata.category(character) in ("Zl", "Zp") else character
        for character in text
    )


def brief(error: BaseException, depth: int = 0) -> str:
    """Say on one line what failed, where (innermost frame first), and because of what."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:])
    where = " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
    text = f"{type(error).__name__}: {error}" + (f" ({where})" if where else "")
    if isinstance(error, BaseExceptionGroup):
        text += " [" + "; ".join(brief(part, depth + 1) for part in error.exceptions) + "]"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{text} from {brief(cause, depth + 1)}" if cause and depth < DEEPEST else text


def _shown(value: Plain) -> str:
    text = value if isinstance(value, str) else dumps(value, ensure_ascii=False)
    needs_quotes = isinstance(value, str) and (not text or any(sign in text for sign in ' "=\n\t'))
    return one_line(dumps(text, ensure_ascii=False) if needs_quotes else text)


class LineHandler(logging.StreamHandler[IO[str]]):
    """Write lines; one that cannot be written is counted, not raised, nor reported on the broken stream."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(outlet)  # type: ignore[arg-type]  # write and flush are all that the base class uses

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the standard library's name
        """Count a lost line."""
        LOG_ERRORS.add()


class Outlet:
    """Write to a stream without waiting for a reader that stands still."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._is_stalled = False
        self._is_torn = False  # the last line went out in part

    def write(self, text: str) -> None:
        """Write whole lines.

        Raises:
            OSError, ValueError: it cannot be written; the handler counts it.
        """
        stream = self._stream or sys.stderr  # asked each time: a prompt puts its own stream there
        if stream is None:
            raise OSError("stderr is closed")
        descriptor = _descriptor(stream)
        if descriptor is None:
            stream.write(text)
            stream.flush()
            return
        stream.flush()
        self._send(descriptor, text.encode(stream.encoding or "utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Do nothing: nothing is kept back."""

    def _send(self, descriptor: int, line: bytes) -> None:
        rest = b"\n" + line if self._is_torn else line
        whole = len(rest)
        while rest:
            self._await_reader(descriptor)
            written = os.write(descriptor, rest[:ATOMIC_BYTES])
            rest = rest[written:]
            self._is_torn = 0 < len(rest) < whole

    def _await_reader(self, descriptor: int) -> None:
        if not hasattr(select, "poll"):  # Windows
            return
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if poll.poll(0 if self._is_stalled else PATIENCE_MS):
            self._is_stalled = False
            return
        self._is_stalled = True
        raise BlockingIOError("nobody reads the log")


def _descriptor(stream: TextIO) -> int | None:
    if not isinstance(stream, io.TextIOWrapper):
        return None
    try:
        return stream.fileno()
    except io.UnsupportedOperation:  # a wrapper around memory
        return None


def _report_uncaught(
    kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("Stopped by an unexpected error", exc_info=(kind, error, trace))


def _report_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is None or issubclass(arguments.exc_type, SystemExit):
        return
    log.error(
        "Thread stopped by an unexpected error",
        exc_info=arguments.exc_value,
        extra={"thread_name": arguments.thread.name if arguments.thread else ""},
    )


def _report_unraisable(arguments: sys.UnraisableHookArgs) -> None:
    log.error(
        "Error while something was cleaned up",
        exc_info=arguments.exc_value,
        extra={"what": getattr(arguments.object, "__qualname__", type(arguments.object).__name__)},
    )


def _report_unawaited(loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
    error = context.get("exception")
    task = context.get("task") or context.get("future")
    log.error(
        "Error that nobody awaited",
        exc_info=error if isinstance(error, BaseException) else None,
        extra={
            "what": context.get("message", ""),
            "task": task.get_name() if isinstance(task, asyncio.Task) else "",
        },
    )


__all__: Sequence[str] = ("Cleaner", "configure", "quieten", "watch_loop")
