"""A stop in good order ends what is under way and leaves the rest for the next start (F5)."""

from __future__ import annotations

import asyncio

from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import RateLimited
from quarterdeck.core.reply import Reply
from quarterdeck.router.flow.drain import drain
from quarterdeck.testing.clock import FakeClock


async def test_a_stop_under_load_loses_and_doubles_nothing(make_bot) -> None:
    """Fifty stops while messages pour in; every message that was accepted is answered once, in order."""
    bot = make_bot()
    accepted: list[int] = []
    for stop in range(50):
        current = make_bot(platform=bot.platform)
        async with current.live():
            for number in range(stop * 4, stop * 4 + 4):
                await current.post(f"/echo {number}", event_id=f"Ev{number}")
                accepted.append(number)
            assert await drain(current.inbox, current.router, current.outbox)
    last = make_bot(platform=bot.platform)
    async with last.live():
        await last.settled()

    assert [str(number) for number in accepted] == bot.platform.texts()


async def test_what_takes_too_long_is_cut_off_and_done_next_time(make_bot, caplog) -> None:
    """The limit holds, and the event is not counted as poison."""
    runs = 0

    async def endless(call: Call) -> Reply:
        nonlocal runs
        runs += 1
        if runs < 8:
            await asyncio.Event().wait()
        return Reply(text="done")

    command = Command(name="endless", summary="x", handler=endless, allow="operator")
    bot = make_bot([command])
    await bot.post("/endless")
    for stop in range(1, 8):
        current = make_bot([command], platform=bot.platform)
        async with current.live():
            async with asyncio.timeout(10):
                while runs < stop:
                    await asyncio.sleep(0.001)
            assert not await drain(current.inbox, current.router, current.outbox, limit_s=0.02)
    last = make_bot([command], platform=bot.platform)
    async with last.live():
        await last.settled()

    assert ["done"] == bot.platform.texts()


async def test_a_rate_limit_does_not_hold_up_the_stop(make_bot) -> None:
    """What must wait waits on disk."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.append(RateLimited("slow down", service="fake", retry_after_s=3600))
    async with bot.live():
        await bot.post("/ping")
        await clock.wait_for_sleepers()
        await drain(bot.inbox, bot.router, bot.outbox, limit_s=0.5)
    await clock.advance(3601)
    again = make_bot(platform=bot.platform, clock=clock)
    async with again.live():
        await again.settled()

    assert ["Pong."] == bot.platform.texts()
