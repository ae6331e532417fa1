"""Logging never stops the bot, wherever the lines go, and nothing reaches stderr around it."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from quarterdeck.runtime.observability import logs
from quarterdeck.runtime.observability.metrics import LOG_ERRORS
from quarterdeck.runtime.observability.redaction import Redactor

pytestmark = pytest.mark.usefixtures("logging_as_before")
log = logging.getLogger("quarterdeck.router.delivery.outbox")


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
        from quarterdeck.runtime.observability import logs
        from quarterdeck.runtime.observability.redaction import Redactor
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
