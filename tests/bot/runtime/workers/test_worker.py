"""Prove with real child processes that a crash, a hang or a cancellation costs its request and no other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import uvloop

from quarterdeck.core.errors import Busy, NotFound, Rejected, Unavailable
from quarterdeck.runtime.workers.process import GRACE_S
from quarterdeck.runtime.workers.protocol import WINDOW
from quarterdeck.runtime.workers.worker import Worker

HERE = Path(__file__).parent
SERVE = "worker_targets:serve"

Build = Callable[..., Worker]
Alive = Callable[[int], bool]
Gone = Callable[[int], Awaitable[None]]


async def test_ten_thousand_small_calls_are_answered_each_with_its_own_answer(build: Build) -> None:
    """Embedding a query is a small call; none may get another's vector."""
    worker = build(threads=2)

    async def ask(first: int) -> list[object]:
        return [(await worker.call("echo", n)).value for n in range(first, first + 100)]

    answers = await asyncio.gather(*(ask(first) for first in range(0, 10_000, 100)))

    assert list(range(10_000)) == [answer for hundred in answers for answer in hundred]


async def test_big_payloads_travel_unchanged_both_ways(build: Build) -> None:
    """Vectors of a whole folder are many megabytes."""
    worker = build()
    blob = os.urandom(1024) * (64 * 1024)

    part = await worker.call("echo", {"text": "ü" * 1_000_000}, blob)

    assert (blob, {"text": "ü" * 1_000_000}) == (part.blob, part.value)


async def test_a_crash_costs_its_request_and_the_next_one_gets_a_new_child(build: Build) -> None:
    """llama.cpp is known to end in SIGSEGV on some machines."""
    worker = build()
    await worker.call("echo", 1)
    first = worker.pid

    with pytest.raises(Unavailable, match="signal 11"):
        await worker.call("crash")
    answer = await worker.call("echo", 2)

    assert 2 == answer.value
    assert first != worker.pid


async def test_kill_9_fails_every_open_request_and_leaves_no_zombie(build: Build, alive: Alive) -> None:
    """The kernel's memory killer does this."""
    worker = build(threads=4)
    await worker.call("echo", 1)
    pid = worker.pid
    assert pid is not None
    waiting = [asyncio.create_task(worker.call("wait")) for _ in range(10)]
    while worker.open_requests < 10:
        await asyncio.sleep(0)

    os.kill(pid, signal.SIGKILL)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert [Unavailable] * 10 == [type(outcome) for outcome in outcomes]
    assert not alive(pid)
    assert 3 == (await worker.call("echo", 3)).value


async def test_a_hanging_call_fails_in_time_and_its_child_is_killed(build: Build, gone: Gone) -> None:
    """Native code cannot be interrupted from inside."""
    worker = build()
    await worker.call("echo", 1)
    pid = worker.pid
    assert pid is not None
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    with pytest.raises(Unavailable, match=r"no answer in 0\.2 s"):
        await worker.call("hang", timeout_s=0.2)

    assert loop.time() - started_s < 1.0
    await gone(pid)
    assert loop.time() - started_s < GRACE_S + 2.0
    assert 2 == (await worker.call("echo", 2)).value


async def test_a_stream_that_stalls_fails_after_the_idle_time(build: Build) -> None:
    """A model that stops in mid-sentence is not waited for until the total is used up."""
    worker = build()
    parts = worker.stream("hang_after_one", idle_s=0.2)

    first = await anext(parts)

    assert "first" == first.value
    with pytest.raises(Unavailable, match=r"no answer in 0\.2 s"):
        await anext(parts)


async def test_an_overdue_request_that_only_waited_its_turn_kills_nobody(build: Build) -> None:
    """It is the one before that is slow, and that one is within its time."""
    worker = build()
    slow = asyncio.create_task(worker.call("wait", timeout_s=60))
    while worker.open_requests < 1:
        await asyncio.sleep(0)

    with pytest.raises(Unavailable):
        await worker.call("echo", timeout_s=0.5)
    slow.cancel()

    assert 1 == (await worker.call("echo", 1)).value
    with pytest.raises(asyncio.CancelledError):
        await slow


async def test_closing_a_stream_closes_the_childs_generator(build: Build, tmp_path: Path) -> None:
    """Who stops reading must not leave a model generating for nobody."""
    worker = build()
    note = tmp_path / "note"

    async with aclosing(worker.stream("count", {"limit": 10**9, "note": str(note)})) as parts:
        first = [(await anext(parts)).value for _ in range(3)]
    await worker.call("echo", 1)  # the one thread is free again

    assert [0, 1, 2] == first
    assert "closed" == note.read_text()


async def test_cancelling_the_reader_reaches_the_child(build: Build, tmp_path: Path) -> None:
    """`/cancel` and a shutdown arrive as a cancelled task."""
    worker = build()
    note = tmp_path / "note"
    reading = asyncio.Event()

    async def read() -> None:
        async for _ in worker.stream("count", {"limit": 10**9, "note": str(note)}):
            reading.set()

    task = asyncio.create_task(read())
    await reading.wait()
    pid = worker.pid

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await worker.call("echo", 1)

    assert "closed" == note.read_text()
    assert pid == worker.pid


async def test_a_slow_reader_holds_the_producer_back(build: Build) -> None:
    """Otherwise the whole answer piles up in the bot's memory."""
    worker = build(threads=2)

    async with aclosing(worker.stream("tally", 10_000)) as parts:
        await anext(parts)
        produced = [(await worker.call("produced")).value for _ in range(500)][-1]
        rest = [part.value async for part in parts]

    assert produced <= WINDOW + 1  # type: ignore[operator] - a number
    assert list(range(1, 10_000)) == rest


async def test_streams_and_calls_interleave(build: Build) -> None:
    """A long answer must not keep a search waiting."""
    worker = build(threads=2)

    async with aclosing(worker.stream("drip")) as drips:
        await anext(drips)
        answer = await worker.call("echo", 7)
        more = await anext(drips)

    assert (7, "drip") == (answer.value, more.value)


async def test_errors_keep_their_kind(build: Build) -> None:
    """Ours stay ours; a library's becomes a refusal with its text."""
    worker = build()

    with pytest.raises(NotFound) as missed:
        await worker.call("miss")
    with pytest.raises(Rejected, match="ValueError: no such thing"):
        await worker.call("fail")
    with pytest.raises(Rejected, match="must be JSON"):
        await worker.call("no_json")
    with pytest.raises(ValueError, match="must be JSON"):
        await worker.call("echo", object())  # type: ignore[arg-type] - the mistake under test

    assert "add it" == missed.value.hint
    assert 1 == (await worker.call("echo", 1)).value


async def test_too_many_requests_are_refused(build: Build) -> None:
    """Bounded queues that say when they are full."""
    worker = build(queue_limit=2)
    waiting = [asyncio.create_task(worker.call("wait")) for _ in range(2)]
    while worker.open_requests < 2:
        await asyncio.sleep(0)

    with pytest.raises(Busy):
        await worker.call("echo")

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_the_same_holds_under_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot runs on it where it is installed."""
    monkeypatch.syspath_prepend(str(HERE))

    async def work() -> tuple[object, int]:
        worker = Worker("test", SERVE)
        answer = await worker.call("echo", 1, b"x" * 5_000_000)
        with pytest.raises(Unavailable, match="signal 11"):
            await worker.call("crash")
        items = [part async for part in worker.stream("count", {"limit": 100})]
        await worker.stop()
        return answer.value, len(items)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert (1, 100) == runner.run(work())
