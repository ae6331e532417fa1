"""What goes wrong on the way, as in the fault matrix: nothing lost, nothing doubled, nothing cut."""

import asyncio

import pytest
from tests.adapters.slack.conftest import Bot, DictMemory, running

from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.core.event import Edited, Invoked, Posted
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Reply
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator


async def spoken(bot: Bot, where: str = "general") -> Conversation:
    """Let somebody write, and return where."""
    await bot.simulator.say("anna", "hello", where=where)
    await bot.until(lambda: bot.of(Posted))
    return bot.of(Posted)[-1].conversation


async def said_by_bot(slack: SlackSimulator, where: str = "general") -> list[str]:
    """Return what the bot says there."""
    return [one.text for one in await slack.seen("ben", where=where) if one.author == "bot"]


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(bot: Bot) -> None:
    """F4: the key stands in the message's metadata."""
    where = await spoken(bot)
    bot.simulator.fail(Fault(kind="lost_answer", where="chat.postMessage"))
    with pytest.raises(Unknown):
        await bot.send(Reply(text="once"), where, bot.events[0].key)
    (message,) = await bot.send(Reply(text="once"), where, bot.events[0].key)

    seen = await bot.simulator.seen("ben")
    assert ["once"] == await said_by_bot(bot.simulator)
    assert seen[-1].id == message.rpartition(":")[2]


async def test_a_post_that_never_arrived_is_sent_again(bot: Bot) -> None:
    """F4, the other half: the connection broke before Slack had it."""
    where = await spoken(bot)
    bot.simulator.fail(Fault(kind="drop", where="chat.postMessage"))
    with pytest.raises((Unknown, Unavailable)):
        await bot.send(Reply(text="once"), where, bot.events[0].key)
    await bot.send(Reply(text="once"), where, bot.events[0].key)

    assert ["once"] == await said_by_bot(bot.simulator)


@pytest.mark.parametrize("command", ["ping", "deploy", None])
async def test_what_a_killed_process_had_posted_is_not_posted_again(
    slack: SlackSimulator, command: str | None
) -> None:
    """F4: kill -9 after Slack took it, before that was written down; an acknowledgement is known by its words."""
    memory = DictMemory()
    async with running(slack, memory) as bot:
        bot.answer = lambda event: Reply(text="once")
        if command:
            await slack.command("anna", command, "")
        else:
            await slack.say("anna", "hello")
        await bot.until(lambda: bot.sent)
        event = bot.events[0]
    async with running(slack, memory) as bot:
        await bot.send(Reply(text="once"), event.conversation, event.key)
        await bot.send(Reply(text="more"), event.conversation, "another")

        assert ["once", "more"] == await said_by_bot(slack)


async def test_what_was_whispered_before_a_kill_is_not_whispered_again(slack: SlackSimulator) -> None:
    """Nobody can look up what was shown to one person alone: it is left to a person."""
    memory = DictMemory()
    async with running(slack, memory) as bot:
        bot.answer = lambda event: Reply(text="psst", private_to=event.actor)
        await slack.command("anna", "ping", "")
        await bot.until(lambda: bot.sent)
        event = bot.events[0]
    async with running(slack, memory) as bot:
        with pytest.raises(Rejected, match="one person alone"):
            await bot.send(Reply(text="psst", private_to=event.actor), event.conversation, event.key)

        assert ["psst"] == [one.text for one in await slack.seen("anna") if one.to]


async def test_what_was_said_while_the_bot_was_away_is_read_once_and_marked_late(
    slack: SlackSimulator,
) -> None:
    """F16: also replies in threads, and nothing of what was read before."""
    memory = DictMemory()
    async with running(slack, memory) as bot:
        ts = await slack.say("anna", "before")
        await bot.until(lambda: bot.events)
        keys = set(bot.keys)
    slack.deliveries.door = None  # Slack has given up bringing it
    await slack.say("anna", "while away")
    await slack.say("ben", "in the thread", thread=ts)
    async with running(slack, memory) as bot:
        bot.keys |= keys
        await bot.until(lambda: len({one.message.text for one in bot.of(Posted) if one.is_late}) == 2)

        late = [one for one in bot.of(Posted) if one.is_late]
        assert {"while away", "in the thread"} == {one.message.text for one in late}
        assert "thread" == next(o for o in late if o.message.text == "in the thread").conversation.kind


async def test_sockets_are_replaced_before_slack_closes_them(slack: SlackSimulator) -> None:
    """F16: a routine refresh costs no event; two are open at any time."""
    async with running(slack) as bot:
        await slack.workspace.changes.until(
            lambda: len(slack.sockets.connections) == 2, timeout_s=10, what="two sockets"
        )
        await slack.disconnect("refresh_requested")
        await slack.say("anna", "during the change")
        await bot.until(lambda: bot.events)
        await slack.workspace.changes.until(
            lambda: slack.sockets.connected_in_all == 4 and len(slack.sockets.connections) == 2,
            timeout_s=15,
            what="two new sockets",
        )

        assert "receiving" == bot.adapter.link
        assert ["during the change"] == [one.message.text for one in bot.of(Posted)]


