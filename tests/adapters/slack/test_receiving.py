"""What comes in from the simulated workspace: each thing once, by sockets and over HTTP alike."""

from tests.adapters.slack.conftest import Bot

from quarterdeck.core.errors import Busy, Unavailable
from quarterdeck.core.event import Deleted, Edited, Invoked, Joined, Posted, Reacted
from quarterdeck.core.reply import Reply
from quarterdeck.testing.simulator.platform import Fault


async def delivered(bot: Bot) -> None:
    """Return once the bot has acknowledged all that was brought."""
    await bot.simulator.workspace.changes.until(
        lambda: bot.simulator.deliveries.all and not bot.simulator.deliveries.unacknowledged(),
        timeout_s=10,
        what="acknowledgements",
    )


async def test_a_mention_is_one_event_though_slack_brings_it_twice(bot: Bot) -> None:
    """As `message` and as `app_mention`."""
    ben = bot.simulator.identity("ben")
    ts = await bot.simulator.say("anna", "@bot deploy api & tell @ben")
    await bot.until(lambda: bot.events)
    await delivered(bot)

    assert [ts] == [event.id.rpartition(":")[2] for event in bot.events]
    assert isinstance(bot.events[0], Posted)
    assert f"deploy api & tell {ben}" == bot.events[0].message.text
    assert bot.events[0].message.mentions_bot
    assert bot.simulator.identity("anna") == str(bot.events[0].actor)
    assert () == bot.simulator.refusals()


async def test_threads_and_direct_messages_are_conversations_of_their_own(bot: Bot) -> None:
    """A thread in a channel is a thread; everything in a direct conversation is for the bot."""
    ts = await bot.simulator.say("anna", "hello")
    await bot.simulator.say("ben", "hi", thread=ts)
    await bot.simulator.say("anna", "just us", where="direct")
    await bot.until(lambda: len(bot.events) == 3)

    found = {event.message.text: event.conversation for event in bot.of(Posted)}
    assert ["group", "thread", "direct"] == [found[text].kind for text in ("hello", "hi", "just us")]
    assert f"{found['hello'].id}:{ts}" == found["hi"].id


async def test_changes_deletions_reactions_and_joins_are_events(bot: Bot) -> None:
    """Each names the message that it is about as its own event does."""
    ts = await bot.simulator.say("anna", "deploy api")
    await bot.until(lambda: bot.events)
    await bot.simulator.edit("anna", ts, "deploy web")
    await bot.simulator.react("ben", ts, "👍")
    await bot.until(lambda: bot.of(Edited) and bot.of(Reacted))
    await bot.simulator.delete("anna", ts)
    await bot.simulator.join("ben", "general")
    await bot.until(lambda: bot.of(Deleted) and bot.of(Joined))

    posted, edited, reacted = bot.of(Posted)[0], bot.of(Edited)[0], bot.of(Reacted)[0]
    assert ("deploy web", posted.message.id) == (edited.message.text, edited.message.id)
    assert ("👍", posted.message.id, True) == (reacted.emoji, reacted.message_id, reacted.added)
    assert posted.message.id == bot.of(Deleted)[0].message_id


async def test_files_come_with_their_message_and_are_read_with_the_token(bot: Bot, tmp_path: object) -> None:
    """Their address is only the adapter's to open."""
    await bot.simulator.say("anna", "look", files=[("report.txt", b"all is well")])
    await bot.until(lambda: bot.events)
    (found,) = bot.of(Posted)[0].message.attachments
    await bot.adapter.download(found, tmp_path / "report", limit_bytes=1_000)

    assert ("report.txt", 11) == (found.name, found.size_bytes)
    assert b"all is well" == (tmp_path / "report").read_bytes()


async def test_slash_commands_come_by_their_own_name_and_below_the_umbrella(bot: Bot) -> None:
    """`/status` is Slack's own, so it goes through `/qd`."""
    await bot.simulator.command("anna", "deploy", "api --env prod")
    await bot.simulator.command("anna", "status", "")
    await bot.until(lambda: len(bot.events) == 2)

    assert {("deploy", "api --env prod"), ("status", "")} == {
        (event.command, event.text) for event in bot.of(Invoked)
    }


async def test_a_repeated_delivery_is_handed_over_and_known_by_its_id(bot: Bot) -> None:
    """F18: the core keeps one; the retry's own headers decide nothing."""
    bot.simulator.fail(Fault(kind="duplicate", where="message"))
    await bot.simulator.say("anna", "once")
    await bot.until(lambda: bot.events)
    await delivered(bot)

    assert ["once"] == [event.message.text for event in bot.of(Posted)]


async def test_an_event_that_cannot_be_stored_is_not_acknowledged_and_comes_again(bot: Bot) -> None:
    """F1: 503 over HTTP, silence on a socket; Slack brings it again at once."""
    bot.failures.append(Busy("full") if len(bot.adapter.routes()) else Unavailable("full", service="store"))
    await bot.simulator.say("anna", "keep me")
    await bot.until(lambda: bot.events)

    assert ["keep me"] == [event.message.text for event in bot.of(Posted)]


async def test_what_the_bot_says_itself_never_comes_in(bot: Bot) -> None:
    """Slack tells an app of its own messages, too; the inbox drops what a program wrote."""
    await bot.simulator.say("anna", "hello")
    await bot.until(lambda: bot.events)
    await bot.adapter.send(bot.events[0].conversation, bot.adapter.render(Reply(text="hi"))[0], "k#1")
    await delivered(bot)

    assert 1 == len(bot.events)
