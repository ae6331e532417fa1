"""Start real workers for the tests, and tell whether a process lives."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from quarterdeck.runtime.workers.worker import Worker

HERE = Path(__file__).parent
SERVE = "worker_targets:serve"


@pytest.fixture
async def build(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Worker]]:
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


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Return what tells whether a process runs."""
    return is_alive


@pytest.fixture
def gone() -> Callable[[int], Awaitable[None]]:
    """Return what waits for a process to end."""
    return until_gone
