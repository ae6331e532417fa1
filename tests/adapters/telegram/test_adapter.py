"""The adapter with the real SDK, against a simulated Telegram."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from tests.adapters.telegram.conftest import COMMANDS, Connected

from quarterdeck.core.adapter import Ability, Rendered
from quarterdeck.core.errors import Rejected, UsageError
from quarterdeck.core.event import Posted, Pressed, Reacted
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, File, Reply
from quarterdeck_adapters.telegram import adapter, buttons, mark, menu, render
from quarterdeck_adapters.telegram import files as transfers
from quarterdeck_adapters.telegram.manifest import manifest
from quarterdeck_adapters.telegram.settings import TelegramSettings


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


async def test_a_press_means_what_we_have_put_there(bot: Connected) -> None:
    """Telegram carries 64 bytes; the value may be longer, and nobody else can make one up."""
    value = "/deploy api --note " + "x" * 500
    await bot.telegram.say("ada", "/deploy", where="direct")
    (event,) = await bot.inbox.count(1)
    card = Card(buttons=(Button(id="go", label="Go", value=value, danger=True), Button(id="no", label="No")))
    await bot.answer(event, Reply(text="Sure?", card=card))
    await bot.telegram.press("ada", "Go", where="direct")
    press = (await bot.inbox.count(2))[1]

    assert isinstance(press, Pressed)
    assert ("go", value) == (press.button_id, press.value)


async def test_a_press_that_we_know_nothing_of_is_told_and_dropped(bot: Connected) -> None:
    """A changed client can send any data it likes."""
    await bot.telegram.say("ada", "/deploy", where="direct")
    (event,) = await bot.inbox.count(1)
    await bot.answer(
        event, Reply(text="Sure?", card=Card(buttons=(Button(id="go", label="Go", value="/x"),)))
    )
    for name in [name for name in bot.memory.kept if name.startswith("buttons:")]:
        await bot.memory.forget(name)
    await bot.telegram.press("ada", "Go", where="direct")
    await bot.telegram.say("ada", "end", where="direct")
    await bot.inbox.until(lambda events: len(events) == 2)

    assert [Posted, Posted] == [type(event) for event in bot.inbox.events]


async def test_a_reaction_goes_both_ways(bot: Connected) -> None:
    """Ours is the nearest that Telegram has."""
    await bot.telegram.promote("ada", "general")
    message = await bot.telegram.say("ada", "@bot hello")
    (event,) = await bot.inbox.until(lambda events: any(isinstance(one, Posted) for one in events))
    await bot.adapter.react(event.conversation, message, "✅")
    await bot.telegram.react("ada", message, "🎉")
    reacted = (await bot.inbox.count(2))[1]

    assert isinstance(reacted, Reacted)
    assert ("🎉", message) == (reacted.emoji, reacted.message_id)
    with pytest.raises(Rejected, match="no reaction"):
        await bot.adapter.react(event.conversation, message, "🧀")


async def test_files_come_and_go(bot: Connected, tmp_path: Path) -> None:
    """A document in, a document with a name of any letters out."""
    await bot.telegram.say("ada", "/read", where="direct", files=[("plan.txt", b"the plan")])
    (event,) = await bot.inbox.count(1)
    assert isinstance(event, Posted)
    (attachment,) = event.message.attachments
    await bot.adapter.download(attachment, tmp_path / "in", limit_bytes=100)
    out = tmp_path / "out"
    out.write_bytes(b"answer")
    file = File(name='Bericht "März".txt', path=str(out), media_type="text/plain")
    await bot.answer(event, Reply(text="Here.", files=(file,)))

    assert b"the plan" == (tmp_path / "in").read_bytes()
    assert ("Bericht März.txt",) == (await bot.telegram.wait_for("ada", "Here.", where="direct")).files


async def test_files_that_are_too_large_are_refused_in_the_open(bot: Connected, tmp_path: Path) -> None:
    """Nothing is written, nothing is sent."""
    large = Attachment(name="x", media_type="x/y", size_bytes=30_000_000, url="x")
    to = Conversation(id="telegram:1", platform="telegram")
    gone = File(name="gone.txt", path=str(tmp_path / "gone"))
    (part,) = bot.adapter.render(Reply(files=(gone,)))

    with pytest.raises(UsageError, match="20 MB"):
        await bot.adapter.download(large, tmp_path / "in", limit_bytes=100_000_000)
    with pytest.raises(Rejected, match="gone"):
        await bot.adapter.send(to, part, "x#1")


async def test_a_message_is_edited_in_place(bot: Connected) -> None:
    """With its buttons taken away."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    (message,) = await bot.answer(event, Reply(text="wait", card=Card(buttons=(Button(id="b", label="B"),))))
    await bot.adapter.typing(event.conversation)
    (part,) = bot.adapter.render(Reply(text="**done**"))
    await bot.adapter.edit(event.conversation, message, part)
    seen = await bot.telegram.wait_for("ada", "done", where="direct")

    assert ((), 1) == (seen.buttons, seen.edits)