async def test_broken_sockets_come_back_and_what_was_missed_is_read(slack: SlackSimulator) -> None:
    """F16: connections reset without a word; 0 lost, 0 doubled, within 10 s."""
    async with running(slack) as bot:
        await spoken(bot)
        loop = asyncio.get_running_loop()
        for number in range(5):
            began_s = loop.time()
            slack.sockets.break_all()
            await slack.say("anna", f"message {number}")
            await bot.until(lambda count=number + 2: len(bot.of(Posted)) == count)

            assert loop.time() - began_s < 10
        texts = [one.message.text for one in bot.of(Posted)]
        assert sorted({"hello", *(f"message {n}" for n in range(5))}) == sorted(texts)


async def test_an_edit_that_overtakes_its_message_names_it_all_the_same(bot: Bot) -> None:
    """F19: putting them in order is the core's; both carry the message's one id."""
    bot.simulator.fail(Fault(kind="reorder", where="message"))
    ts = await bot.simulator.say("anna", "first")
    await bot.simulator.edit("anna", ts, "second")
    await bot.until(lambda: bot.of(Posted) and bot.of(Edited))

    assert bot.of(Posted)[0].message.id == bot.of(Edited)[0].message.id


async def test_a_rate_limit_says_how_long_to_wait(bot: Bot) -> None:
    """The core waits; the adapter repeats nothing by itself."""
    where = await spoken(bot)
    bot.simulator.fail(Fault(kind="rate_limit", where="chat.postMessage", after_s=7))
    with pytest.raises(RateLimited) as caught:
        await bot.send(Reply(text="later"), where, bot.events[0].key)

    assert 7 == caught.value.retry_after_s
    assert [] == await said_by_bot(bot.simulator)


@pytest.mark.parametrize("what", ["archive", "remove_bot"])
async def test_a_place_that_is_closed_is_gone(bot: Bot, what: str) -> None:
    """F26: archived, or the bot was taken out; a dead letter with its reason, no loop."""
    where = await spoken(bot, "secret")
    getattr(bot.simulator, what)("secret")
    with pytest.raises(Gone) as caught:
        await bot.send(Reply(text="hello?"), where, bot.events[0].key)

    assert caught.value.hint


async def test_a_revoked_token_is_said_once_and_not_knocked_with(
    slack: SlackSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """F25: needs re-auth, one line with the fix, no storm of refused calls."""
    async with running(slack) as bot:
        where = await spoken(bot)
        slack.api.is_revoked = True
        for n in range(20):
            with pytest.raises(AuthFailed):
                await bot.send(Reply(text="hello?"), where, f"{bot.events[0].key}~{n}")

        assert "needs_auth" == bot.adapter.link
        lines = [one for one in caplog.records if "refuses our token" in one.getMessage()]
        assert [1, True] == [len(lines), "SLACK_BOT_TOKEN" in lines[0].fix]
        assert 1 == len([one for one in slack.refusals() if "chat.postMessage" in one])


async def test_an_app_token_that_is_refused_stops_no_answer(
    slack: SlackSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """F25: it only opens sockets; the fix names its own variable."""
    async with running(slack) as bot:
        where = await spoken(bot)
        slack.api._app_token = "another"  # what Slack knows since somebody made a new one
        slack.sockets.break_all()
        while "needs_auth" != bot.adapter.link:
            await asyncio.sleep(0)
        await bot.send(Reply(text="still here"), where, bot.events[0].key)

        assert ["still here"] == await said_by_bot(slack)
        assert "SLACK_APP_TOKEN" in next(
            one.fix for one in caplog.records if "no connection" in one.getMessage()
        )


async def test_a_server_error_leaves_a_post_in_doubt_and_a_question_not(bot: Bot) -> None:
    """What changes nothing may simply be asked again."""
    where = await spoken(bot)
    bot.simulator.fail(Fault(kind="status", where="chat.postMessage", status=500))
    with pytest.raises(Unknown):
        await bot.send(Reply(text="once"), where, bot.events[0].key)
    bot.simulator.fail(Fault(kind="status", where="conversations.members", status=500))
    with pytest.raises(Unavailable):
        await bot.adapter.members(where)


async def test_commands_while_the_adapter_is_down_are_not_taken(slack: SlackSimulator) -> None:
    """A send before the connection is open may be tried again later."""
    async with running(slack) as bot:
        bot.answer = lambda event: Reply(text="Pong.") if isinstance(event, Invoked) else None
        await slack.command("anna", "ping", "")
        await slack.wait_for("anna", "Pong.")
        where, adapter = bot.events[0].conversation, bot.adapter
    with pytest.raises(ServiceError) as caught:
        await adapter.send(where, adapter.render(Reply(text="late"))[0], "k#1")

    assert caught.value.retryable
    assert "off" == adapter.link
