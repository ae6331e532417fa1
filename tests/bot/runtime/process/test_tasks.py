"""Prove that long-lived tasks come back, politely, and that blocking work leaves the loop alone."""

import asyncio
import contextvars
import itertools
import logging
import threading

import pytest

from quarterdeck.runtime.process.tasks import LONGEST_PAUSE_S, abreast, in_thread, pause_after, supervise
from quarterdeck.testing.clock import FakeClock


async def test_blocking_work_runs_in_a_thread_of_ours() -> None:
    """The loop's default executor belongs to the durable engine, which replaces it."""
    name = await in_thread(lambda: threading.current_thread().name)

    assert name.startswith("quarterdeck")


async def test_context_variables_travel_into_the_thread() -> None:
    """Log lines of the thread must name the same event."""
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("event 7")

    assert "event 7" == await in_thread(variable.get)


async def test_what_came_together_reaches_a_place_before_any_of_it_goes_on() -> None:
    """A burst of requests is worked through step by step: that keeps the code of a step at hand."""
    seen: list[str] = []

    async def request(name: str) -> None:
        seen.append(f"{name} came")
        await abreast()
        seen.append(f"{name} went on")

    await asyncio.gather(request("a"), request("b"))

    assert ["a came", "b came", "a went on", "b went on"] == seen


async def test_a_failing_task_starts_over_until_it_returns(caplog: pytest.LogCaptureFixture) -> None:
    """One bad answer from outside must not end a platform's connection for good."""
    clock, tries = FakeClock(), 0

    async def run() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise ValueError(tries)

    task = asyncio.create_task(supervise("t", run, clock=clock))
    with caplog.at_level(logging.ERROR):
        await clock.advance(60)
    await task

    assert (4, 3) == (tries, len(caplog.records))
    assert [True, False, False] == [record.exc_info is not None for record in caplog.records]


async def test_a_cancelled_task_stays_stopped() -> None:
    """Shutting down must not be taken for a failure."""
    task = asyncio.create_task(supervise("t", asyncio.Event().wait, clock=FakeClock()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_pauses_double_and_are_bounded() -> None:
    """A peer that is down for a day must not be asked every second, nor once an hour."""
    pauses = [pause_after(failures) for failures in range(1, 2000)]

    assert pauses[0] <= 0.5 < pauses[2] <= 2.0
    assert max(pauses) <= LONGEST_PAUSE_S
    assert min(pauses[10:]) >= LONGEST_PAUSE_S * 0.75


async def test_a_task_that_ran_well_for_long_starts_over_with_a_short_pause() -> None:
    """A connection that drops once a day is not a failing one."""
    clock, starts = FakeClock(), []

    async def run() -> None:
        starts.append(clock.monotonic())
        await clock.sleep(100)
        raise OSError

    task = asyncio.create_task(supervise("t", run, clock=clock))
    await clock.advance(5000)
    task.cancel()
    pauses = [later - earlier - 100 for earlier, later in itertools.pairwise(starts)]

    assert len(pauses) > 40
    assert max(pauses) <= 0.5
