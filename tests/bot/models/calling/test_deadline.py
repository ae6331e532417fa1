"""Prove that a deadline ends what waits, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from quarterdeck.models.calling.deadline import Deadline


async def test_a_wait_ends_at_the_moment() -> None:
    """Also one that begins after it."""
    with Deadline(0.01) as deadline:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await deadline.wait(asyncio.Event().wait())


async def test_what_runs_between_two_waits_is_left_alone() -> None:
    """The answer is shown meanwhile, which must not be cancelled."""
    with Deadline(0.0) as deadline:
        assert 1 == await asyncio.wait_for(asyncio.to_thread(lambda: 1), 5)
        with pytest.raises(TimeoutError):
            await deadline.wait(asyncio.Event().wait())


async def test_being_cancelled_stays_that() -> None:
    """`/cancel` is no timeout."""
    waiting = asyncio.Event()

    async def work() -> None:
        with Deadline(5) as deadline:
            waiting.set()
            await deadline.wait(asyncio.Event().wait())

    task = asyncio.ensure_future(work())
    await waiting.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_wait_that_is_over_in_time_returns_its_value() -> None:
    """Nearly all of them."""
    with Deadline(5) as deadline:
        assert 7 == await deadline.wait(asyncio.sleep(0, 7))
