"""Prove how a child starts, what bounds it, and that it never outlives the bot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from quarterdeck.core.errors import Rejected, Unavailable
from quarterdeck.runtime.workers.worker import Limits, Worker

HERE = Path(__file__).parent
SERVE = "worker_targets:serve"

Build = Callable[..., Worker]
Alive = Callable[[int], bool]
Gone = Callable[[int], Awaitable[None]]


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


async def test_stop_lets_the_target_close_and_leaves_no_process(
    build: Build, tmp_path: Path, alive: Alive
) -> None:
    """No orphan, and indexes are closed properly."""
    note = tmp_path / "note"
    worker = build(options={"note": str(note)})
    await worker.call("echo", 1)
    pid = worker.pid
    assert pid is not None

    await worker.stop()

    assert "closed" == note.read_text()
    assert not alive(pid)
    with pytest.raises(Unavailable, match="was stopped"):
        await worker.call("echo")


async def test_stop_ends_open_requests_also_when_the_child_hangs(build: Build, alive: Alive) -> None:
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
    assert not alive(pid)


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
from quarterdeck.runtime.workers.worker import Worker

async def main():
    worker = Worker("test", "worker_targets:serve", threads=2)
    hang = asyncio.create_task(worker.call("hang"))
    await worker.call("echo", 1)
    print(worker.pid, flush=True)
    await hang

asyncio.run(main())
"""


async def test_the_child_dies_with_a_bot_that_was_killed(
    monkeypatch: pytest.MonkeyPatch, alive: Alive, gone: Gone
) -> None:
    """`kill -9` of the bot leaves nobody who could clean up."""
    path = os.pathsep.join([str(HERE), *(entry for entry in sys.path if entry)])
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env={"PYTHONPATH": path}, text=True
    )
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)

        process.kill()

    await gone(pid)
    assert not alive(pid)


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

    heavy = {
        "asyncio",
        "aiohttp",
        "sqlalchemy",
        "openai",
        "quarterdeck.app",
        "quarterdeck.runtime.workers.worker",
    }
    assert set() == heavy & set(modules)  # type: ignore[arg-type] - a list of names


async def test_what_libraries_print_does_not_break_the_pipe(build: Build) -> None:
    """llama.cpp and tokenizers print when they like."""
    worker = build()

    assert "fine" == (await worker.call("print")).value
