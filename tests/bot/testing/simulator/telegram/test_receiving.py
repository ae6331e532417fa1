"""How a bot hears of what people do: by polling, by webhook, in groups, after a fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats, Update
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram.error import BadRequest, Conflict, NetworkError, RetryAfter
from telegram.ext import Application, CommandHandler
from tests.bot.testing.simulator.telegram.conftest import connect

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.telegram.simulator import WEBHOOK_SECRET, TelegramSimulator


async def test_the_sdks_own_application_answers_people(telegram: TelegramSimulator) -> None:
    """python-telegram-bot polls, gets a command, and answers."""

    async def ping(update: Update, context: Any) -> None:
        assert update.message is not None
        await update.message.reply_text("Pong.")

    application = Application.builder().bot(connect(telegram)).build()
    application.add_handler(CommandHandler("ping", ping))
    async with application:
        await application.start()
        assert application.updater is not None
        await application.updater.start_polling(poll_interval=0, timeout=5)
        await telegram.ready()
        await telegram.say("alice", "/ping", where="direct")

        seen = await telegram.wait_for("alice", "Pong.", where="direct")

        await application.updater.stop()
        await application.stop()
    assert ("bot", ()) == (seen.author, tuple(telegram.refusals()))


async def test_an_offset_confirms_and_nothing_else_does(telegram: TelegramSimulator, bot: Bot) -> None:
    """What was not confirmed comes again."""
    for word in ("one", "two", "three"):
        await telegram.say("alice", word, where="direct")

    first = await bot.get_updates(limit=2)
    again = await bot.get_updates(limit=2)
    rest = await bot.get_updates(offset=first[-1].update_id + 1)

    def words(updates: tuple[Update, ...]) -> list[str | None]:
        return [update.message.text for update in updates if update.message]

    assert [["one", "two"], ["one", "two"], ["three"]] == [words(first), words(again), words(rest)]


async def test_a_poll_waits_until_somebody_writes(telegram: TelegramSimulator, bot: Bot) -> None:
    """No polling in between."""
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await telegram.ready()

    await telegram.say("alice", "now", where="direct")

    assert ["now"] == [update.message.text for update in await poll if update.message]


async def test_a_second_poll_ends_the_first(telegram: TelegramSimulator, bot: Bot) -> None:
    """409 goes to the one that waits."""
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await telegram.ready()

    await telegram.steal_poll()

    with pytest.raises(Conflict, match="make sure that only one bot instance is running"):
        await poll


async def test_polling_beside_a_webhook_is_refused(telegram: TelegramSimulator, bot: Bot) -> None:
    """Until the webhook is taken away."""
    await bot.set_webhook("http://127.0.0.1:9/telegram", secret_token="right")

    with pytest.raises(Conflict, match="while webhook is active"):
        await bot.get_updates()
    with pytest.raises(BadRequest, match="unallowed characters"):
        await bot.set_webhook("http://127.0.0.1:9/telegram", secret_token="wrong one")
    with pytest.raises(BadRequest, match="https url"):
        await bot.set_webhook("http://bot.example/telegram")
    await bot.delete_webhook()

    assert () == await bot.get_updates()


async def test_updates_wait_for_a_day(clock: FakeClock) -> None:
    """Who comes later has lost them."""
    async with TelegramSimulator(clock=clock) as telegram, connect(telegram) as bot:
        await telegram.say("alice", "old", where="direct")
        await clock.advance(24 * 3600 - 1)
        await telegram.say("alice", "young", where="direct")
        both = await bot.get_updates()
        await clock.advance(2)

        assert [2, 1] == [len(both), len(await bot.get_updates())]


async def test_numbers_may_jump_down(telegram: TelegramSimulator, bot: Bot) -> None:
    """After a week without updates the next number is any."""
    await telegram.say("alice", "before", where="direct")
    (before,) = await bot.get_updates()
    telegram.jump_update_ids(5)
    await bot.get_updates(offset=before.update_id + 1)
    await telegram.say("alice", "after", where="direct")

    assert [5] == [update.update_id for update in await bot.get_updates()]


async def test_in_a_group_a_bot_hears_what_is_meant_for_it(telegram: TelegramSimulator, bot: Bot) -> None:
    """Commands, mentions and replies; all of it once it is an administrator."""
    await telegram.say("alice", "among us", where="general")
    await telegram.say("alice", "@bot for you", where="general")
    await telegram.say("alice", "/ping", where="general")
    await telegram.say("alice", "/ping@other_bot", where="general")
    sent = await bot.send_message(telegram.world.group("general").id, "I am here")
    await telegram.say("alice", "so you are", where="general", thread=str(sent.message_id))
    await telegram.promote("alice", "general")
    await telegram.say("alice", "all of it", where="general")

    heard = [update.message.text for update in await bot.get_updates() if update.message]

    assert ["@quarterdeck_bot for you", "/ping", "so you are", "all of it"] == heard


async def test_a_press_waits_for_its_answer(clock: FakeClock) -> None:
    """Once, and not for long."""
    async with TelegramSimulator(clock=clock) as telegram, connect(telegram) as bot:
        await telegram.say("alice", "hi", where="direct")
        keyboard = Keyboard([[Button("Yes", callback_data="y"), Button("No", callback_data="n")]])
        await bot.send_message(telegram.world.user("alice").id, "Sure?", reply_markup=keyboard)
        await telegram.press("alice", "No", where="direct")
        await telegram.press("alice", "Yes", where="direct")
        _, no, yes = [update.callback_query for update in await bot.get_updates()]

        await bot.answer_callback_query(no.id, text="Fine.")
        with pytest.raises(BadRequest, match="Query is too old"):
            await bot.answer_callback_query(no.id)
        await clock.advance(16)
        with pytest.raises(BadRequest, match="Query is too old"):
            await bot.answer_callback_query(yes.id)

        assert (["n", "y"], ["Fine."]) == ([no.data, yes.data], telegram.notices("alice"))
        with pytest.raises(LookupError, match="'Yes', 'No'"):
            await telegram.press("alice", "Maybe", where="direct")


async def test_the_menu_offers_what_was_set_for_the_place(telegram: TelegramSimulator, bot: Bot) -> None:
    """The narrowest scope wins; a command that is not in it cannot be picked."""
    await bot.set_my_commands([BotCommand("ping", "See whether I am there")])
    await bot.set_my_commands([BotCommand("ask", "Ask me")], scope=BotCommandScopeAllPrivateChats())

    await telegram.command("alice", "ask", "how?", where="direct")
    await telegram.command("alice", "ping", "", where="general")
    with pytest.raises(LookupError, match="no /ask"):
        await telegram.command("alice", "ask", "how?", where="general")
    for wrong in ("Ping", "delivery list", "x" * 33):
        with pytest.raises(BadRequest, match=r"(?i)BOT_COMMAND_INVALID"):
            await bot.set_my_commands([BotCommand(wrong, "wrong")])

    heard = [update.message.text for update in await bot.get_updates() if update.message]
    assert ["/ask how?", "/ping@quarterdeck_bot"] == heard
    assert ("ping",) == tuple(command.command for command in await bot.get_my_commands())


async def test_reactions_come_when_they_were_asked_for(telegram: TelegramSimulator, bot: Bot) -> None:
    """They are not among the usual kinds."""
    number = await telegram.say("alice", "hi", where="direct")
    await telegram.react("alice", number, "👍", where="direct")
    usual = await bot.get_updates()
    await bot.get_updates(offset=usual[-1].update_id + 1, allowed_updates=["message", "message_reaction"])
    await telegram.react("alice", number, "🔥", where="direct")

    (reaction,) = await bot.get_updates()
    assert (1, "🔥") == (len(usual), reaction.message_reaction.new_reaction[0].emoji)


@asynccontextmanager
async def hooked(answers: list[int], seen: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Serve a webhook that answers with `answers`, then 200; yields its address."""

    async def take(request: web.Request) -> web.Response:
        seen.append(
            {"secret": request.headers.get("X-Telegram-Bot-Api-Secret-Token"), **await request.json()}
        )
        status = answers.pop(0) if answers else 200
        reply = {"method": "sendMessage", "chat_id": seen[-1]["message"]["chat"]["id"], "text": "taken"}
        return web.json_response(reply, status=status)

    app = web.Application()
    app.router.add_post("/telegram/webhook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_webhook_gets_each_update_until_it_takes_it(telegram: TelegramSimulator) -> None:
    """With the secret, in order, again after an error; its answer may hold a method."""
    seen: list[dict[str, Any]] = []
    async with hooked([503, 500], seen) as address:
        telegram.connect_http(address)
        await telegram.ready()
        await telegram.say("alice", "one", where="direct")
        await telegram.say("alice", "two", where="direct")
        await telegram.wait_for("alice", "taken", where="direct")
        await telegram.changes.until(lambda: len(seen) == 4, timeout_s=20, what="four deliveries")

    assert ["one", "one", "one", "two"] == [update["message"]["text"] for update in seen]
    assert {WEBHOOK_SECRET} == {update["secret"] for update in seen}


async def test_faults_happen_as_ordered(telegram: TelegramSimulator, bot: Bot) -> None:
    """Calls: refused, too many, broken. Updates: twice, in the wrong order."""
    await telegram.say("alice", "hi", where="direct")
    chat = telegram.world.user("alice").id
    telegram.fail(Fault(kind="status", where="sendMessage", status=502))
    telegram.fail(Fault(kind="rate_limit", where="sendChatAction", after_s=3))

    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.send_message(chat, "x")
    with pytest.raises(RetryAfter):
        await bot.send_chat_action(chat, "typing")
    telegram.fail(Fault(kind="duplicate", where="message"))
    await telegram.say("alice", "twice", where="direct")
    telegram.fail(Fault(kind="reorder", where="message"))
    await telegram.say("alice", "late", where="direct")
    await telegram.say("alice", "early", where="direct")

    heard = [update.message.text for update in await bot.get_updates() if update.message]
    assert ["hi", "twice", "twice", "early", "late"] == heard
