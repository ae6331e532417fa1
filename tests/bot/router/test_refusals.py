"""A platform that refuses us is not besieged: replies wait, or end with the reason, and others go on."""

from __future__ import annotations

import asyncio
import logging

from quarterdeck.core.errors import AuthFailed, Gone, RateLimited, Unavailable
from quarterdeck.core.reply import Reply
from quarterdeck.router.delivery.gate import FIRST_PAUSE_S
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform

REVOKED = AuthFailed("the token was revoked", service="fake")
KICKED = Gone("the bot was taken out of the channel", service="fake", status=403)


async def asleep(clock: FakeClock, count: int) -> None:
    """Return once so many wait for the clock."""
    async with asyncio.timeout(10):
        await clock.wait_for_sleepers(count)


async def test_a_revoked_token_kills_no_reply_and_makes_no_storm(make_bot, caplog) -> None:
    """F25: fifty replies wait, one at a time knocks, and all arrive when the token is good again."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.extend([REVOKED] * 5)
    with caplog.at_level(logging.ERROR):
        async with bot.live():
            await bot.outbox.send(bot.platform.conversation("c0"), Reply(text="0"), key="k0")
            await asleep(clock, 1)
            for n in range(1, 50):
                await bot.outbox.send(bot.platform.conversation(f"c{n}"), Reply(text=str(n)), key=f"k{n}")
            waiting, tries = await bot.states(), [bot.platform.tries]
            for pause in range(4):
                await asleep(clock, 1)
                await clock.advance(FIRST_PAUSE_S * 2**pause)
                await asleep(clock, 1)
                tries.append(bot.platform.tries)
            await clock.advance(FIRST_PAUSE_S * 2**4)
            await bot.settled()

    alerts = [record for record in caplog.records if "refuses our token" in record.message]
    assert (["waiting"] * 50, [1, 2, 3, 4, 5]) == (waiting, tries)
    assert {str(n) for n in range(50)} == set(bot.platform.texts())
    assert 1 == len(alerts)


async def test_others_go_on_while_one_platform_refuses_our_token(make_bot, caplog) -> None:
    """F25: Slack's trouble is not Telegram's."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    other = FakePlatform("other")
    bot.outbox._adapters["other"] = other
    bot.platform.failures.append(REVOKED)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.outbox.send(bot.platform.conversation(), Reply(text="held"), key="a")
            await asleep(clock, 1)
            await bot.outbox.send(other.conversation(), Reply(text="sent"), key="b")
            async with asyncio.timeout(10):
                while not other.sent:
                    await asyncio.sleep(0.001)
            is_done = await bot.outbox.finish(10)

    assert (["sent"], [], True) == (other.texts(), bot.platform.texts(), is_done)
    assert ["waiting", "sent"] == await bot.states()


async def test_a_closed_conversation_is_given_up_with_its_reason(make_bot, caplog) -> None:
    """F26: kicked or archived: one knock, a hundred dead letters that say why, and other conversations go on."""
    bot = make_bot()
    bot.platform.failures.append(KICKED)
    gone, open_ = bot.platform.conversation("gone"), bot.platform.conversation("open")
    for n in range(100):
        await bot.outbox.send(gone, Reply(text=str(n)), key=f"g{n}")
    await bot.outbox.send(open_, Reply(text="here"), key="o")
    with caplog.at_level(logging.CRITICAL):
        async with make_live(bot):
            await bot.settled()

    rows = await bot.outbox_rows.deliveries(limit=1000)
    dead = [row for row in rows if row.state == "dead"]
    assert (2, ["here"]) == (bot.platform.tries, bot.platform.texts())
    assert (100, {KICKED.message}) == (len(dead), {row.reason for row in dead})


async def test_a_conversation_that_takes_us_back_is_spoken_to_again(make_bot, caplog) -> None:
    """Each new answer is tried once, and a person can send what died."""
    bot = make_bot()
    bot.platform.failures.append(KICKED)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.say("/echo lost", event_id="e1")
            await bot.say("/echo heard")
            await bot.deliveries.retry("fake::e1#1")
            await bot.settled()

    assert ["heard", "lost"] == bot.platform.texts()


async def test_a_rate_limit_is_no_failed_try(make_bot) -> None:
    """W5: a chat that was refused for speed fifty times still gets its answer."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.extend([RateLimited("slow down", service="fake", retry_after_s=1.0)] * 50)
    async with bot.live():
        await bot.post("/ping")
        await bot.post("/echo other", conversation=bot.platform.conversation("other"))
        while bot.outbox.lanes._lanes or bot.router.lanes._lanes:
            await clock.advance(1)
            await asyncio.sleep(0.001)
        await bot.settled()

    assert ["sent"] * 2 == await bot.states()
    assert {"Pong.", "other"} == set(bot.platform.texts())


async def test_a_stop_waits_for_nothing_that_is_far_away(make_bot) -> None:
    """F5: what must wait is on disk, and the next start takes it up."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.append(Unavailable("down", service="fake", retry_after_s=3600.0))
    async with bot.live():
        await bot.post("/ping")
        await asleep(clock, 1)
        is_done = await bot.outbox.finish(10)
    again = make_bot(platform=bot.platform)
    again.clock = clock
    states = await bot.states()

    assert (True, ["waiting"]) == (is_done, states)


def make_live(bot):
    """Let the bot work on what was queued before, without reading it from the disk again."""
    return _Live(bot)


class _Live:
    def __init__(self, bot) -> None:
        self._bot, self._group = bot, asyncio.TaskGroup()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._bot.outbox.lanes.start(self._group)

    async def __aexit__(self, *raised) -> None:
        await self._group.__aexit__(*raised)