async def test_telegram_is_not_asked_to_change_a_message_into_itself(bot: Connected) -> None:
    """The last form of an answer that grew is often the one before it; Telegram refuses that."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    (message,) = await bot.answer(event, Reply(text="first"))
    for text in ("first", "second", "second", "first"):
        (part,) = bot.adapter.render(Reply(text=text))
        await bot.adapter.edit(event.conversation, message, part)
    (seen,) = [one for one in await bot.telegram.seen("ada", where="direct") if one.author == "bot"]

    assert ("first", 2, ()) == (seen.text, seen.edits, bot.telegram.refusals())


async def test_blanks_and_their_markup_at_the_end_change_nothing(bot: Connected) -> None:
    """An answer may be cut off inside of a code block that is still empty."""
    await bot.telegram.say("ada", "/ping", where="direct")
    (event,) = await bot.inbox.count(1)
    (message,) = await bot.answer(event, Reply(text="**so** 🇩🇪"))
    bold, empty = ({"type": kind, "offset": at, "length": 2} for kind, at in (("bold", 0), ("pre", 9)))
    for entities in ([bold, empty], [bold]):
        body: dict[str, object] = {"text": "so 🇩🇪\n\n ", "entities": entities}
        await bot.adapter.edit(event.conversation, message, Rendered(text="so", body=body))
    (seen,) = [one for one in await bot.telegram.seen("ada", where="direct") if one.author == "bot"]

    assert (0, ()) == (seen.edits, bot.telegram.refusals())


async def test_an_answer_in_a_topic_stays_there(bot: Connected) -> None:
    """A topic is a conversation of its own."""
    await bot.telegram.say("ada", "@bot hello", where="forum", thread="Releases")
    (event,) = await bot.inbox.count(1)
    await bot.adapter.typing(event.conversation)
    await bot.answer(event, Reply(text="Here."))

    assert "thread" == event.conversation.kind
    assert "Releases" == (await bot.telegram.wait_for("ada", "Here.", where="forum")).thread
    assert adapter.PACE.place(event.conversation) == event.conversation.id.rpartition(":")[0]


async def test_who_reads_a_chat_is_known_where_it_can_be(bot: Connected) -> None:
    """Telegram names administrators and a number, no members."""
    await bot.telegram.say("ada", "hello", where="direct")
    await bot.telegram.say("ada", "@bot hello")
    direct, group = await bot.inbox.count(2)
    ada = Identity.parse(bot.telegram.identity("ada"))

    assert frozenset({ada}) == await bot.adapter.members(direct.conversation)
    assert await bot.adapter.members(group.conversation) is None
    assert direct.conversation == await bot.adapter.direct(ada)
    assert await bot.adapter.direct(Identity.parse(bot.telegram.identity("bo"))) is None
    bot.is_refused = True


async def test_menus_are_set_once_and_groups_get_nothing_private(bot: Connected) -> None:
    """A restart changes nothing."""
    await bot.adapter.declare(COMMANDS)
    offered = menu.menus_of(COMMANDS)
    await bot.adapter.declare(COMMANDS)

    assert ["ping"] == [entry["command"] for entry in offered["default"]]
    assert ["ping", "run_book", "secret"] == [entry["command"] for entry in offered["all_private_chats"]]
    assert ["ping", "run_book"] == [entry["command"] for entry in offered["all_group_chats"]]


def test_the_manifest_can_be_pasted_into_botfather() -> None:
    """One line for each command, and what no program can set."""
    text = manifest(COMMANDS, TelegramSettings(mode="webhook"))

    assert "run_book - Open a page of the run book.\n" in text
    assert "/setprivacy" in text
    assert "webhook_url" in text


def test_the_constants_are_those_of_the_platform_file() -> None:
    """The parity table is made of the file, the work is done by the constants."""
    facts = yaml.safe_load((files("quarterdeck_adapters.telegram") / "platform.yaml").read_text())
    pace = adapter.PACE

    assert sorted(facts["abilities"]) == sorted(str(one) for one in adapter.ABILITIES)
    assert facts["pace"] == {
        "conversation_s": pace.conversation_s,
        "per_second": pace.per_second,
        "group_per_minute": pace.group_per_minute,
        "edit_s": pace.edit_s,
    }
    limits = {
        "commands": menu.MOST_COMMANDS,
        "command_name": menu.NAME_LENGTH,
        "command_summary": menu.SUMMARY_LENGTH,
        "text": render.TEXT_LIMIT,
        "caption": render.CAPTION_LIMIT,
        "entities": mark.MOST_ENTITIES,
        "buttons": buttons.MOST_BUTTONS,
        "upload_mb": transfers.UPLOAD_BYTES // 1_000_000,
        "photo_mb": transfers.PHOTO_BYTES // 1_000_000,
        "download_mb": transfers.DOWNLOAD_BYTES // 1_000_000,
    }
    assert limits == {name: facts["limits"][name] for name in limits}
    assert set(facts["fallbacks"]) | set(facts["abilities"]) == {str(ability) for ability in Ability}
