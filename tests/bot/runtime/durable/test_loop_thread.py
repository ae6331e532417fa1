"""Make the engine's short calls in place, and all others in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from quarterdeck.runtime.durable.loop_thread import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    """Be a loop in a thread of its own."""
    made = LoopThread("test-loop")
    yield made
    made.stop()


def where() -> str:
    """Name the thread that calls."""
    return threading.current_thread().name


def of_dbos() -> str:
    """Be a call that DBOS would hand to a thread."""
    return where()


of_dbos.__module__ = "dbos._sys_db"


def failing() -> str:
    """Be such a call that fails."""
    raise KeyError("gone")


failing.__module__ = "dbos._core"


async def in_threads(*calls: object) -> list[str]:
    """Hand calls to threads, as asyncio does."""
    return [await asyncio.to_thread(call) for call in calls]  # type: ignore[arg-type]  # of no arguments


async def test_short_calls_are_made_in_place(thread: LoopThread) -> None:
    """Going over to a thread and back costs as much as the row that they write."""
    assert ["test-loop"] * 40 == await thread.call(in_threads, *[of_dbos] * 40)


async def test_other_calls_are_not(thread: LoopThread) -> None:
    """They may take long, and everything else on the loop would wait."""
    assert "test-loop" not in await thread.call(in_threads, where)


async def test_a_failure_in_place_is_that_of_the_call(thread: LoopThread) -> None:
    """As it would be from a thread."""
    with pytest.raises(KeyError, match="gone"):
        await thread.call(in_threads, failing)


async def test_many_calls_in_a_row_let_others_in(thread: LoopThread) -> None:
    """A long replay does not keep the loop from anybody else."""
    seen: list[str] = []

    async def both() -> list[str]:
        asyncio.get_running_loop().call_soon(seen.append, "other")
        for number in range(64):
            seen.append(str(number))
            await asyncio.to_thread(of_dbos)
        return seen

    found = await thread.call(both)

    assert 0 < found.index("other") <= 32
