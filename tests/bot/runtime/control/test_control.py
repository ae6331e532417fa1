"""The other verbs of the program speak to the process that holds the data folder, and nobody else does."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from quarterdeck.core.errors import (
    Busy,
    Denied,
    NotFound,
    QuarterdeckError,
    RunError,
    ServiceError,
    SetupError,
    Unavailable,
    UsageError,
    UserError,
)
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.runtime.control import ControlServer, NotBegun, connect
from quarterdeck.runtime.control import server as server_module
from quarterdeck.runtime.control.wire import error_json, error_of

CANARY = "hunter2-hunter2"


class Wired:
    """Hold what the operations of a test saw."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.asked: list[tuple[int, str]] = []
        self.error: Exception | None = None

    async def echo(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Return what came."""
        return dict(parameters)

    async def long(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Tell how far it is, then never end."""
        try:
            await progress("1 of 2")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append("long")
            raise

    async def fail(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Raise what the test put here."""
        assert self.error is not None
        raise self.error

    async def count(self, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        """Yield numbers, without end when `to` is missing."""
        number = 0
        try:
            while number != parameters.get("to"):
                yield number
                number += 1
                await asyncio.sleep(0)
        finally:
            self.cancelled.append("count")

    async def authorise(self, uid: int, operation: Operation) -> None:
        """Refuse what is called `secret`."""
        self.asked.append((uid, operation.name))
        if operation.name.startswith("secret"):
            raise Denied("not for you")


@asynccontextmanager
async def serving(path: Path, wired: Wired) -> AsyncIterator[ControlServer]:
    """Serve the operations of `wired`."""
    handlers = {"echo": wired.echo, "long": wired.long, "fail": wired.fail, "secret": wired.echo}
    server = ControlServer(
        path,
        operations={name: Operation(name=name, handler=handler) for name, handler in handlers.items()},
        streams={"count": wired.count, "secret.stream": wired.count},
        authorise=wired.authorise,
        clean=lambda text: text.replace(CANARY, "[redacted]"),
    )
    await server.open()
    try:
        yield server
    finally:
        await server.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the socket of this test lies."""
    return tmp_path / "control.sock"


async def test_an_operation_answers_what_came(path: Path) -> None:
    """Any JSON goes through, half characters included."""
    value = {"text": "ä\n\u202e😀\ud800", "list": [1, None, True, {"x": 2.5}], "long": "x" * 200_000}

    async with serving(path, Wired()), connect(path) as client:
        answer = await client.call("echo", value)

    assert value == answer


async def test_many_calls_share_a_connection(path: Path) -> None:
    """Answers find their calls whatever their order."""
    async with serving(path, Wired()), connect(path) as client:
        answers = await asyncio.gather(*(client.call("echo", {"n": n}) for n in range(200)))

    assert [{"n": n} for n in range(200)] == answers


async def test_progress_comes_while_it_works_and_cancelling_reaches_it(path: Path) -> None:
    """Ctrl-C at a long verb must not leave it running in the bot."""
    wired, told = Wired(), asyncio.Event()

    async def tell(sentence: str) -> None:
        assert sentence == "1 of 2"
        told.set()

    async with serving(path, wired), connect(path) as client:
        call = asyncio.create_task(client.call("long", {}, tell))
        await told.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await client.call("echo", {})

    assert ["long"] == wired.cancelled


async def test_a_client_that_goes_stops_what_it_asked_for(path: Path) -> None:
    """A killed terminal must not leave work behind."""
    wired, told = Wired(), asyncio.Event()

    async def tell(sentence: str) -> None:
        told.set()

    async with serving(path, wired):
        async with connect(path) as client:
            call = asyncio.create_task(client.call("long", {}, tell))
            await told.wait()
        with pytest.raises(Unavailable):
            await call
        async with asyncio.timeout(10):
            while not wired.cancelled:
                await asyncio.sleep(0.001)

    assert ["long"] == wired.cancelled


async def test_a_stream_ends_or_is_left(path: Path) -> None:
    """Leaving early stops it at the other end."""
    wired = Wired()
    async with serving(path, wired), connect(path) as client:
        whole = [item async for item in client.stream("count", {"to": 5})]
        endless = client.stream("count", {})
        begun = [await anext(endless) for _ in range(3)]
        await endless.aclose()
        async with asyncio.timeout(10):
            while len(wired.cancelled) < 2:
                await asyncio.sleep(0.001)

    assert ([0, 1, 2, 3, 4], [0, 1, 2]) == (whole, begun)


@pytest.mark.parametrize(
    "error",
    [
        UserError("a", hint="b"),
        UsageError("a", hint="b"),
        Denied("a"),
        NotFound("a"),
        Busy("a"),
        SetupError("a", hint="b", file="f", key="k", line=3, column=4),
        ServiceError("a", service="s", retryable=True),
        RunError("a", run_id="r", step="s"),
    ],
)
async def test_errors_arrive_as_they_were_raised(path: Path, error: QuarterdeckError) -> None:
    """The exit status and the JSON of a verb must not depend on where it was done."""
    wired = Wired()
    wired.error = error
    async with serving(path, wired), connect(path) as client:
        with pytest.raises(type(error)) as raised:
            await client.call("fail", {})

    assert vars(error) == vars(raised.value)


async def test_special_errors_arrive_as_their_kind(path: Path) -> None:
    """The other end need not know every class."""
    described = error_json(Unavailable("down", service="slack"), str)

    error = error_of(described)

    assert ("service", "down") == (error.kind, error.message)


async def test_an_unforeseen_error_tells_nothing_and_ends_nothing(path: Path, caplog) -> None:
    """Its text could hold anything; the log has it."""
    wired = Wired()
    wired.error = KeyError(CANARY)
    async with serving(path, wired), connect(path) as client:
        with pytest.raises(QuarterdeckError) as raised:
            await client.call("fail", {})
        await client.call("echo", {})

    assert CANARY not in raised.value.message + raised.value.hint


async def test_secrets_are_taken_out_of_errors(path: Path) -> None:
    """An error message is a text that leaves the process."""
    wired = Wired()
    wired.error = UserError(f"wrong: {CANARY}", hint=CANARY)
    async with serving(path, wired), connect(path) as client:
        with pytest.raises(UserError) as raised:
            await client.call("fail", {})

    assert ("wrong: [redacted]", "[redacted]") == (raised.value.message, raised.value.hint)


async def test_the_authoriser_is_asked_before_everything(path: Path) -> None:
    """T13: the socket is no way around it."""
    wired = Wired()
    async with serving(path, wired), connect(path) as client:
        with pytest.raises(Denied):
            await client.call("secret", {})
        with pytest.raises(Denied):
            await anext(client.stream("secret.stream", {}))
        await client.call("echo", {})

    me = os.getuid()
    assert [(me, "secret"), (me, "secret.stream"), (me, "echo")] == wired.asked


async def test_a_typo_names_the_nearest_operation(path: Path) -> None:
    """Also between our own processes, of which one may be older."""
    async with serving(path, Wired()), connect(path) as client:
        with pytest.raises(NotFound) as refusal:
            await client.call("ecko", {})

    assert "echo" in refusal.value.hint


async def test_the_socket_is_closed_to_others(path: Path) -> None:
    """Mode 0600, as promised."""
    async with serving(path, Wired()):
        status = path.stat()

    assert (True, 0o600) == (stat.S_ISSOCK(status.st_mode), stat.S_IMODE(status.st_mode))
    assert not path.exists()


async def test_another_user_is_hung_up_on(path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """Should the folder's mode ever be wrong, the kernel still says who calls."""
    monkeypatch.setattr(server_module, "peer_uid", lambda connection: os.getuid() + 1)
    wired = Wired()
    async with serving(path, wired), connect(path) as client:
        with pytest.raises(Unavailable):
            await client.call("echo", {})

    assert [] == wired.asked


async def test_a_dead_socket_is_no_obstacle(path: Path) -> None:
    """After kill -9 the file lies there still; who holds the lock replaces it."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ConnectionRefusedError):
        async with connect(path):
            pass

    async with serving(path, Wired()), connect(path) as client:
        assert {} == await client.call("echo", {})


async def test_a_path_that_is_too_long_for_a_socket_works(tmp_path: Path) -> None:
    """unix(7) allows 108 bytes; people's folders are longer."""
    folder = tmp_path / ("deep" * 20) / ("er" * 40)
    folder.mkdir(parents=True)
    path = folder / "control.sock"

    async with serving(path, Wired()), connect(path) as client:
        answer = await client.call("echo", {"n": 1})

    assert 150 < len(str(path))
    assert {"n": 1} == answer


async def test_hostile_lines_break_nothing(path: Path) -> None:
    """A thousand lines that are no requests; then an honest client is served."""
    dice = random.Random(7)
    odd: list[Json] = [
        None,
        [],
        "x",
        7,
        {},
        {"id": "1"},
        {"id": True},
        {"id": 1, "call": 3},
        {"id": 2, "stream": []},
    ]
    lines = [json.dumps(value).encode() for value in odd]
    lines += [dice.randbytes(dice.randint(0, 80)).replace(b"\n", b"") for _ in range(1_000)]
    async with serving(path, Wired()):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"".join(line + b"\n" for line in lines))
        await writer.drain()
        answers = [json.loads(await reader.readline()) for _ in range(len(odd))]
        writer.close()
        await writer.wait_closed()
        async with connect(path) as client:
            await client.call("echo", {})

    assert all("error" in answer for answer in answers)


async def test_closing_hangs_up(path: Path) -> None:
    """A verb that waits for a bot that stops is told so."""
    wired = Wired()
    async with serving(path, wired) as server, connect(path) as client:
        call = asyncio.create_task(client.call("long", {}))
        async with asyncio.timeout(10):
            while not wired.asked:
                await asyncio.sleep(0.001)
        await server.close()
        with pytest.raises(QuarterdeckError):
            await call


async def test_closing_waits_for_calls_and_begins_no_other(path: Path) -> None:
    """What was begun is done; what was not is told so, and may be asked of the next process."""
    wired, gate, begun = Wired(), asyncio.Event(), asyncio.Event()

    async def slow(parameters: Mapping[str, Json], progress: Progress) -> Json:
        begun.set()
        await gate.wait()
        return "done"

    wired.echo = slow
    async with serving(path, wired) as server, connect(path) as client:
        first = asyncio.create_task(client.call("echo", {}))
        await begun.wait()
        closing = asyncio.create_task(server.close(patience_s=30))
        await asyncio.sleep(0)
        with pytest.raises(NotBegun):
            await client.call("echo", {})
        gate.set()
        answer = await first
        await closing

    assert "done" == answer


async def test_closing_for_streams_lets_others_finish_their_talk(path: Path) -> None:
    """A console that ends while another one talks through it."""
    async with serving(path, Wired()) as server, connect(path) as client:
        talk = client.stream("count", {})
        await anext(talk)
        closing = asyncio.create_task(server.close(patience_s=30, for_streams=True))
        await asyncio.sleep(0)
        answer = await client.call("echo", {"n": 1})
        await talk.aclose()
        await closing

    assert {"n": 1} == answer


async def test_what_a_killed_process_had_begun_is_not_called_unbegun(path: Path) -> None:
    """Asking again could do it twice."""

    async def die(said: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    kinds = []
    for said in (b"", b'{"id": 1, "begun": true}\n'):
        path.unlink(missing_ok=True)
        dying = await asyncio.start_unix_server(partial(die, said), str(path))
        async with dying, connect(path) as client:
            with pytest.raises(Unavailable) as raised:
                await client.call("echo", {})
        kinds.append(type(raised.value))

    assert [NotBegun, Unavailable] == kinds
