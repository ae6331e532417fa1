"""Prove that time in tests passes only when the test says so, and in order."""

import asyncio
from datetime import UTC, datetime, timedelta

from quarterdeck.testing.clock import FakeClock


async def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    """Who was due first must have had their turn before the next one wakes."""
    clock, woken = FakeClock(), []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    tasks = [asyncio.create_task(sleep(seconds)) for seconds in (3, 1, 2)]
    await clock.advance(10)
    await asyncio.gather(*tasks)

    assert [(1, 1.0), (2, 2.0), (3, 3.0)] == woken


async def test_a_sleeper_that_sleeps_again_wakes_again_within_one_advance() -> None:
    """Hourly work must run 24 times in a day that passes at once."""
    clock, times = FakeClock(), []

    async def tick() -> None:
        while True:
            await clock.sleep(3600)
            times.append(clock.now())

    task = asyncio.create_task(tick())
    start = clock.now()
    await clock.advance(24 * 3600)
    task.cancel()

    assert [start + timedelta(hours=hour) for hour in range(1, 25)] == times


async def test_nobody_wakes_early() -> None:
    """A test that advances less than the deadline must see the task still waiting."""
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(10))
    await clock.advance(9.5)
    was_done = task.done()
    await clock.advance(0.5)

    assert (False, True) == (was_done, task.done())


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Cancelling must not leave a wake-up behind that hits the next test."""
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(10))
    await clock.wait_for_sleepers()
    task.cancel()
    await clock.advance(20)

    assert (True, 20.0) == (task.cancelled(), clock.monotonic())


def test_the_wall_clock_is_utc_and_in_whole_milliseconds() -> None:
    """Rows hold integer ms UTC."""
    clock = FakeClock(datetime(2026, 3, 29, 1, 0, 0, 1000, tzinfo=UTC))

    assert 1774746000001 == clock.now_ms()
