"""What comes too soon is refused once, in one place, with the time to wait."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import Busy
from quarterdeck.core.reply import Reply
from quarterdeck.router.command import cooldown
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.testing.clock import FakeClock


async def never(call: object) -> None:
    """Stand in for a handler."""


DEPLOY = Command(name="deploy", summary="Deploy", handler=never, cooldown_s=90)
ASK = Command(name="ask", summary="Ask", handler=never)
PING = Command(name="ping", summary="Ping", handler=never, lane="light")


def start(cooldowns: Cooldowns, command: Command, event: str, person: str = "anna", where: str = "C1") -> str:
    """Start a command; returns the hint of the refusal, empty when it may."""
    try:
        cooldowns.start(command, person_id=person, conversation_id=where, event_key=event)
    except Busy as refusal:
        return refusal.hint
    return ""


async def test_a_cooldown_is_each_persons_own_and_says_how_long() -> None:
    """And a refusal does not begin it anew."""
    clock = FakeClock()
    cooldowns = Cooldowns(clock)

    first = start(cooldowns, DEPLOY, "e1")
    await clock.advance(30.5)
    second = start(cooldowns, DEPLOY, "e2")
    others = start(cooldowns, DEPLOY, "e3", person="bob")
    await clock.advance(59.5)

    assert ("", "try again in 1m", "", "") == (first, second, others, start(cooldowns, DEPLOY, "e4"))


def test_an_event_that_is_handled_again_is_the_same_run() -> None:
    """A database that was away for a moment must not turn into a cooldown."""
    cooldowns = Cooldowns(FakeClock(), SimpleNamespace(person_per_minute=1, conversation_per_minute=1))

    assert ["", ""] == [start(cooldowns, DEPLOY, "e1"), start(cooldowns, DEPLOY, "e1")]


async def test_people_and_conversations_have_their_rates_for_heavy_commands() -> None:
    """Light ones are cheaper than counting them."""
    clock = FakeClock()
    cooldowns = Cooldowns(clock, SimpleNamespace(person_per_minute=2, conversation_per_minute=3))

    said = [start(cooldowns, ASK, f"a{n}") for n in range(3)]
    elsewhere = start(cooldowns, ASK, "a4", where="C2")
    pings = [start(cooldowns, PING, f"p{n}") for n in range(50)]
    others = [start(cooldowns, ASK, f"b{n}", person="bob") for n in range(2)]
    await clock.advance(30)

    assert ["", "", "try again in 30s"] == said
    assert ("try again in 30s", [""] * 50, ["", "try again in 20s"]) == (elsewhere, pings, others)
    assert "" == start(cooldowns, ASK, "a5", where="C2")


def test_what_is_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million strangers must not fill the memory."""
    monkeypatch.setattr(cooldown, "MOST_COUNTED", 10)
    cooldowns = Cooldowns(FakeClock(), SimpleNamespace(person_per_minute=2, conversation_per_minute=0))
    for number in range(100):
        start(cooldowns, DEPLOY, f"e{number}", person=str(number))

    assert (10, 10) == (len(cooldowns._runs), len(cooldowns._buckets))


async def test_the_router_keeps_cooldowns_and_what_was_approved_is_not_counted_again(make_bot) -> None:
    """The approvers took their time; the cooldown was kept when it was asked for."""

    async def deploy(call: Call) -> Reply:
        return Reply(text="deployed")

    bot = make_bot([replace(DEPLOY, handler=deploy)])
    async with bot.live():
        said = [await bot.ask("/deploy"), await bot.ask("/deploy")]
        approved = replace(bot.platform.posted("/deploy", event_id="go"), origin="approval:1")
        await bot.inbox.accept(approved)
        await bot.settled()

    assert "deployed" == said[0]
    assert "try again in 1m" in said[1].lower()
    assert "deployed" == bot.platform.texts()[-1]
