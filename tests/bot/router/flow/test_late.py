"""What was asked while the bot was away is answered, or named as missed, once; and in whatever order it comes."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.event import Deleted, Edited, Invoked, Pressed
from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import START


def late(event, minutes: float):
    """Return the event as history tells it, so many minutes old at the clock's start."""
    at = START - timedelta(minutes=minutes)
    if hasattr(event, "message"):
        return replace(event, is_late=True, message=replace(event.message, sent_at=at))
    return replace(event, is_late=True, received_at=at)


@pytest.mark.parametrize(("minutes", "answer"), [(14, "Pong."), (16, None)])
async def test_what_was_missed_for_long_is_named_instead_of_done(make_bot, minutes: float, answer) -> None:
    """A deploy that was wanted this morning may not be wanted tonight."""
    bot = make_bot(clock=FakeClock())
    async with bot.live():
        await bot.inbox.accept(late(bot.platform.posted("/ping", event_id="e1"), minutes))
        await bot.settled()

    missed = "Missed while I was away: `/ping`, 2026-11-21 08:44 UTC (16 minutes ago). Nothing was done; "
    assert [answer or f"{missed}write it again if you still want it."] == bot.platform.texts()


@pytest.mark.parametrize("minutes", [1, 100])
async def test_live_and_history_tell_of_the_same_event_once(make_bot, minutes: float) -> None:
    """F16: after a gap the same message may come both ways."""
    bot = make_bot(clock=FakeClock())
    live = bot.platform.posted("/ping", event_id="e1")
    async with bot.live():
        for event in (late(live, minutes), live, late(live, minutes)):
            await bot.inbox.accept(event)
        await bot.settled()

    assert 1 == len(bot.platform.texts())


async def test_commands_and_presses_are_named_too(make_bot) -> None:
    """With what was chosen in them."""
    bot = make_bot(clock=FakeClock())
    one = bot.platform.posted("", event_id="x")
    shared = {
        "platform": "fake",
        "received_at": START,
        "conversation": one.conversation,
        "actor": one.actor,
    }
    events = (
        Invoked(id="i", command="echo", options={"text": "hello"}, **shared),
        Pressed(id="p", button_id="b", value="/echo again", **shared),
    )
    async with bot.live():
        for event in events:
            await bot.inbox.accept(late(event, 300))
        await bot.settled()

    assert ["`/echo --text hello`", "`/echo again`"] == [
        text.split(", ")[0].split(": ")[1] for text in bot.platform.texts()
    ]
    assert "press it again" in bot.platform.texts()[1]
    assert "5 hours ago" in bot.platform.texts()[0]


async def test_strangers_learn_nothing_of_what_was_missed(make_bot) -> None:
    """The decision comes first."""
    bot = make_bot(clock=FakeClock())
    async with bot.live():
        await bot.inbox.accept(late(bot.platform.posted("/ping", event_id="e1", user="U9"), 300))
        await bot.settled()

    assert "Missed" not in "".join(bot.platform.texts())


async def test_what_was_only_said_is_remembered_and_not_answered(make_bot) -> None:
    """In a group most messages are not for the bot."""
    bot = make_bot(clock=FakeClock())
    place = bot.platform.conversation("g", kind="group")
    async with bot.live():
        event = bot.platform.posted("lunch?", event_id="e1", conversation=place)
        await bot.inbox.accept(late(event, 300))
        await bot.settled()

    assert [] == bot.platform.texts()
    assert ["lunch?"] == [message.text for message in await bot.history.recent(place.id)]


@pytest.mark.slow
async def test_the_order_in_which_events_come_does_not_show_afterwards(make_bot) -> None:
    """F19: a thousand messages with their edits and deletions, in a thousand orders; the state is the ordered run's."""
    bot = make_bot()
    numbers = random.Random(19)
    expected: list[str] = []
    async with bot.live():
        for n in range(1_000):
            place = bot.platform.conversation(f"c{n % 20}", kind="group")
            first = bot.platform.posted(
                f"old {n}", event_id=f"m{n}", conversation=place, at=START + timedelta(seconds=n)
            )
            shared = {"platform": "fake", "received_at": START, "conversation": place, "actor": first.actor}
            edit = Edited(id=f"x{n}", message=replace(first.message, text=f"new {n}"), **shared)
            gone = Deleted(id=f"d{n}", message_id=first.message.id, **shared)
            events = [first, edit, gone] if n % 3 == 0 else [first, edit]
            numbers.shuffle(events)
            expected += [] if n % 3 == 0 else [f"new {n}"]
            for event in events:
                await bot.inbox.accept(event)
        await bot.settled()
    places = [bot.platform.conversation(f"c{n}").id for n in range(20)]
    said = [message for place in places for message in await bot.history.recent(place, 1_000)]

    assert expected == [message.text for message in sorted(said, key=lambda one: one.sent_at)]


async def test_a_press_may_come_before_its_message_is_written_down(make_bot) -> None:
    """F19: people are quick; what the button means is in the press, or on disk before the message went out."""
    buttons = Card(buttons=(Button(id="go", label="Go", value="/echo pressed"),))
    bot = make_bot(abilities={Ability.BUTTONS})
    place = bot.platform.conversation()
    count, send = itertools.count(), bot.platform.send

    async def pressed_at_once(to, part, key):
        message_id = await send(to, part, key)
        if part.body.get("buttons"):
            await bot.inbox.accept(
                Pressed(
                    id=f"p{next(count)}",
                    platform="fake",
                    received_at=START,
                    conversation=place,
                    actor=bot.platform.posted("", event_id="x").actor,
                    button_id="go",
                    value="/echo pressed",
                    message_id=message_id,
                )
            )
        return message_id

    bot.platform.send = pressed_at_once
    async with bot.live():
        await bot.outbox.send(place, Reply(text="Deploy?", card=buttons), key="k")
        await bot.settled()
        await bot.settled()

    assert ["Deploy?", "pressed"] == bot.platform.texts()
