"""Prove with real child processes that native work cannot take the bot down, nor outlive it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import uvloop

from quarterdeck.core.errors import Busy, NotFound, Rejected, Unavailable
from quarterdeck.runtime.worker_process import GRACE_S
from quarterdeck.runtime.worker_protocol import WINDOW
from quarterdeck.runtime.workers import Limits, Worker

HERE = Path(__file__).parent
SERVE = "worker_targets:serve"

Build = Callable[..., Worker]


@pytest.fixture
async def build(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Build]:
    """Make workers and stop them all afterwards."""
    monkeypatch.syspath_prepend(str(HERE))
    workers: list[Worker] = []

    def make(target: str = SERVE, **settings: object) -> Worker:
        workers.append(Worker("test", target, **settings))  # type: ignore[arg-type] - tests name real ones
        return workers[-1]

    yield make
    for worker in workers:
        await worker.stop()


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; one that waits to be reaped does not."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


async def until_gone(pid: int) -> None:
    """Wait for the process to end, by the kernel's word."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        loop.add_reader(descriptor, ended.set)
        async with asyncio.timeout(20):
            await ended.wait()
        loop.remove_reader(descriptor)
        os.close(descriptor)


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


async def test_kill_9_fails_every_open_request_and_leaves_no_zombie(build: Build) -> None:
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
    assert not is_alive(pid)
    assert 3 == (await worker.call("echo", 3)).value


async def test_a_hanging_call_fails_in_time_and_its_child_is_killed(build: Build) -> None:
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
    await until_gone(pid)
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


async def test_a_memory_limit_turns_into_an_honest_error(build: Build) -> None:
    """A hostile document must not take the machine's memory; the child itself lives on."""
    worker = build(limits=Limits(memory_bytes=1024**3))

    with pytest.raises(Unavailable, match="out of memory"):
        await worker.call("eat", 2 * 1024**3)
    eaten = await worker.call("eat", 1024**2)

    assert 1024**2 == eaten.value


async def test_a_processor_limit_ends_the_child(build: Build) -> None:
    """An endless loop in a parser ends by itself."""
    worker = build(limits=Limits(cpu_s=1))

    with pytest.raises(Unavailable, match="signal"):
        await worker.call("spin", timeout_s=30)


async def test_children_yield_to_the_bot(build: Build) -> None:
    """Connections come before embeddings."""
    worker = build(limits=Limits(niceness=7))

    niceness = await worker.call("niceness")

    assert os.nice(0) + 7 == niceness.value


async def test_a_child_that_dies_at_start_says_why(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    """The operator needs the child's last words."""
    worker = build("worker_targets:die_at_start")

    with pytest.raises(Unavailable, match="left with status 3"):
        await worker.call("echo")

    assert ["the model file is broken\n"] == [
        record.stderr for record in caplog.records if hasattr(record, "stderr")
    ]


async def test_a_target_that_cannot_be_loaded_is_named(build: Build) -> None:
    """A package that is not installed shows as such, not as a timeout."""
    worker = build("no_such_module:serve")

    with pytest.raises(Rejected, match="No module named 'no_such_module'"):
        await worker.call("echo")


async def test_a_child_that_hangs_at_start_is_killed(build: Build) -> None:
    """Loading a model from a dead network disk never ends."""
    worker = build("worker_targets:hang_at_start", start_timeout_s=0.5)

    with pytest.raises(Unavailable):
        await worker.call("echo")

    assert worker.pid is None


async def test_children_that_keep_dying_are_restarted_with_growing_pauses(build: Build) -> None:
    """A broken model must not cost a process start for every message."""
    now_s = [0.0]
    worker = build("worker_targets:die_at_start", monotonic=lambda: now_s[0])

    async def attempt() -> float | None:
        with pytest.raises(Unavailable) as caught:
            await worker.call("echo")
        return caught.value.retry_after_s

    rests = [await attempt() for _ in range(3)]
    now_s[0] = 1.0
    later = [await attempt() for _ in range(2)]

    assert [None, None, 1.0] == rests
    assert [None, 2.0] == later


async def test_one_crash_after_good_work_is_forgiven_at_once(build: Build) -> None:
    """Back-off is for what is broken, not for one bad document."""
    worker = build(monotonic=lambda: 0.0)

    for n in range(4):
        assert n == (await worker.call("echo", n)).value
        with pytest.raises(Unavailable):
            await worker.call("crash")


async def test_stop_lets_the_target_close_and_leaves_no_process(build: Build, tmp_path: Path) -> None:
    """No orphan, and indexes are closed properly."""
    note = tmp_path / "note"
    worker = build(options={"note": str(note)})
    await worker.call("echo", 1)
    pid = worker.pid
    assert pid is not None

    await worker.stop()

    assert "closed" == note.read_text()
    assert not is_alive(pid)
    with pytest.raises(Unavailable, match="was stopped"):
        await worker.call("echo")


async def test_stop_ends_open_requests_also_when_the_child_hangs(build: Build) -> None:
    """SIGTERM drains; a hanging model must not hold it up."""
    worker = build()
    await worker.call("echo")
    pid = worker.pid
    assert pid is not None
    hanging = asyncio.create_task(worker.call("hang"))
    while worker.open_requests < 1:
        await asyncio.sleep(0)

    await worker.stop()

    with pytest.raises(Unavailable, match="was stopped"):
        await hanging
    assert not is_alive(pid)


async def test_ctrl_c_and_a_service_managers_sigterm_leave_the_child_to_the_bot(build: Build) -> None:
    """They reach the whole process group, while the bot still finishes answers."""
    worker = build()
    await worker.call("echo")
    pid = worker.pid
    assert pid is not None

    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)

    assert 1 == (await worker.call("echo", 1)).value
    assert pid == worker.pid


PARENT = """
import asyncio, sys
from quarterdeck.runtime.workers import Worker

async def main():
    worker = Worker("test", "worker_targets:serve", threads=2)
    hang = asyncio.create_task(worker.call("hang"))
    await worker.call("echo", 1)
    print(worker.pid, flush=True)
    await hang

asyncio.run(main())
"""


async def test_the_child_dies_with_a_bot_that_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`kill -9` of the bot leaves nobody who could clean up."""
    path = os.pathsep.join([str(HERE), *(entry for entry in sys.path if entry)])
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env={"PYTHONPATH": path}, text=True
    )
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert is_alive(pid)

        process.kill()

    await until_gone(pid)
    assert not is_alive(pid)


async def test_the_child_knows_no_secret(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """What parses hostile documents must hold nothing worth stealing."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    worker = build(environment={"OMP_NUM_THREADS": "1"})

    environment = (await worker.call("environment")).value

    assert isinstance(environment, dict)
    assert "canary" not in environment.values()
    assert "1" == environment["OMP_NUM_THREADS"]


async def test_the_child_loads_its_target_and_not_the_bot(build: Build) -> None:
    """Each module there costs memory twice."""
    worker = build()

    modules = (await worker.call("modules")).value

    heavy = {"asyncio", "aiohttp", "sqlalchemy", "openai", "quarterdeck.app", "quarterdeck.runtime.workers"}
    assert set() == heavy & set(modules)  # type: ignore[arg-type] - a list of names


async def test_what_libraries_print_does_not_break_the_pipe(build: Build) -> None:
    """llama.cpp and tokenizers print when they like."""
    worker = build()

    assert "fine" == (await worker.call("print")).value


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
