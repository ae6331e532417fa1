"""One record is one clean line, and logging never stops the bot."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import pty
import subprocess
import sys
import textwrap
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from quarterdeck.runtime import logs
from quarterdeck.runtime.metrics import LOG_ERRORS
from quarterdeck.runtime.redaction import Redactor

log = logging.getLogger("quarterdeck.router.outbox")

CONTROL = [
    "\n",
    "\r\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2J\x1b[H",
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x9b2K",
    "\x00",
    "\x08" * 40,
    "\u202e",
    "\u200b\n",
    "\ud800\n",
]
FORGED = [
    "09:00:00 info     Owner granted  person=mallory  [router.policy]",
    '{"at": "2026-11-21T09:00:00.000+00:00", "level": "info", "message": "Owner granted"}',
    "user=anna role=owner",
    '"}\n{"level": "info"}',
    "%s %d %(password)s {0} ${x}",
]
INJECTIONS = [f"anna{control}{line}" for control in CONTROL for line in FORGED]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Put handlers, levels and hooks back, whatever the test configured."""
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    quiet = [(logging.getLogger(name), logging.getLogger(name).level) for name in logs.QUIET]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    shown = warnings.showwarning
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raises
    for logger, was in quiet:
        logger.setLevel(was)
        logger.handlers.clear()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    warnings.showwarning = shown


Lines = Callable[[], list[str]]


@pytest.fixture
def redactor() -> Redactor:
    """Give a redactor without secrets."""
    return Redactor()


@pytest.fixture(params=[False, True], ids=["human", "json"])
def lines(request: pytest.FixtureRequest, redactor: Redactor) -> Lines:
    """Configure logging in either form; return what was written so far, split as a log reader splits."""
    stream = io.StringIO()
    logs.configure("DEBUG", request.param, redactor, stream=stream)
    return lambda: stream.getvalue().splitlines()


