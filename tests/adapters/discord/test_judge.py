"""The adapter against simcord, an independent Discord, through real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.discord.bench import Bench, command
from tests.adapters.discord.judge import Judge

from quarterdeck.core.command import Option
from quarterdeck.core.event import Event, Invoked, Posted, Pressed, Submitted
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, File, Input, Reply
from quarterdeck_adapters.discord.settings import DiscordSettings

COMMANDS = (
    command("ping"),
    command("slow", lane="heavy"),
    command("secret", needs=("private",)),
    command("set", Option(name="count", summary="How many", kind="integer", required=True, maximum=9)),
)
PING = {"id": "1", "name": "ping", "type": 1}


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with Judge() as judge:
        yield judge


def bench(judge: Judge, answer: Any) -> Bench:
    return Bench(DiscordSettings(api_url=judge.api_url), answer, COMMANDS)


def says(reply: Reply) -> Any:
    async def answer(event: Event) -> Reply | None:
        return reply

    return answer


async def test_a_message_is_answered(judge: Judge) -> None:
    """The whole way: gateway, event, reply, REST."""
    async with bench(judge, says(Reply(text="Pong."))).running() as bot:
        await judge.ready.wait()
        judge.say(f"<@{judge.backend.bot_user.id}> ping @everyone")
        await judge.until(judge.said)

        assert ["Pong."] == judge.said()
        event = bot.events[0]
        assert isinstance(event, Posted)
        assert (True, "ping @everyone") == (event.message.mentions_bot, event.message.text)
        assert f"discord:{judge.guild.id}:{judge.channel.id}" == event.conversation.id


async def test_a_light_command_is_answered_in_place(judge: Judge) -> None:
    """One call, no "thinking"."""
    async with bench(judge, says(Reply(text="Pong."))).running() as bot:
        await judge.ready.wait()
        record = judge.interact(2, PING)
        await bot.until(lambda: bot.sent)

        assert [] == bot.errors
        assert ["Pong."] == judge.said()
        assert bot.sent[0][1] == str(record.message_id)
        assert isinstance(bot.events[0], Invoked)


async def test_a_heavy_command_is_deferred_and_then_answered(judge: Judge) -> None:
    """Its answer takes the place of "thinking"; further parts follow in the channel."""
    async with bench(judge, says(Reply(text="word " * 700))).running() as bot:
        await judge.ready.wait()
        judge.interact(2, {**PING, "name": "slow"})
        await bot.until(lambda: len(bot.sent) == 2)

        assert [] == bot.errors
        assert ["*1/2*", "*2/2*"] == [text.rpartition("\n")[2] for text in judge.said()]


async def test_a_private_answer_reaches_one_person(judge: Judge) -> None:
    """Ephemeral in answer to a command, direct in answer to a message."""
    ann = Identity(platform="discord", user_id=str(judge.ann.id))
    async with bench(judge, says(Reply(text="for you", private_to=ann))).running() as bot:
        await judge.ready.wait()
        for name in ("ping", "slow", "secret"):
            judge.interact(2, {**PING, "name": name})
        judge.say("tell me")
        await bot.until(lambda: len(bot.sent) == 4)

        assert [] == bot.errors
        shown = [one for one in judge.messages() if one["content"] == "for you"]
        assert {64} == {one["flags"] & 64 for one in shown}
        assert 3 == len(shown)


async def test_a_button_comes_back_with_its_value(judge: Judge) -> None:
    """Short values travel in the button, long ones are remembered."""
    buttons = (
        Button(id="a", label="Go", value="/slow x"),
        Button(id="b", label="Long", value="/slow " + "y" * 200),
    )
    seen: list[Event] = []

    async def answer(event: Event) -> Reply | None:
        seen.append(event)
        return (
            Reply(text="Choose", card=Card(buttons=buttons))
            if isinstance(event, Posted)
            else Reply(text="Done")
        )

    async with bench(judge, answer).running() as bot:
        await judge.ready.wait()
        judge.say("hello")
        await bot.until(lambda: len(bot.sent) == 1)
        message = judge.messages()[-1]
        for component in message["components"][0]["components"]:
            judge.interact(3, {"custom_id": component["custom_id"], "component_type": 2}, message)
        await bot.until(lambda: len(bot.sent) == 3)

        assert [] == bot.errors
        pressed = [event for event in seen if isinstance(event, Pressed)]
        assert {("a", "/slow x"), ("b", "/slow " + "y" * 200)} == {
            (one.button_id, one.value) for one in pressed
        }
        assert {message["id"]} == {one.message_id for one in pressed}


async def test_a_form_opens_as_a_window_and_comes_back(judge: Judge) -> None:
    """At once where the command is light, behind a button where it was deferred."""
    inputs = (
        Input(id="why", label="Why", kind="text"),
        Input(id="how", label="How", choices=("fast", "slow")),
    )
    form = Reply(text="Tell me", card=Card(title="More", inputs=inputs, form_id="F1"))

    async def answer(event: Event) -> Reply | None:
        return Reply(text="Thanks") if isinstance(event, Submitted) else form

    async with bench(judge, answer).running() as bot:
        await judge.ready.wait()
        first = judge.interact(2, PING)
        await bot.until(lambda: len(bot.sent) == 1)
        judge.interact(2, {**PING, "name": "slow"})
        await bot.until(lambda: len(bot.sent) == 2)
        message = judge.messages()[-1]
        opener = message["components"][0]["components"][0]["custom_id"]
        second = judge.interact(3, {"custom_id": opener, "component_type": 2}, message)
        await judge.until(lambda: second.modal)
        filled = [
            {"type": 18, "component": {"type": 4, "custom_id": "why", "value": "because"}},
            {"type": 18, "component": {"type": 3, "custom_id": "how", "values": ["slow"]}},
        ]
        judge.interact(5, {"custom_id": first.modal["custom_id"], "components": filled})
        await bot.until(lambda: len(bot.sent) == 3)

        assert [] == bot.errors
        assert first.modal["custom_id"] == second.modal["custom_id"]
        event = bot.events[-1]
        assert isinstance(event, Submitted)
        assert ("F1", {"why": "because", "how": "slow"}) == (event.form_id, event.values)


async def test_files_go_out_with_messages_and_answers(judge: Judge, tmp_path: Path) -> None:
    """Uploaded with the message in a channel, into the deferred answer of a command."""
    (tmp_path / "a.txt").write_text("hello")
    reply = Reply(
        text="Here", files=(File(name="a.txt", path=str(tmp_path / "a.txt"), media_type="text/plain"),)
    )
    async with bench(judge, says(reply)).running() as bot:
        await judge.ready.wait()
        judge.say("file please")
        judge.interact(2, PING)
        await bot.until(lambda: len(bot.sent) == 2)

        assert [] == bot.errors
        shown = [one for one in judge.messages() if one["content"] == "Here"]
        assert [["a.txt"], ["a.txt"]] == [[file["filename"] for file in one["attachments"]] for one in shown]


async def test_commands_are_declared_once(judge: Judge) -> None:
    """What Discord already offers is not sent again."""
    bot = bench(judge, says(Reply()))
    async with bot.running():
        await judge.ready.wait()
        await bot.adapter.declare(COMMANDS)
        await bot.adapter.declare(COMMANDS)

        puts = [one for one in judge.backend.http_requests if one.method == "PUT"]
        assert 1 == len(puts)
        stands = judge.backend.commands[None].values()
        assert {"ping", "slow", "secret", "set"} == {one["name"] for one in stands}


async def test_a_message_of_ours_can_be_changed_and_marked(judge: Judge) -> None:
    """Edits replace the text, reactions stand under it."""
    async with bench(judge, says(Reply(text="one"))).running() as bot:
        await judge.ready.wait()
        judge.say("hello")
        await bot.until(lambda: bot.sent)
        event, message_id = bot.events[0], bot.sent[0][1]
        (part,) = bot.adapter.render(Reply(text="two"))
        await bot.adapter.edit(event.conversation, message_id, part)
        await bot.adapter.react(event.conversation, message_id, "👍")
        await bot.adapter.typing(event.conversation)

        assert ["two"] == judge.said()
