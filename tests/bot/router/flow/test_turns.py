"""Prove that one person's flood is that person's own: in the queue, and in who is worked for next."""

import asyncio

import pytest
from tests.bot.router.conftest import MakeBot

from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import Busy
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.router.flow.turns import AT_ONCE, SHARE, Turns


def place(name: str) -> Conversation:
    """Return a conversation of its own."""
    return Conversation(id=f"fake:{name}", platform="fake", kind="direct")


async def settled() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_person_has_so_many_under_way_and_the_next_in_order() -> None:
    """Others do not wait for it."""
    turns, begun = Turns(10), []

    async def work(key: str, who: str) -> None:
        await turns.begin(key, who)
        begun.append(key)

    tasks = [asyncio.ensure_future(work(f"n{n}", "noisy")) for n in range(AT_ONCE + 2)]
    tasks.append(asyncio.ensure_future(work("q", "quiet")))
    await settled()
    first = list(begun)
    turns.end("n0")
    turns.end("n0")  # twice is once
    await settled()

    assert [*(f"n{n}" for n in range(AT_ONCE)), "q"] == first
    assert [f"n{AT_ONCE}"] == begun[len(first) :]
    for task in tasks:
        task.cancel()


async def test_a_turn_given_up_goes_to_the_next() -> None:
    """Whoever is cancelled while waiting, or just as the turn comes, keeps it from nobody."""
    turns, begun = Turns(10), []

    async def work(key: str) -> None:
        await turns.begin(key, "noisy")
        begun.append(key)

    for n in range(AT_ONCE):
        await turns.begin(f"n{n}", "noisy")
    gone, late, last = (asyncio.ensure_future(work(key)) for key in ("gone", "late", "last"))
    await settled()
    gone.cancel()
    turns.end("n0")
    late.cancel()
    await asyncio.gather(gone, late, return_exceptions=True)
    await settled()

    assert last.done()
    assert ["last"] == begun


async def test_what_is_urgent_needs_no_turn() -> None:
    """It may be what stops the others."""
    turns = Turns(10)
    for n in range(AT_ONCE):
        await turns.begin(f"n{n}", "noisy")
    turns.free("stop")
    await asyncio.wait_for(turns.begin("stop", "noisy"), 1)
    turns.end("stop")


def test_nobody_fills_the_queue_alone() -> None:
    """A share of what may wait; what is over makes room again."""
    turns = Turns(2)
    for _ in range(2 * SHARE):
        turns.came("noisy")

    assert (False, True) == (turns.has_room("noisy"), turns.has_room("quiet"))
    turns.went("noisy")
    assert turns.has_room("noisy")


async def test_others_wait_for_two_of_a_flood_not_for_all(make_bot: MakeBot) -> None:
    """Through inbox and router: of one person in many conversations two are worked for at once, others at once."""
    gate, under_way, most = asyncio.Event(), 0, 0

    async def dig(call: Call) -> Reply:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await gate.wait()
        under_way -= 1
        return Reply(text="Dug.")

    bot = make_bot([Command(name="dig", summary="Take a while", handler=dig, lane="light", allow="viewer")])
    async with bot.live():
        for n in range(8):
            await bot.post("/dig", conversation=place(f"c{n}"))
        while under_way < AT_ONCE:
            await asyncio.sleep(0)
        await bot.people_rows.grant(Identity(platform="fake", user_id="EVE"), "operator", now_ms=1)
        await bot.post("/dig", user="EVE", conversation=place("theirs"))
        while under_way < AT_ONCE + 1:
            await asyncio.sleep(0)
        before = most
        gate.set()
        await bot.settled()

    assert (AT_ONCE + 1, 9) == (before, bot.platform.texts().count("Dug."))


async def test_a_flood_is_refused_before_it_fills_the_queue(make_bot: MakeBot) -> None:
    """The rest of the queue is for the others; our own events are never refused."""
    bot = make_bot()
    limit = SHARE * 100
    for n in range(limit):
        await bot.post(f"/nothing {n}", conversation=place(f"c{n}"))
    with pytest.raises(Busy):
        await bot.post("/nothing", conversation=place("one more"))
    await bot.post("/nothing", user="EVE", conversation=place("another"))

    assert limit + 1 == bot.router.lanes.waiting
