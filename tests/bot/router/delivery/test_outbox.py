"""Every reply is on disk before it goes out; what became of it is on disk after; nothing goes out twice."""

from __future__ import annotations

import asyncio
import logging

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.errors import NotFound, RateLimited, Rejected, Unavailable, Unknown
from quarterdeck.core.reply import Button, Card, Citation, Field, Reply
from quarterdeck.router.delivery import sender as sender_module
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform

IDEMPOTENT = {Ability.IDEMPOTENT}


async def rows(bot) -> list[tuple[str, int, str]]:
    """Return state, attempts and reason of each part, oldest first."""
    found = await bot.outbox_rows.deliveries(limit=1000)
    return [(row.state, row.attempts, row.reason) for row in reversed(found)]


async def pass_time(bot, clock: FakeClock) -> None:
    """Let back-offs pass until all is settled."""
    for _ in range(1000):
        if not bot.router.lanes._lanes and not bot.outbox.lanes._lanes:
            return await bot.settled()
        await clock.advance(60)
        await asyncio.sleep(0.001)
    raise AssertionError("it never ends")


async def test_a_long_reply_goes_out_in_order(make_bot) -> None:
    """Parts belong together, and what comes next waits for all of them."""
    bot = make_bot(platform=FakePlatform(part_length=3))
    async with bot.live():
        await bot.post("/echo abcdefgh")
        await bot.post("/ping")
        await bot.settled()

    assert ["abc", "def", "gh", "Pon", "g."] == bot.platform.texts()
    assert ["sent"] * 5 == await bot.states()


async def test_the_same_key_is_sent_once(make_bot) -> None:
    """A digest that is composed again after a crash goes out once, also when it has become longer."""
    bot = make_bot(platform=FakePlatform(part_length=4))
    place = bot.platform.conversation()
    async with bot.live():
        for text in ("one", "one", "one and more"):
            await bot.outbox.send(place, Reply(text=text), key="digest:1")
        await bot.settled()
    again = make_bot(platform=bot.platform)
    async with again.live():
        await again.settled()

    assert ["one"] == bot.platform.texts()


async def test_what_passes_is_tried_again(make_bot) -> None:
    """An outage of the platform delays; it loses nothing."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.extend([Unavailable("down", service="fake")] * 3)
    async with bot.live():
        await bot.post("/ping")
        await bot.post("/echo next")
        await pass_time(bot, clock)

    assert ["Pong.", "next"] == bot.platform.texts()
    assert [("sent", 4, ""), ("sent", 1, "")] == await rows(bot)


async def test_a_rate_limit_is_waited_out(make_bot) -> None:
    """Not a moment less than the platform asks for."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.append(RateLimited("slow down", service="fake", retry_after_s=30))
    async with bot.live():
        await bot.post("/ping")
        await clock.wait_for_sleepers()
        await clock.advance(29)
        early = bot.platform.texts()
        await clock.advance(2)
        await bot.settled()

    assert ([], ["Pong."]) == (early, bot.platform.texts())


