"""Every event comes in once, in order, and only as many as fit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from quarterdeck.core.errors import Busy
from quarterdeck.core.event import Deleted, Edited, Posted, Reacted
from quarterdeck.store.database.errors import StorageFull
from quarterdeck.testing.platform import START


def edited(original: Posted, text: str, event_id: str) -> Edited:
    """Return the event that gives a message another text."""
    return Edited(
        id=event_id,
        platform="fake",
        received_at=START,
        conversation=original.conversation,
        actor=original.actor,
        message=replace(original.message, text=text),
    )


def deleted(original: Posted, event_id: str) -> Deleted:
    """Return the event that takes a message away."""
    return Deleted(
        id=event_id,
        platform="fake",
        received_at=START,
        conversation=original.conversation,
        actor=original.actor,
        message_id=original.message.id,
    )


async def said(bot) -> list[str]:
    """Return what people said, as digests see it."""
    messages = await bot.history.recent("fake:general", 1000)
    return [message.text for message in messages if not message.raw["is_ours"]]


async def test_an_event_that_comes_ten_times_is_answered_once(bot) -> None:
    """Platforms deliver at least once; a hundred messages, ten times each, in bursts."""
    accepted = 0
    for number in range(100):
        event = bot.platform.posted(f"/echo {number}", event_id=f"Ev{number}")
        accepted += sum(await asyncio.gather(*(bot.inbox.accept(event) for _ in range(10))))
    await bot.settled()

    assert 100 == accepted
    assert [str(n) for n in range(100)] == bot.platform.texts()


async def test_a_duplicate_is_known_after_a_restart(make_bot) -> None:
    """F2: a memory of seen ids would be lost with the process."""
    bot = make_bot()
    async with bot.live():
        await bot.say("/ping", event_id="Ev1")
    again = make_bot(platform=bot.platform)
    async with again.live():
        is_new = await again.post("/ping", event_id="Ev1")
        await again.settled()

    assert (False, ["Pong."]) == (is_new, bot.platform.texts())


async def test_what_was_accepted_before_a_crash_is_answered_after_it(make_bot) -> None:
    """F1, F2: accepted means on disk."""
    bot = make_bot()
    for number in range(5):
        await bot.post(f"/echo {number}")
    again = make_bot(platform=bot.platform)
    async with again.live():
        await again.settled()

    assert ["0", "1", "2", "3", "4"] == bot.platform.texts()


async def test_programs_are_not_listened_to(bot) -> None:
    """T35: two bots that answer each other never stop."""
    is_new = await bot.post("/ping", is_bot=True)
    await bot.settled()

    assert (False, []) == (is_new, bot.platform.texts())
    assert {} == await bot.inbox_rows.counts()


async def test_a_full_conversation_says_so_and_others_go_on(make_bot) -> None:
    """The bound is per conversation first, so that one noisy place does not fill the house."""
    bot = make_bot(limits=None)
    bot.router.lanes._lane_limit, bot.router.lanes._total_limit = 3, 5
    for _ in range(3):
        await bot.post("/ping")

    with pytest.raises(Busy) as refusal:
        await bot.post("/ping")
    for name in ("a", "b"):
        await bot.post("/ping", conversation=bot.platform.conversation(name))
    with pytest.raises(Busy):
        await bot.post("/ping", conversation=bot.platform.conversation("c"))

    assert "wait" in refusal.value.hint
    assert {"new": 5} == await bot.inbox_rows.counts()


async def test_a_closed_inbox_refuses(bot) -> None:
    """F5: on SIGTERM nothing new comes in; the platform may repeat it to the next process."""
    bot.inbox.close()

    with pytest.raises(Busy):
        await bot.post("/ping")


async def test_what_could_not_be_stored_is_not_acknowledged(bot) -> None:
    """F7: accept raises, so the adapter does not acknowledge; later the same event comes in."""
    accept, is_full = bot.inbox_rows.accept, True

    async def full(*values, **named):
        if is_full:
            raise StorageFull("no space", service="database")
        return await accept(*values, **named)

    bot.inbox_rows.accept = full
    with pytest.raises(StorageFull):
        await bot.post("/ping", event_id="Ev1")
    is_full = False
    await bot.say("/ping", event_id="Ev1")

    assert ["Pong."] == bot.platform.texts()


async def test_edits_and_deletions_change_what_was_said(bot) -> None:
    """A digest must not quote what its author took back."""
    first = bot.platform.posted("wrong", event_id="m1", at=START)
    second = bot.platform.posted("secret", event_id="m2", at=START + timedelta(seconds=1))
    for event in (first, second, edited(first, "right", "x1"), deleted(second, "x2")):
        await bot.inbox.accept(event)
    await bot.settled()

    assert ["right"] == await said(bot)


async def test_edits_and_deletions_may_come_before_their_message(bot) -> None:
    """Platforms order nothing: thirty messages, each with its edit or its deletion first."""
    for number in range(30):
        original = bot.platform.posted(
            f"old {number}", event_id=f"m{number}", at=START + timedelta(seconds=number)
        )
        late = deleted if number % 3 == 0 else None
        change = late(original, f"x{number}") if late else edited(original, f"new {number}", f"x{number}")
        await bot.inbox.accept(change)
        await bot.inbox.accept(original)
    await bot.settled()

    assert [f"new {n}" for n in range(30) if n % 3] == await said(bot)


async def test_commands_are_not_remembered_as_said(bot) -> None:
    """A digest sums up what people told each other."""
    for line in ("/ping", "the release moves to Thursday", "/echo hidden"):
        await bot.say(line)
    await bot.inbox.accept(edited(bot.platform.posted("", event_id="m9"), "/deploy prod", "x9"))
    await bot.settled()

    assert ["the release moves to Thursday"] == await said(bot)


async def test_reactions_are_kept_and_answer_nothing(bot) -> None:
    """What asks for nothing ends at once."""
    original = bot.platform.posted("", event_id="m1")
    await bot.inbox.accept(
        Reacted(
            id="r1",
            platform="fake",
            received_at=START,
            conversation=original.conversation,
            actor=original.actor,
            message_id="m1",
            emoji="eyes",
        )
    )
    await bot.settled()

    assert ({"done": 1}, []) == (await bot.inbox_rows.counts(), bot.platform.texts())


async def test_half_a_character_harms_nothing(bot) -> None:
    """Lone surrogates come out of broken clients; no file can hold them."""
    answer = await bot.ask("/echo a\ud83db")

    assert "a?b" == answer


async def test_a_row_that_cannot_be_read_is_set_aside(make_bot, caplog) -> None:
    """A damaged event must not keep the bot from starting."""
    bot = make_bot()
    await bot.post("/ping")
    await bot.post("/echo second")
    await bot.store.write(
        "inbox.accepted", lambda c: c.execute(text("update inbox set body = '{' where seq = 1"))
    )
    again = make_bot(platform=bot.platform)
    async with again.live():
        await again.settled()

    assert ["second"] == bot.platform.texts()
    assert {"quarantined": 1, "done": 1} == await bot.inbox_rows.counts()


async def test_a_stop_in_good_order_counts_no_attempt(make_bot) -> None:
    """F5: an event that waits through ten restarts is not poison."""
    bot = make_bot()
    await bot.post("/ping")
    for _ in range(10):
        again = make_bot(platform=bot.platform)
        await again.inbox.resume()
        again.inbox.close()
        await again.inbox.put_down()
    last = make_bot(platform=bot.platform)
    async with last.live():
        await last.settled()

    assert ["Pong."] == bot.platform.texts()


async def test_events_of_a_platform_that_is_off_wait(make_bot) -> None:
    """Ten starts without Slack must not set aside what Slack people wrote."""
    bot = make_bot()
    await bot.post("/ping")
    for _ in range(10):
        other = make_bot()
        other.platform.platform = "other"
        other.outbox._adapters = {"other": other.platform}
        async with other.live():
            await other.settled()
    again = make_bot(platform=bot.platform)
    async with again.live():
        await again.settled()

    assert ["Pong."] == bot.platform.texts()


async def test_a_burst_does_not_slip_past_the_bound(make_bot) -> None:
    """A thousand requests at once are counted while they are being stored, not only after."""
    bot = make_bot()
    bot.router.lanes._lane_limit = 10

    outcomes = await asyncio.gather(*(bot.post("/ping") for _ in range(1_000)), return_exceptions=True)

    assert 10 == outcomes.count(True)
    assert 990 == sum(isinstance(outcome, Busy) for outcome in outcomes)
    assert {"new": 10} == await bot.inbox_rows.counts()
