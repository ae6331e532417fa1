"""One record is one clean line."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import uuid
from collections.abc import Callable
from urllib.parse import quote

import pytest

from quarterdeck.runtime.observability import logs
from quarterdeck.runtime.observability.redaction import Redactor

pytestmark = pytest.mark.usefixtures("logging_as_before")
log = logging.getLogger("quarterdeck.router.delivery.outbox")

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


Lines = Callable[[], list[str]]


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
        "logger": "quarterdeck.router.delivery.outbox",
        "message": "Reply sent",
        "conversation": "c1",
        "took_ms": 12,
        "parts": ["a", 2],
        "level_": "x",
    } == line


def test_a_human_line_is_short_and_quotes_what_has_spaces(human: Lines) -> None:
    """People read it on a terminal while the bot runs."""
    log.warning("Reply kept", extra={"conversation": "c1", "reason": "no network", "took_ms": 12})

    assert [
        'warning  Reply kept  conversation=c1 reason="no network" took_ms=12  [router.delivery.outbox]'
    ] == human()


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
