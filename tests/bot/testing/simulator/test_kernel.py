"""Prove that ordered faults hit what they were ordered for, that many times, and that nothing outlives its server."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.waiting import Changes

KINDS = ("drop", "disconnect", "lost_answer", "duplicate", "status", "rate_limit")


class Counting:
    """Serve one method that counts how often it was carried out."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.faults = Faults(self.clock)
        self.done = 0
        middleware = self.faults.middleware(lambda request: request.match_info["name"], self._refuse)
        self.server = LoopbackServer([web.post("/{name}", self._do)], middlewares=[middleware])

    async def _do(self, request: web.Request) -> web.Response:
        self.done += 1
        return web.Response(text=str(self.done))

    def _refuse(self, request: web.Request, fault: Fault) -> web.Response:
        status = 429 if fault.kind == "rate_limit" else fault.status
        return web.Response(status=status, headers={"Retry-After": f"{fault.after_s:g}"})


async def post(counting: Counting, name: str = "send") -> int:
    """Return the status of a call, 0 where the connection broke."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(f"{counting.server.url}/{name}") as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return 0


@pytest.mark.parametrize(
    ("kind", "statuses", "done"),
    [
        ("drop", [0, 200], 1),
        ("disconnect", [0, 200], 1),
        ("lost_answer", [0, 200], 2),
        ("duplicate", [200, 200], 3),
        ("status", [503, 200], 1),
        ("rate_limit", [429, 200], 1),
    ],
)
async def test_a_request_goes_wrong_as_ordered_and_the_next_one_does_not(
    kind: str, statuses: list[int], done: int
) -> None:
    """A lost answer has done its work; a dropped request has not."""
    counting = Counting()
    counting.faults.order(Fault(kind=kind, where="send", status=503, after_s=7))
    async with counting.server:
        found = [await post(counting, "other"), await post(counting), await post(counting)]

    assert ([200, *statuses], done + 1) == (found, counting.done)


async def test_a_delayed_request_waits_on_the_clock_that_the_test_owns() -> None:
    """No test sleeps for the sake of a slow vendor."""
    counting = Counting()
    counting.faults.order(Fault(kind="delay", after_s=3600))
    async with counting.server:
        call = asyncio.create_task(post(counting))
        await counting.clock.wait_for_sleepers()
        before = counting.done
        await counting.clock.advance(3600)

        assert (0, 200, 1) == (before, await call, counting.done)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("drop", "b"),
        ("disconnect", "!b"),
        ("duplicate", "aab"),
        ("reorder", "ba"),
        ("delay", "ba"),
    ],
)
async def test_an_event_goes_wrong_as_ordered(kind: str, expected: str) -> None:
    """`!` is the socket that broke."""
    clock, seen = FakeClock(), []
    faults = Faults(clock)
    faults.order(Fault(kind=kind, where="message", after_s=5))

    async def disconnect() -> None:
        seen.append("!")

    for letter in "ab":

        async def send(letter: str = letter) -> None:
            seen.append(letter)

        await faults.pass_on("message", send, disconnect)
    await clock.advance(5)
    await faults.close()

    assert expected == "".join(seen)


async def test_a_fault_is_used_up_by_its_own_place_and_count() -> None:
    """What is ordered for one method never hits another."""
    faults = Faults(FakeClock())
    faults.order(Fault(kind="status", where="send", count=2))

    found = [faults.take(name, KINDS) is not None for name in ("edit", "send", "send", "send")]

    assert [False, True, True, False] == found


async def test_a_server_that_ends_closes_its_sockets_and_tasks() -> None:
    """A simulator must leave nothing behind in the process of a test."""
    ended = asyncio.Event()

    async def hold(request: web.Request) -> web.WebSocketResponse:
        socket = await server.accept_socket(request)
        async for _ in socket:
            pass
        server.release_socket(socket)
        return socket

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with aiohttp.ClientSession() as session:
        async with LoopbackServer([web.get("/", hold)]) as server:
            server.spawn(work(), failed=lambda error: None)
            socket = await session.ws_connect(server.url)
        message = await socket.receive()

    assert (aiohttp.WSMsgType.CLOSE, True) == (message.type, ended.is_set())


async def test_a_waiter_wakes_when_something_changed_and_says_what_it_missed() -> None:
    """It looks again at each change only."""
    changes, found = Changes(), []
    waiting = asyncio.create_task(changes.until(lambda: found or None, timeout_s=5, what="it"))
    await asyncio.sleep(0)
    found.append("x")
    changes.tell()

    assert ["x"] == await waiting
    with pytest.raises(TimeoutError, match="in vain for a miracle"):
        await changes.until(lambda: None, timeout_s=0.01, what="a miracle")
