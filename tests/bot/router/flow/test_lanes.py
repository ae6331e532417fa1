"""Work runs in order within a conversation, and nothing that happens there stops the others."""

from __future__ import annotations

import asyncio

from quarterdeck.router.flow.lanes import Lanes


async def test_what_was_put_before_the_start_is_done_too() -> None:
    """After a restart the rows come first, then the task group."""
    done: list[int] = []

    async def work(item: int) -> None:
        done.append(item)

    lanes = Lanes("test", work, lane_limit=10, total_limit=10)
    for number in range(3):
        lanes.put("a", number)
    async with asyncio.TaskGroup() as group:
        lanes.start(group)
        await lanes.drained()

    assert ([0, 1, 2], 0) == (done, lanes.waiting)


async def test_an_item_that_breaks_is_left_behind(caplog) -> None:
    """The task group holds every conversation: one error must not end them all."""
    done: list[int] = []

    async def work(item: int) -> None:
        if item % 2:
            raise RuntimeError("nobody foresaw this")
        done.append(item)

    lanes = Lanes("test", work, lane_limit=100, total_limit=1000)
    async with asyncio.TaskGroup() as group:
        lanes.start(group)
        for number in range(20):
            lanes.put(f"lane {number % 3}", number)
        await lanes.drained()

    assert set(range(0, 20, 2)) == set(done)
    assert 10 == sum("Left behind" in record.message for record in caplog.records)


async def test_finishing_lets_the_running_item_end_and_begins_no_other() -> None:
    """F5: what is under way ends; the rest stays on disk."""
    gate, done = asyncio.Event(), []

    async def work(item: int) -> None:
        await gate.wait()
        done.append(item)

    lanes = Lanes("test", work, lane_limit=10, total_limit=10)
    async with asyncio.TaskGroup() as group:
        lanes.start(group)
        for number in range(3):
            lanes.put("a", number)
        await asyncio.sleep(0)
        ending = asyncio.create_task(lanes.finish(10))
        await asyncio.sleep(0)
        lanes.put("b", 9)
        gate.set()
        has_ended = await ending

    assert (True, [0]) == (has_ended, done)


async def test_finishing_cuts_off_what_takes_too_long() -> None:
    """A stop that waits for ever is killed, which is worse."""

    async def work(item: int) -> None:
        await asyncio.Event().wait()

    lanes = Lanes("test", work, lane_limit=10, total_limit=10)
    async with asyncio.TaskGroup() as group:
        lanes.start(group)
        lanes.put("a", 1)
        await asyncio.sleep(0)
        has_ended = await lanes.finish(0.01)

    assert has_ended is False


async def test_room_is_bounded_per_lane_and_in_all() -> None:
    """Bounds are asked before something is stored."""

    async def work(item: int) -> None:
        raise AssertionError("it never starts")

    lanes = Lanes("test", work, lane_limit=2, total_limit=3)
    lanes.put("a", 1)
    lanes.put("a", 2)
    before = (lanes.has_room("a"), lanes.has_room("b"))
    lanes.put("b", 3)

    assert (False, True, False) == (*before, lanes.has_room("c"))
