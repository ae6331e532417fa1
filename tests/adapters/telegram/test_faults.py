"""What goes wrong between Telegram and us, and what people see of it. The numbers are those of the fault matrix."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.adapters.telegram.conftest import Arrivals, Connected, Notes, connected, context_of

from quarterdeck.core.errors import AuthFailed, Busy, Gone, RateLimited, ServiceError, Unavailable, Unknown
from quarterdeck.core.event import Edited, Posted
from quarterdeck.core.message import Conversation
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.telegram.simulator import TelegramSimulator
from quarterdeck_adapters.telegram import polling
from quarterdeck_adapters.telegram.adapter import build


def texts(inbox: Arrivals) -> list[str]:
    """Return what was said, in order."""
    return [event.message.text for event in inbox.events if isinstance(event, Posted | Edited)]


@pytest.mark.parametrize("failure", [Busy("full"), Unavailable("disk full", service="store")])
async def test_f1_what_is_not_on_disk_is_not_confirmed(
    telegram: TelegramSimulator, failure: Busy | Unavailable
) -> None:
    """Telegram has the only copy then."""
    async with connected(telegram) as bot:
        await telegram.say("ada", "one", where="direct")
        await bot.inbox.count(1)
        bot.inbox.failures.append(failure)
        for text in ("two", "three"):
            await telegram.say("ada", text, where="direct")
        await bot.inbox.count(3)

        assert ["one", "two", "three"] == texts(bot.inbox)


async def test_f2_after_a_crash_the_same_updates_are_the_same_events(telegram: TelegramSimulator) -> None:
    """They were on disk and not yet confirmed: the core knows their keys."""
    inbox = Arrivals()
    for _ in range(2):
        async with connected(telegram, inbox=inbox) as bot:
            await telegram.say("ada", "hello", where="direct")
            telegram.updates.next_id -= 1 if len(inbox.events) else 0
            await bot.inbox.count(1)

    assert len(inbox.events) == len({event.key for event in inbox.events})


@pytest.mark.parametrize("kind", ["lost_answer", "disconnect", "status"])
async def test_f4_a_send_without_an_answer_is_unknown(bot: Connected, kind: str) -> None:
    """Telegram has no key to ask by: a person decides."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    bot.telegram.fail(Fault(kind=kind, where="sendMessage"))  # type: ignore[arg-type]

    with pytest.raises(Unknown):
        await bot.post(event.conversation, "Pong.")