@pytest.fixture
def objects(redactor: Redactor) -> Callable[[], list[dict[str, object]]]:
    """Configure JSON lines; return those written so far."""
    stream = io.StringIO()
    logs.configure("DEBUG", True, redactor, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def human(redactor: Redactor) -> Callable[[], list[str]]:
    """Configure the form for people; return the lines written so far, without their time."""
    stream = io.StringIO()
    logs.configure("DEBUG", False, redactor, stream=stream)
    return lambda: [line.partition(" ")[2] for line in stream.getvalue().splitlines()]


def test_a_json_line_has_time_level_logger_sentence_and_fields(
    objects: Callable[[], list[dict[str, object]]],
) -> None:
    """Whatever collects logs finds the same keys in each line."""
    log.info("Reply sent", extra={"conversation": "c1", "took_ms": 12, "parts": ["a", 2], "level": "x"})

    [line] = objects()
    assert str(line.pop("at")).endswith("+00:00")
    assert {
        "level": "info",
        "logger": "quarterdeck.router.outbox",
        "message": "Reply sent",
        "conversation": "c1",
        "took_ms": 12,
        "parts": ["a", 2],
        "level_": "x",
    } == line


def test_a_human_line_is_short_and_quotes_what_has_spaces(human: Lines) -> None:
    """People read it on a terminal while the bot runs."""
    log.warning("Reply kept", extra={"conversation": "c1", "reason": "no network", "took_ms": 12})

    assert ['warning  Reply kept  conversation=c1 reason="no network" took_ms=12  [router.outbox]'] == human()


def test_an_exception_stands_on_the_same_line_with_its_place_and_cause(human: Lines) -> None:
    """The next line is the next record, also after a failure."""
    try:
        try:
            raise OSError("disk\nfull")
        except OSError as error:
            raise ValueError("no reply") from error
    except ValueError:
        log.exception("Reply lost")

    [line] = human()
    assert "ValueError: no reply (test_logs.py:" in line
    assert "from OSError: disk\\nfull (test_logs.py:" in line


def test_an_exception_in_json_has_its_whole_traceback(
    objects: Callable[[], list[dict[str, object]]],
) -> None:
    """A report needs every frame."""
    try:
        raise ValueError("no reply")
    except ValueError:
        log.exception("Reply lost")

    [line] = objects()
    assert str(line["exception"]).startswith("Traceback (most recent call last):\n")
    assert str(line["exception"]).endswith("ValueError: no reply\n")


def test_an_exception_group_names_each_of_its_parts(human: Lines) -> None:
    """Task groups raise groups; the parts are what matters."""
    log.error("Stopped", exc_info=ExceptionGroup("tasks", [ValueError("one"), KeyError("two")]))

    assert "[ValueError: one; KeyError: 'two']" in human()[0]


def test_an_exception_that_causes_itself_is_logged_nevertheless(human: Lines) -> None:
    """Libraries link errors in circles now and then."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    log.error("Stopped", exc_info=first)

    assert 1 == len(human())


def test_a_hundred_injection_strings_are_one_line_each(lines: Lines) -> None:
    """Nobody forges a log line or steers the operator's terminal by what they write to the bot."""
    for text in INJECTIONS:
        log.info("Person met", extra={"person": text, f"key{text}": 1, "nested": {text: [text]}})

    written = lines()
    assert 100 == len(INJECTIONS) == len(written)
    assert all("Person met" in line and "anna" in line for line in written)
    assert not [sign for sign in "".join(written) if not sign.isprintable()]


def test_injections_in_messages_arguments_and_exceptions_are_one_line_each(lines: Lines) -> None:
    """Third-party libraries put foreign text into the sentence itself."""
    foreign = logging.getLogger("aiohttp.server")
    for text in INJECTIONS:
        foreign.warning("bad request from %s", text)
        foreign.error(text, exc_info=ValueError(text))
        foreign.error("stack", stack_info=True)

    assert 3 * len(INJECTIONS) == len(lines())


def test_canaries_never_reach_a_log_line(redactor: Redactor, lines: Lines) -> None:
    """A secret may come along in a URL, an error of a vendor, a header, a number: everywhere."""
    canaries = [f"sk-{uuid.uuid4().hex}{sign}" for sign in ("", "+/=", "ä€", '"\\', "%&?", "\nx") * 10]
    for canary in canaries:
        redactor.add(canary)
    number = 918273645546372
    redactor.add(str(number))

    for canary in canaries:
        log.info("Called %s", f"https://api/bot{canary}/send?key={quote(canary)}")
        log.info("Called", extra={"url": canary, canary: 1, "headers": {"auth": [f"Bearer {canary}"]}})
        log.info("Called", extra={"basic": base64.b64encode(f"user:{canary}".encode()).decode()})
        log.info("Called", extra={"error": ValueError(canary), "number": number})
        try:
            raise ValueError(f"401 for {canary}") from KeyError(canary)
        except ValueError:
            log.exception("Failed")

    written = "\n".join(lines())
    assert 60 * 5 == len(lines())
    assert [] == [canary for canary in canaries if canary.strip().split("\n")[0] in written]
    assert [] == [canary for canary in canaries if json.dumps(canary)[1:-1] in written]
    assert [] == [canary for canary in canaries if quote(canary) in written]
    assert str(number) not in written
    assert written.count("[redacted]") >= len(canaries) * 5


def test_a_long_value_is_cut_after_its_secret_is_taken_out(redactor: Redactor, lines: Lines) -> None:
    """A cut in the middle of a secret would leave half of it."""
    canary = "canary-" + uuid.uuid4().hex
    redactor.add(canary)
    log.info("Answered", extra={"body": "x" * (logs.LONGEST_VALUE - 20) + canary + "y" * 100_000})

    [line] = lines()
    assert "canary-" not in line
    assert len(line) < 2 * logs.LONGEST_VALUE


@pytest.mark.parametrize("name", logs.QUIET)
def test_client_libraries_are_quiet_below_warning(name: str, lines: Lines) -> None:
    """httpx logs every URL at INFO, and Telegram's URLs hold the token."""
    library = logging.getLogger(f"{name}.inner")
    library.info("GET https://api.telegram.org/bot123:secret/getMe")
    library.warning("slow")

    assert 1 == len(lines())


def test_the_durable_engine_adds_no_handler_of_its_own(lines: Lines) -> None:
    """Its handler would write without redaction, and every line twice."""
    pytest.importorskip("dbos")
    from dbos._logger import dbos_logger, init_logger

    init_logger()
    dbos_logger.warning("recovering")

    assert 1 == len(lines())
    assert [logging.NullHandler] == [type(handler) for handler in dbos_logger.handlers]


def test_configuring_twice_writes_each_line_once(redactor: Redactor) -> None:
    """A verb that turns into a server configures again."""
    stream = io.StringIO()
    logs.configure("INFO", True, redactor, stream=stream)
    logs.configure("INFO", True, redactor, stream=stream)
    log.info("Started")

    assert 1 == len(stream.getvalue().splitlines())


def test_the_level_is_kept(redactor: Redactor) -> None:
    """`log.level: warning` silences INFO."""
    stream = io.StringIO()
    logs.configure("warning", True, redactor, stream=stream)
    log.info("Started")
    log.warning("Slow")

    assert ["Slow"] == [json.loads(line)["message"] for line in stream.getvalue().splitlines()]


class Broken(io.StringIO):
    """Fail on each write, as a full disk does."""

    def write(self, text: str) -> int:
        """Refuse."""
        raise OSError(28, "No space left on device")


def test_a_stream_that_fails_costs_lines_and_nothing_else(redactor: Redactor) -> None:
    """The disk under the log is full: the bot goes on, and the metric says so."""
    logs.configure("INFO", True, redactor, stream=Broken())
    before = LOG_ERRORS.value()
    for _ in range(20):
        log.info("Reply sent")

    assert 20 == LOG_ERRORS.value() - before


def test_a_closed_stream_costs_lines_and_nothing_else(redactor: Redactor, tmp_path: Path) -> None:
    """Closed in mid-life, as when a supervisor goes away."""
    stream = (tmp_path / "log").open("w")
    logs.configure("INFO", True, redactor, stream=stream)
    log.info("First")
    stream.close()
    before = LOG_ERRORS.value()
    log.info("Second")
    logs.configure("INFO", None, redactor, stream=stream)
    log.info("Third")

    assert 2 == LOG_ERRORS.value() - before


def test_a_sentence_that_cannot_be_formatted_is_counted(redactor: Redactor) -> None:
    """A mistake in a log call must not become a failure of the work around it."""
    logging.getLogger().handlers.clear()  # pytest's own raises
    logs.configure("INFO", True, redactor, stream=io.StringIO())
    before = LOG_ERRORS.value()
    log.info("Sent %d parts", "many")

    assert 1 == LOG_ERRORS.value() - before


def test_a_reader_that_stands_still_does_not_stop_the_bot(redactor: Redactor) -> None:
    """A pager on the other end of the pipe holds lines up, not answers."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as stream:
        logs.configure("INFO", True, redactor, stream=stream)
        before = LOG_ERRORS.value()
        started_s = time.monotonic()
        for _ in range(2000):
            log.info("Reply sent", extra={"filler": "x" * 1000})
        took_s = time.monotonic() - started_s
        lost = LOG_ERRORS.value() - before
        os.read(reading, 65536)
        log.info("Last")
        os.set_blocking(reading, False)
        rest = reader.read() or b""

    assert took_s < 10 * logs.PATIENCE_MS / 1000
    assert 1900 < lost < 2000
    assert "Last" == json.loads(rest.splitlines()[-1])["message"]


def test_a_line_that_was_cut_off_does_not_spoil_the_next(redactor: Redactor) -> None:
    """The reader stood still in the middle of a long line; what comes after is on lines of its own."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "w") as stream:
        logs.configure("INFO", True, redactor, stream=stream)
        os.write(writing, b"x" * (65536 - 2 * logs.ATOMIC_BYTES))
        log.info("Long", exc_info=ValueError("y" * logs.LONGEST_TRACE))
        os.read(reading, 65536)
        log.info("Next")
        rest = os.read(reading, 65536)

    assert "Next" == json.loads(rest.splitlines()[-1])["message"]
    assert rest.startswith(b"\n")


def run_python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `code` with logging imported, in a process of its own."""
    head = """
        import asyncio, logging, os, sys, threading
        from quarterdeck.runtime import logs
        from quarterdeck.runtime.redaction import Redactor
        redactor = Redactor()
        redactor.add("canary-in-the-mine")
    """
    text = textwrap.dedent(head) + textwrap.dedent(code)
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", text], text=True, timeout=60, **{"stdout": subprocess.PIPE, **options}
    )


def test_the_bot_lives_without_stderr(tmp_path: Path) -> None:
    """Started with stderr closed; and no file of ours gets its number."""
    done = run_python(
        f"""
        logs.configure("INFO", None, redactor)
        logging.info("Started")
        with open({str(tmp_path / "file")!r}, "w") as file:
            print("alive", file.fileno() > 2)
        """,
        preexec_fn=lambda: os.close(2),
    )

    assert (0, "alive True\n") == (done.returncode, done.stdout)


def test_the_bot_lives_when_the_reader_of_stderr_is_gone() -> None:
    """`quarterdeck run 2>&1 | head` closes the pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_python(
            """
            logs.configure("INFO", None, redactor)
            for _ in range(100):
                logging.info("Reply sent")
            print("alive")
            """,
            stderr=writing,
        )
    finally:
        os.close(writing)

    assert (0, "alive\n") == (done.returncode, done.stdout)


def test_python_warnings_go_through_the_log() -> None:
    """They would be written to stderr as they are."""
    done = run_python(
        """
        import warnings
        logs.configure("INFO", None, redactor)
        warnings.simplefilter("always")
        warnings.warn("old thing, canary-in-the-mine")
        """,
        stderr=subprocess.PIPE,
    )

    [line] = done.stderr.splitlines()
    assert "UserWarning: old thing, [redacted]" in json.loads(line)["message"]


def test_a_full_disk_under_stderr_does_not_stop_the_bot() -> None:
    """/dev/full answers each write with "no space left on device"."""
    with Path("/dev/full").open("w") as full:
        done = run_python(
            """
            logs.configure("INFO", None, redactor)
            for _ in range(100):
                logging.info("Reply sent")
            print("alive")
            """,
            stderr=full,
        )

    assert (0, "alive\n") == (done.returncode, done.stdout)


def test_an_uncaught_error_is_one_line_without_secrets() -> None:
    """Python's own traceback would print the secret."""
    done = run_python(
        """
        logs.configure("INFO", None, redactor)
        raise ValueError("401\\nfor canary-in-the-mine")
        """,
        stderr=subprocess.PIPE,
    )

    [line] = done.stderr.splitlines()
    assert 1 == done.returncode
    assert "Stopped by an unexpected error" == json.loads(line)["message"]
    assert "401\nfor [redacted]" in json.loads(line)["exception"]


def test_errors_of_threads_finalisers_and_forgotten_tasks_go_through_the_log() -> None:
    """Nothing reaches stderr around the log."""
    done = run_python(
        """
        logs.configure("INFO", None, redactor)

        def fail():
            raise ValueError("canary-in-the-mine")

        class Falling:
            def __del__(self):
                fail()

        async def main():
            logs.watch_loop(asyncio.get_running_loop())
            asyncio.get_running_loop().call_soon(fail)
            task = asyncio.create_task(asyncio.to_thread(fail), name="forgotten")
            await asyncio.wait([task])

        thread = threading.Thread(target=fail, name="worker")
        thread.start()
        thread.join()
        Falling()
        asyncio.run(main())
        """,
        stderr=subprocess.PIPE,
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [
        ("Thread stopped by an unexpected error", "worker"),
        ("Error while something was cleaned up", None),
        ("Error that nobody awaited", None),
        ("Error that nobody awaited", None),
    ] == [(line["message"], line.get("thread_name")) for line in lines]
    assert "forgotten" == lines[-1]["task"]
    assert "canary" not in done.stderr


def test_a_terminal_gets_colours_and_a_pipe_gets_json() -> None:
    """Nobody sets the format for the ordinary cases."""
    primary, secondary = pty.openpty()
    code = 'logs.configure("INFO", None, redactor); logging.getLogger("quarterdeck.x").info("Started")'
    try:
        run_python(code, stderr=secondary)
        on_terminal = os.read(primary, 4096).decode()
    finally:
        os.close(primary)
        os.close(secondary)
    in_pipe = run_python(code, stderr=subprocess.PIPE).stderr

    assert "\x1b[36minfo    \x1b[0m Started" in on_terminal
    assert "Started" == json.loads(in_pipe)["message"]


async def test_the_error_of_a_forgotten_task_names_the_task_not_its_arguments(
    objects: Callable[[], list[dict[str, object]]],
) -> None:
    """A task's representation may hold what people wrote."""
    loop = asyncio.get_running_loop()
    logs.watch_loop(loop)
    loop.call_exception_handler(
        {"message": "Task exception was never retrieved", "task": asyncio.current_task()}
    )
    loop.set_exception_handler(None)

    [line] = objects()
    assert "Error that nobody awaited" == line["message"]
    assert "<Task" not in json.dumps(line)