async def test_after_eight_tries_a_part_is_dead(make_bot, caplog) -> None:
    """It is shown with its reason instead of being tried for ever, and the next one goes out."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.extend([Unavailable("down", service="fake")] * 8)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.post("/ping")
            await bot.post("/echo next")
            await pass_time(bot, clock)

    assert [("dead", 8, "down (8 tries)"), ("sent", 1, "")] == await rows(bot)
    assert ["next"] == bot.platform.texts()


async def test_what_will_be_refused_again_is_dead_at_once(make_bot, caplog) -> None:
    """Trying a refused message again is how bots get banned."""
    bot = make_bot()
    bot.platform.failures.append(error := Rejected("too long", service="fake", status=400))
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.say("/ping")

    assert [("dead", 0, str(error))] == await rows(bot)
    assert 1 == bot.platform.tries


@pytest.mark.parametrize("error", [Unknown("answer lost", service="fake"), KeyError("a bug in an adapter")])
async def test_a_lost_answer_is_unknown(make_bot, caplog, error: Exception) -> None:
    """It may stand there already: a person looks before it goes out again."""
    bot = make_bot()
    bot.platform.failures.append(error)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.say("/ping")
            await bot.say("/echo next")

    assert ["unknown", "sent"] == await bot.states()
    assert (2, ["next"]) == (bot.platform.tries, bot.platform.texts())


@pytest.mark.parametrize("error", [Unknown("answer lost", service="fake"), KeyError("a bug in an adapter")])
async def test_a_lost_answer_is_sent_again_where_that_cannot_double_it(
    make_bot, caplog, error: Exception
) -> None:
    """The platform takes our key, so there is nothing to ask a person."""
    clock = FakeClock()
    bot = make_bot(clock=clock, abilities=IDEMPOTENT)
    bot.platform.failures.append(error)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.post("/ping")
            await pass_time(bot, clock)

    assert (["sent"], ["Pong."]) == (await bot.states(), bot.platform.texts())


@pytest.mark.parametrize(("abilities", "state", "texts"), [(IDEMPOTENT, "sent", 1), (set(), "unknown", 0)])
async def test_a_send_that_a_crash_interrupted(make_bot, caplog, abilities, state: str, texts: int) -> None:
    """F4: sent again where the key makes that harmless, shown as unknown elsewhere."""
    bot = make_bot(abilities=abilities)
    await bot.outbox.send(bot.platform.conversation(), Reply(text="Pong."), key="k")
    again = make_bot(platform=bot.platform)
    with caplog.at_level(logging.CRITICAL):
        async with again.live():
            await again.settled()

    assert ([state], texts) == (await bot.states(), len(bot.platform.sent))


async def test_waiting_parts_go_out_after_a_crash(make_bot, caplog) -> None:
    """Only the part that may have been under way is in doubt."""
    bot = make_bot(platform=FakePlatform(part_length=1))
    await bot.outbox.send(bot.platform.conversation(), Reply(text="abc"), key="k")
    again = make_bot(platform=bot.platform)
    with caplog.at_level(logging.CRITICAL):
        async with again.live():
            await again.settled()

    assert ["unknown", "sent", "sent"] == await bot.states()
    assert ["b", "c"] == bot.platform.texts()


async def test_a_person_can_send_what_is_unknown_or_dead_again(make_bot, caplog) -> None:
    """Once: a second press of the same button finds nothing to do."""
    bot = make_bot()
    bot.platform.failures.append(Unknown("answer lost", service="fake"))
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.say("/ping", event_id="e1")
            outcomes = await asyncio.gather(
                *(bot.deliveries.retry("fake::e1#1") for _ in range(10)), return_exceptions=True
            )
            await bot.settled()
            for nothing in ("fake::e1#1", "fake::e9#1", ""):
                with pytest.raises(NotFound):
                    await bot.deliveries.retry(nothing)

    assert 1 == sum(not isinstance(outcome, Exception) for outcome in outcomes)
    assert (["sent"], ["Pong."]) == (await bot.states(), bot.platform.texts())


async def test_what_waits_for_its_turn_cannot_be_retried(make_bot) -> None:
    """It would go out twice: once by the retry, once when its turn comes."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.append(Unavailable("down", service="fake"))
    async with bot.live():
        await bot.post("/ping", event_id="e1")
        await clock.wait_for_sleepers()
        with pytest.raises(NotFound):
            await bot.deliveries.retry("fake::e1#1")
        await pass_time(bot, clock)

    assert ["Pong."] == bot.platform.texts()


async def test_secrets_do_not_leave(make_bot) -> None:
    """Whatever part of a reply they hide in."""
    bot = make_bot(clean=lambda text: text.replace("hunter2", "***"))
    reply = Reply(
        text="hunter2",
        card=Card(
            title="hunter2",
            body="hunter2",
            fields=(Field(label="hunter2", value="hunter2"),),
            buttons=(Button(id="b", label="hunter2", value="/echo hunter2"),),
        ),
        citations=(Citation(n=1, document="hunter2", heading="hunter2"),),
    )
    async with bot.live():
        await bot.outbox.send(bot.platform.conversation(), reply, key="k")
        await bot.settled()
    stored = [row.text for row in await bot.outbox_rows.deliveries()]

    assert "hunter2" not in "".join([*bot.platform.texts(), *stored])
    assert 8 <= bot.platform.texts()[0].count("***")


async def test_the_disk_may_fill_up_after_a_send(make_bot, monkeypatch, caplog) -> None:
    """F7: what was sent is not forgotten while it cannot be written down."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    sent, failures = bot.outbox_rows.sent, 3  # once behind the send, then in the conversation's line

    async def full(*values):
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("the disk is full", service="database")
        await sent(*values)

    bot.outbox_rows.sent = full
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.post("/ping")
            for _ in range(2):
                await clock.wait_for_sleepers()
                await clock.advance(sender_module.STORE_PAUSE_S)
            await bot.settled()

    assert (["sent"], ["Pong."]) == (await bot.states(), bot.platform.texts())


async def test_what_the_bot_said_is_remembered(bot) -> None:
    """A conversation with the model needs both sides."""
    await bot.say("hello")

    messages = await bot.history.recent("fake:general")
    assert [("hello", False), ("chat: hello", True)] == [(one.text, one.raw["is_ours"]) for one in messages]


async def test_conversations_do_not_wait_for_each_other(make_bot) -> None:
    """One channel's rate limit is that channel's."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    bot.platform.failures.append(RateLimited("slow down", service="fake", retry_after_s=3600))
    async with bot.live():
        await bot.post("/ping")
        await clock.wait_for_sleepers()
        await bot.post("/echo other", conversation=bot.platform.conversation("other"))
        async with asyncio.timeout(10):
            while not bot.platform.sent:
                await asyncio.sleep(0.001)
        early = bot.platform.texts()
        await clock.advance(3601)
        await bot.settled()

    assert (["other"], ["other", "Pong."]) == (early, bot.platform.texts())


async def test_a_platform_that_is_not_connected_is_named(bot) -> None:
    """Whoever sends there learns what to switch on."""
    place = FakePlatform("slack").conversation()

    with pytest.raises(NotFound, match="slack"):
        await bot.outbox.send(place, Reply(text="x"), key="k")