async def test_f4_a_lost_edit_may_be_repeated(bot: Connected) -> None:
    """Doing it twice is doing it once, and Telegram says so in words of its own."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    message = await bot.post(event.conversation, "one")
    bot.telegram.fail(Fault(kind="lost_answer", where="editMessageText"))

    with pytest.raises(Unavailable):
        await bot.change(event.conversation, message, "two")
    await bot.change(event.conversation, message, "two")

    bot.is_refused = True  # it says that nothing has changed
    assert "two" == (await bot.telegram.wait_for("ada", "two", where="direct")).text


async def test_a_server_that_cannot_be_reached_has_sent_nothing(telegram: TelegramSimulator) -> None:
    """So it is simply tried again later."""
    adapter = build(
        context_of(
            {**telegram.environment(), "QUARTERDECK__PLATFORMS__TELEGRAM__API_URL": "http://127.0.0.1:1"}
        )
    )
    to = Conversation(id="telegram:1", platform="telegram")

    with pytest.raises(Unavailable):
        await Connected(telegram, adapter, Notes(), Arrivals()).post(to, "Pong.")
    await adapter._close()


@pytest.mark.parametrize("kind", ["disconnect", "lost_answer", "status", "delay"])
async def test_f16_a_broken_poll_loses_nothing(telegram: TelegramSimulator, kind: str) -> None:
    """Ten times, with somebody writing meanwhile."""
    clock = FakeClock()
    async with connected(telegram, clock=clock) as bot:
        for n in range(10):
            telegram.fail(Fault(kind=kind, where="getUpdates", after_s=0.0))  # type: ignore[arg-type]
            await telegram.say("ada", f"m{n}", where="direct")
            waiting = asyncio.create_task(bot.inbox.count(n + 1))
            while not waiting.done():
                await clock.advance(8.0)
                await asyncio.wait({waiting}, timeout=0.01)

    assert [f"m{n}" for n in range(10)] == texts(bot.inbox)


async def test_f18_a_message_that_comes_ten_times_is_one_event(bot: Connected) -> None:
    """Under the same key each time."""
    bot.telegram.fail(Fault(kind="duplicate", where="message", count=10))
    for n in range(10):
        await bot.telegram.say("ada", f"m{n}", where="direct")
    await bot.telegram.say("ada", "end", where="direct")
    await bot.inbox.until(lambda _: texts(bot.inbox)[-1:] == ["end"])

    assert [*(f"m{n}" for n in range(10)), "end"] == texts(bot.inbox)


async def test_f19_an_edit_is_an_edit_of_that_message(bot: Connected) -> None:
    """The core holds it where it comes first."""
    message = await bot.telegram.say("ada", "/pnig", where="direct")
    await bot.telegram.edit("ada", message, "/ping", where="direct")
    said, changed = await bot.inbox.count(2)

    assert isinstance(said, Posted)
    assert isinstance(changed, Edited)
    assert said.message.id == changed.message.id


async def test_f20_a_second_poller_stops_this_one_and_is_told_once(
    telegram: TelegramSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Two that fight would lose messages for each other."""
    clock = FakeClock()
    async with connected(telegram, clock=clock) as bot:
        telegram.fail(Fault(kind="status", status=409, where="getUpdates", count=3))
        for pause_s in (30.0, 60.0, 120.0):
            await bot.until_link("off")
            await clock.wait_for_sleepers()
            await clock.advance(pause_s)
        await bot.until_link("receiving")
        await telegram.say("ada", "again", where="direct")
        await bot.inbox.count(1)

    (alert,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "Another program polls" in alert.message


async def test_f20_a_webhook_that_was_left_is_taken_away(telegram: TelegramSimulator) -> None:
    """The settings say polling."""
    polling = telegram.environment()
    telegram.connect_http("http://127.0.0.1:1")
    assert telegram.updates.has_webhook
    async with connected(telegram, environment=polling) as bot:
        await telegram.say("ada", "hello", where="direct")
        await bot.inbox.count(1)

    assert not telegram.updates.has_webhook


async def test_f21_numbers_that_jump_down_are_taken(
    telegram: TelegramSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty times, also onto numbers that were there before; between them, nothing comes for a while."""
    monkeypatch.setattr(polling, "LONG_POLL_S", 0)
    is_idle = asyncio.Event()
    take = polling.Polling._take

    async def watched(self: polling.Polling, updates: list[Any]) -> None:
        await take(self, updates)
        if not updates:
            is_idle.set()

    monkeypatch.setattr(polling.Polling, "_take", watched)
    async with connected(telegram) as bot:
        for n in range(20):
            telegram.jump_update_ids(1_000 - 40 * n if n % 2 else 5)
            await telegram.say("ada", f"m{n}", where="direct")
            await bot.inbox.count(n + 1)
            is_idle.clear()
            await is_idle.wait()

        assert [f"m{n}" for n in range(20)] == texts(bot.inbox)


async def test_f22_what_gathered_comes_in_order_in_each_chat(telegram: TelegramSimulator) -> None:
    """A thousand messages in ten chats wait at Telegram; now and then the core has no room."""
    for n in range(1_000):
        await telegram.say(f"user{n % 10}", f"{n}", where="direct")
    inbox = Arrivals()
    inbox.failures += [Busy("full") for _ in range(5)]
    async with connected(telegram, inbox=inbox):
        events = await inbox.count(1_000)

    for user in range(10):
        chat = telegram.identity(f"user{user}")
        of_chat = [event for event in events if isinstance(event, Posted) and str(event.actor) == chat]
        assert [str(n) for n in range(user, 1_000, 10)] == [event.message.text for event in of_chat]


async def test_f25_a_refused_token_is_told_once_and_stops_the_calls(
    telegram: TelegramSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """No storm of 401; sends say what is wrong."""
    clock = FakeClock()
    async with connected(telegram, clock=clock) as bot:
        await telegram.say("ada", "one", where="direct")
        (event,) = await bot.inbox.count(1)
        telegram.revoke_token()
        telegram.updates.wake()
        await bot.until_link("needs_auth")
        for _ in range(5):
            await clock.wait_for_sleepers()
            bot.links.clear()
            await clock.advance(600.0)
            await bot.until_link("needs_auth")
            assert ["connecting", "needs_auth"] == bot.links
        with pytest.raises(AuthFailed) as refused:
            await bot.post(event.conversation, "Pong.")

    assert "BotFather" in refused.value.hint
    assert 1 == sum("refuses our token" in record.message for record in caplog.records)
    assert telegram.environment()["TELEGRAM_BOT_TOKEN"] not in caplog.text


@pytest.mark.parametrize("how", ["blocked", "kicked", "closed topic"])
async def test_f26_a_closed_place_is_gone(bot: Connected, how: str) -> None:
    """The core sends nothing more there."""
    where = "direct" if how == "blocked" else "general"
    await bot.telegram.say("ada", "@bot hello" if where == "general" else "hello", where=where)
    (event,) = await bot.inbox.count(1)
    if how == "blocked":
        await bot.telegram.block("ada")
    else:
        await bot.telegram.kick("ada", "general")

    with pytest.raises(Gone):
        await bot.post(event.conversation, "Pong.")
    bot.is_refused = True


async def test_a_flood_wait_says_how_long(bot: Connected) -> None:
    """The core waits as long, and not longer."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    bot.telegram.fail(Fault(kind="rate_limit", where="sendMessage", after_s=7.0))

    with pytest.raises(RateLimited) as limited:
        await bot.post(event.conversation, "Pong.")

    assert 7.0 == limited.value.retry_after_s
    bot.is_refused = True


async def test_a_group_that_moves_is_followed_and_remembered(bot: Connected) -> None:
    """Answers to the old number go to the new one, after a restart, too."""
    bot.telegram.world.group("old", "group")
    await bot.telegram.say("ada", "@bot hello", where="old")
    event = (await bot.inbox.count(1))[0]
    old, new = await bot.telegram.migrate("ada", "old")
    await bot.post(event.conversation, "Pong.")

    assert f"telegram:{old}" == event.conversation.id
    assert [new] == [one.chat.id for one in bot.telegram.world.messages.values() if one.text == "Pong."]
    assert {str(old): new} == await bot.memory.get("moved")
    bot.is_refused = True


async def test_errors_name_no_token(telegram: TelegramSimulator) -> None:
    """The token is part of every address."""
    token = telegram.environment()["TELEGRAM_BOT_TOKEN"]
    async with connected(telegram) as bot:
        told = []
        for kind in ("disconnect", "status", "rate_limit", "lost_answer"):
            telegram.fail(Fault(kind=kind, where="sendMessage"))  # type: ignore[arg-type]
            with pytest.raises(ServiceError) as failed:
                await bot.post(Conversation(id="telegram:1", platform="telegram"), "x")
            told.append(f"{failed.value!r} {failed.value.hint} {failed.value.__cause__!r}")

    assert not [one for one in told if token in one or token.partition(":")[2] in one]
