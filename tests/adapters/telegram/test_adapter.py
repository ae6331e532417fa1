"""The adapter with the real SDK, against a simulated Telegram."""

from __future__ import annotations

from tests.adapters.telegram.conftest import COMMANDS, Connected

from quarterdeck.core.event import Posted
from quarterdeck.core.reply import Reply


async def test_a_direct_message_is_answered(bot: Connected) -> None:
    """The shortest way there and back."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    await bot.answer(event, Reply(text="Pong."))

    assert isinstance(event, Posted)
    assert ("/ping", "direct", "Ada") == (event.message.text, event.conversation.kind, event.actor_name)
    assert "Pong." == (await bot.telegram.wait_for("ada", "Pong.", where="direct")).text
    assert "receiving" == bot.adapter.link


async def test_a_group_is_answered_with_a_reply_to_what_was_asked(bot: Connected) -> None:
    """Several people ask at once there."""
    asked = await bot.telegram.say("ada", "@bot how late is it?")
    (event,) = await bot.inbox.count(1)
    await bot.answer(event, Reply(text="Late."))

    assert isinstance(event, Posted)
    assert ("how late is it?", True, "group") == (
        event.message.text,
        event.message.mentions_bot,
        event.conversation.kind,
    )
    (sent,) = [one for one in bot.telegram.world.messages.values() if one.text == "Late."]
    assert int(asked) == sent.reply_to


async def test_the_menu_offers_commands_and_what_is_picked_comes_as_text(bot: Connected) -> None:
    """`run-book` is `run_book` on Telegram, and ours again when it comes back."""
    await bot.adapter.declare(COMMANDS)
    await bot.telegram.command("ada", "run-book", {"page": "7"})
    (event,) = await bot.inbox.count(1)

    assert isinstance(event, Posted)
    assert ("/run-book 7", True) == (event.message.text, event.message.mentions_bot)
