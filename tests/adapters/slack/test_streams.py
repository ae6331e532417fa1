"""Answers that grow natively where the workspace has that, and by edits where it has not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.adapters.slack.conftest import Bot, DictMemory, running

from quarterdeck.core.event import Posted
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Reply
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator
from quarterdeck.testing.simulator.slack.workspace import Post

THREADS = ["general", "direct"]


async def asked(bot: Bot, where: str) -> tuple[Posted, Conversation]:
    """Let somebody ask in a thread, and return what they asked and where."""
    first = await bot.simulator.say("anna", "hello", where=where)
    await bot.simulator.say("anna", "tell me", where=where, thread=first)
    await bot.until(lambda: any(one.message.text == "tell me" for one in bot.of(Posted)))
    event = next(one for one in bot.of(Posted) if one.message.text == "tell me")
    return event, event.conversation


async def begin(bot: Bot, event: Posted, text: str) -> str:
    """Show the first words of an answer, as the outbox does; returns the message."""
    (part,) = bot.adapter.render(Reply(text=text))
    return await bot.adapter.send(event.conversation, part, f"{event.key}#0")


async def grow(bot: Bot, to: Conversation, message: str, text: str) -> None:
    """Show how far it is."""
    (part,) = bot.adapter.render(Reply(text=text))
    await bot.adapter.edit(to, message, replace(part, is_unfinished=True))


async def finish(bot: Bot, to: Conversation, message: str, text: str) -> None:
    """Show the whole answer."""
    (part,) = bot.adapter.render(Reply(text=text))
    await bot.adapter.edit(to, message, part)


def post_of(bot: Bot, message: str) -> Post:
    """Return a message as the workspace holds it."""
    channel, _, ts = message.partition(":")
    return bot.simulator.workspace.channels[channel].posts[ts]


def ours(bot: Bot) -> list[Post]:
    """Return all messages of the bot."""
    posts = [post for one in bot.simulator.workspace.channels.values() for post in one.posts.values()]
    return [post for post in posts if post.is_bot]


@pytest.mark.parametrize("where", THREADS)
async def test_an_answer_grows_natively_and_ends_exact(bot: Bot, where: str) -> None:
    """No edit until the last one, which brings the markup and our key is on it."""
    event, to = await asked(bot, where)
    message = await begin(bot, event, "All the ")
    post = post_of(bot, message)
    looks = [(post.text, post.is_streaming, post.edits)]
    for text in ("All the words", "All the words come, one by one"):
        await grow(bot, to, message, text)
        looks.append((post.text, post.is_streaming, post.edits))
    await finish(bot, to, message, "All the **words** come, one by one.")

    assert [
        ("All the", True, 0),
        ("All the words", True, 0),
        ("All the words come, one by one", True, 0),
    ] == looks
    assert ("All the *words* come, one by one.", False, 1) == (post.text, post.is_streaming, post.edits)
    assert f"{event.key}#0" == (post.metadata or {})["event_payload"]["key"]
    assert ([post], ()) == (ours(bot), bot.simulator.refusals())


@pytest.mark.parametrize(
    ("begun", "grown"),
    [
        ("It says", "It says <!channel> now"),
        ("It says", "It says `a_b` now"),
        ("See", "See https://example.com/a"),
        ("First words", "Other words"),
    ],
)
async def test_what_slack_could_read_something_into_is_shown_by_an_edit(
    bot: Bot, begun: str, grown: str
) -> None:
    """A stream takes Markdown, in which mentions and links cannot be escaped; and it only grows."""
    event, to = await asked(bot, "general")
    message = await begin(bot, event, begun)
    await grow(bot, to, message, grown)
    post = post_of(bot, message)
    after = (post.is_streaming, post.edits)
    await grow(bot, to, message, f"{grown} and more")
    await finish(bot, to, message, f"{grown} and more.")

    assert ((False, 1), (False, 3)) == (after, (post.is_streaming, post.edits))
    assert ([post], ()) == (ours(bot), bot.simulator.refusals())
    assert [] == list((await bot.simulator.seen("anna", where="general"))[-1].pings)


@pytest.mark.parametrize("text", ["<!channel> look", "@here", "`[a](http://b.example)`", "5 * 3 * 2"])
async def test_first_words_with_marks_are_posted(bot: Bot, text: str) -> None:
    """Nothing of a stranger's text reaches Slack as Markdown."""
    event, _ = await asked(bot, "general")
    message = await begin(bot, event, text)

    assert (False, False) == (post_of(bot, message).is_streaming, post_of(bot, message).is_markdown)


async def test_outside_threads_answers_are_posted(bot: Bot) -> None:
    """Slack streams into threads alone."""
    await bot.simulator.say("anna", "tell me", where="direct")
    await bot.until(lambda: bot.of(Posted))
    message = await begin(bot, bot.of(Posted)[0], "All the words")

    assert not post_of(bot, message).is_streaming


async def test_a_workspace_without_streams_is_asked_once() -> None:
    """It is remembered, over restarts too; answers grow by edits there."""
    memory = DictMemory()
    async with SlackSimulator(has_streams=False) as slack:
        async with running(slack, memory) as bot:
            event, to = await asked(bot, "general")
            message = await begin(bot, event, "All the words")
            await grow(bot, to, message, "All the words come")
            await finish(bot, to, message, "All the words come.")
            post, first = post_of(bot, message), list(slack.refusals())
        async with running(slack, memory) as bot:
            event, _ = await asked(bot, "general")
            await begin(bot, event, "Once more")

            assert ("All the words come.", 2) == (post.text, post.edits)
            assert (1, first) == (len(first), list(slack.refusals()))


async def test_a_stream_that_slack_ended_goes_on_by_edits(bot: Bot) -> None:
    """Slack lets none last longer than some minutes."""
    event, to = await asked(bot, "general")
    message = await begin(bot, event, "All the words")
    post = post_of(bot, message)
    post.is_streaming = False
    await grow(bot, to, message, "All the words come")
    await finish(bot, to, message, "All the words come.")

    assert ("All the words come.", 2, [post]) == (post.text, post.edits, ours(bot))


async def test_after_a_crash_the_answer_goes_on_in_the_message_that_was_begun(slack: SlackSimulator) -> None:
    """Nobody wrote down that it had begun, and it carries no key yet."""
    memory = DictMemory()
    async with running(slack, memory) as bot:
        event, to = await asked(bot, "general")
        message = await begin(bot, event, "All the words")
    async with running(slack, memory) as bot:
        again = await begin(bot, event, "All the words")
        await finish(bot, to, again, "All the words come.")
        post = post_of(bot, message)

        assert (message, "All the words come.", False) == (again, post.text, post.is_streaming)
        assert [post] == ours(bot)
