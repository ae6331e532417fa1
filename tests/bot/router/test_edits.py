"""A reply can take the place of an earlier one, durably: people see the last form, once, on every platform."""

from __future__ import annotations

import asyncio
import logging

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.errors import Rejected, Unavailable, Unknown
from quarterdeck.core.reply import Reply
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform

EDIT = {Ability.EDIT}


def say(text: str) -> Reply:
    """Return a reply."""
    return Reply(text=text)


async def test_a_message_is_changed_in_place(make_bot) -> None:
    """And the history knows its last form only."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, say("Deploying…"), key="a")
        await bot.settled()
        for _ in range(2):
            await bot.outbox.edit(place, say("Deployed."), replaces="a", key="b")
        await bot.settled()

    assert (["Deployed."], [("m1", "Deployed.")]) == (bot.platform.shown(), bot.platform.edits)
    assert ["Deployed."] == [message.text for message in await bot.history.recent(place.id)]
    assert ["sent", "sent"] == await bot.states()


async def test_an_edit_of_an_edit_changes_the_same_message(make_bot) -> None:
    """Whichever of the earlier keys it names."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, say("one"), key="a")
        await bot.settled()
        for number, replaces in enumerate(("a", "k0", "a", "k1")):
            await bot.outbox.edit(place, say(f"form {number}"), replaces=replaces, key=f"k{number}")
            await bot.settled()

    assert ["form 3"] == bot.platform.shown()
    assert ["m1"] * 4 == [message_id for message_id, _ in bot.platform.edits]


async def test_where_nothing_can_be_changed_it_says_what_it_updates(make_bot) -> None:
    """The stated fallback: a message of its own."""
    bot = make_bot()
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, say("Deploying…"), key="a")
        await bot.outbox.edit(place, say("Deployed."), replaces="a", key="b")
        await bot.settled()

    assert ["Deploying…", "Update of “Deploying…”:\n\nDeployed."] == bot.platform.texts()


async def test_changes_that_wait_behind_each_other_are_one(make_bot) -> None:
    """F22: a thousand progress reports while the platform is slow cost one message and one change."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    gate, send = asyncio.Event(), bot.platform.send

    async def slow(to, part, key):
        await gate.wait()
        return await send(to, part, key)

    bot.platform.send = slow
    async with bot.live():
        await bot.outbox.send(place, say("0 %"), key="a")
        for n in range(1_000):
            await bot.outbox.edit(place, say(f"{n / 10} %"), replaces="a", key=f"k{n}")
        lined_up = bot.outbox.lanes.waiting
        gate.set()
        await bot.settled()

    assert (2, ["99.9 %"], 1) == (lined_up, bot.platform.shown(), len(bot.platform.edits))
    assert {"sent"} == set(await bot.states())


async def test_a_change_takes_the_place_of_what_has_not_gone_out_yet(make_bot) -> None:
    """Nobody needs to see the form that is out of date already; later changes still find the message."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    await bot.outbox.send(place, say("first"), key="other")
    await bot.outbox.send(place, say("old"), key="a")
    await bot.outbox.edit(place, say("new"), replaces="a", key="b")
    async with bot.live():
        await bot.settled()
        await bot.outbox.edit(place, say("newest"), replaces="a", key="c")
        await bot.settled()

    assert ["new"] == [text for text in bot.platform.texts() if text != "first"]
    assert "newest" in bot.platform.shown()
    assert 1 == len(bot.platform.edits)


async def test_a_killed_bot_changes_the_message_at_the_next_start(make_bot) -> None:
    """A change that was under way is made again: twice is once."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, say("old"), key="a")
        await bot.settled()
    await bot.outbox.edit(place, say("new"), replaces="a", key="b")
    again = make_bot(platform=bot.platform)
    async with again.live():
        await again.settled()

    assert (["new"], ["sent", "sent"]) == (bot.platform.shown(), await bot.states())


@pytest.mark.parametrize("error", [Unavailable("down", service="fake"), Unknown("lost", service="fake")])
async def test_a_change_whose_answer_was_lost_is_made_again(make_bot, error: Exception) -> None:
    """There is no doubt to show: it cannot be doubled."""
    clock = FakeClock()
    bot = make_bot(abilities=EDIT, clock=clock)
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, say("old"), key="a")
        await bot.settled()
        bot.platform.failures.append(error)
        await bot.outbox.edit(place, say("new"), replaces="a", key="b")
        while bot.outbox.lanes._lanes:
            await clock.advance(1)
            await asyncio.sleep(0.001)
        await bot.settled()

    assert (["new"], ["sent", "sent"]) == (bot.platform.shown(), await bot.states())


async def test_a_message_that_is_gone_is_posted_anew(make_bot) -> None:
    """Somebody deleted it, or it is too old to be changed: the answer arrives all the same."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    async with bot.live():
        await bot.outbox.send(place, say("old"), key="a")
        await bot.settled()
        bot.platform.failures.append(Rejected("message not found", service="fake", status=404))
        await bot.outbox.edit(place, say("new"), replaces="a", key="b")
        await bot.settled()

    assert ["old", "new"] == bot.platform.shown()


@pytest.mark.parametrize("lost", [Rejected("no", service="fake", status=400), Unknown("?", service="fake")])
async def test_what_never_arrived_is_posted_instead_of_changed(make_bot, caplog, lost: Exception) -> None:
    """Dead or in doubt: there is no message that could be changed."""
    bot = make_bot(abilities=EDIT)
    place = bot.platform.conversation()
    bot.platform.failures.append(lost)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.outbox.send(place, say("old"), key="a")
            await bot.settled()
            await bot.outbox.edit(place, say("new"), replaces="a", key="b")
            await bot.settled()

    assert (["new"], []) == (bot.platform.texts(), bot.platform.edits)


@pytest.mark.parametrize(("old", "new"), [("abcdef", "XY"), ("ab", "UVWXYZ"), ("abcd", "WXYZ")])
async def test_long_replies_are_changed_part_by_part(make_bot, old: str, new: str) -> None:
    """Parts that are not needed any more say so, further ones follow."""
    bot = make_bot(platform=FakePlatform(abilities=EDIT, part_length=2))
    place = bot.platform.conversation()
    bot.platform.render, render = _short(bot.platform.render), bot.platform.render
    async with bot.live():
        await bot.outbox.send(place, say(old), key="a")
        await bot.settled()
        await bot.outbox.edit(place, say(new), replaces="a", key="b")
        await bot.settled()

    shown = "".join(text for text in bot.platform.shown() if "moved" not in text)
    assert render is not None
    assert (new, max(len(old), len(new)) // 2) == (shown, len(bot.platform.shown()))


def _short(render):
    """Leave our own notes whole."""

    def cut(reply: Reply):
        whole = FakePlatform().render(reply)
        return whole if "moved" in reply.text else render(reply)

    return cut
