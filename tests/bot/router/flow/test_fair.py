"""Prove that one noisy person does not delay fifty others."""

import asyncio

import pytest

from quarterdeck.router.flow.fair import FairSlots


class Work:
    """Hold slots until they are let go, and note who got one in which order."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots, self.order = slots, []
        self.go = asyncio.Event()

    async def one(self, who: str) -> None:
        async with self.slots.slot(who):
            self.order.append(who)
            await self.go.wait()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_noisy_person_waits_behind_those_who_ask_once() -> None:
    """A hundred of one, then fifty others: the others come after what the one holds already, not after all of it."""
    work = Work(FairSlots(4))
    tasks = [asyncio.create_task(work.one("noisy")) for _ in range(100)]
    await settle()
    tasks += [asyncio.create_task(work.one(f"p{n}")) for n in range(50)]
    await settle()
    work.go.set()
    await asyncio.gather(*tasks)
    last_other = max(at for at, who in enumerate(work.order) if who != "noisy")
    others_alone = 50
    assert last_other <= 2 * others_alone + 4


async def test_alone_a_person_may_have_all() -> None:
    """Slots that nobody else wants are not left empty."""
    work = Work(FairSlots(3))
    tasks = [asyncio.create_task(work.one("only")) for _ in range(5)]
    await settle()
    assert ["only"] * 3 == work.order
    work.go.set()
    await asyncio.gather(*tasks)


async def test_equals_go_in_the_order_in_which_they_came() -> None:
    """Fair is also: first come, first served."""
    work = Work(FairSlots(1))
    tasks = []
    for who in "abcd":
        tasks.append(asyncio.create_task(work.one(who)))
        await settle()
    work.go.set()
    await asyncio.gather(*tasks)
    assert list("abcd") == work.order


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_wait_that_is_given_up_costs_no_slot(is_late: bool) -> None:
    """Cancelled before its turn, or in the moment of it."""
    slots = FairSlots(1)
    first = Work(slots)
    holder = asyncio.create_task(first.one("a"))
    await settle()
    waiter = asyncio.create_task(first.one("b"))
    await settle()
    if is_late:
        first.go.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    first.go.set()
    await holder
    async with asyncio.timeout(1):
        async with slots.slot("c"):
            pass
