"""The adapter against the simulated Discord, which refuses what Discord refuses."""

from pathlib import Path
from typing import Any

from tests.adapters.discord.bench import bench, command, says

from quarterdeck.core.command import Option
from quarterdeck.core.event import Deleted, Event, Invoked, Posted, Pressed, Submitted
from quarterdeck.core.reply import Button, Card, File, Input, Reply
from quarterdeck.testing.simulator.discord import DiscordSimulator

COMMANDS = (
    command("ping"),
    command("slow", lane="heavy"),
    command("secret", lane="heavy", needs=("private",)),
    command(
        "deploy",
        Option(name="target", summary="Where to", kind="choice", choices=("staging", "live"), required=True),
        Option(name="count", summary="How many", kind="integer", minimum=1, maximum=9),
        Option(name="who", summary="Who", kind="user"),
        Option(name="note", summary="Why", kind="text", max_length=100),
    ),
)


async def test_messages_come_from_channels_threads_and_direct_conversations(
    discord: DiscordSimulator,
) -> None:
    """Each in its own conversation, each answered there."""
    async with bench(discord, says(Reply(text="Pong."))).running() as bot:
        await discord.ready()
        first = await discord.say("ann", "one")
        await discord.say("ann", "two", thread=first)
        await discord.say("ann", "three", where="direct")
        await bot.until(lambda: len(bot.sent) == 3)

        assert ["group", "thread", "direct"] == [event.conversation.kind for event in bot.events]
        assert ["Pong.", "Pong."] == [one.text for one in await discord.seen("ann") if one.author == "bot"]
        assert ("Pong.", []) == (
            (await discord.wait_for("ann", "Pong.", where="direct")).text,
            list(discord.refusals()),
        )


async def test_commands_are_declared_used_and_completed(discord: DiscordSimulator) -> None:
    """From one declaration: typed options, bounds, choices."""

    async def complete(*asked: Any) -> list[str]:
        return [f"{asked[3]}:{asked[4]}"]

    async with bench(
        discord, says(Reply(text="Done.")), commands=COMMANDS, complete=complete
    ).running() as bot:
        await discord.ready()
        await bot.adapter.declare(COMMANDS)
        await discord.command("ann", "deploy", {"target": "live", "count": 3, "who": "bo"})
        await discord.wait_for("ann", "Done.")

        event = bot.events[0]
        assert isinstance(event, Invoked)
        assert {"target": "live", "count": 3, "who": discord.identity("bo")} == dict(event.options)
        assert [] == list(discord.refusals())


async def test_a_private_answer_is_seen_by_one(discord: DiscordSimulator) -> None:
    """After a public "thinking", after a private one, and in answer to a plain message."""

    async def answer(event: Event) -> Reply | None:
        is_asked = not isinstance(event, Deleted)  # of the word that was seen by all meanwhile
        return Reply(text="for you", private_to=event.actor) if is_asked else None

    async with bench(discord, answer, commands=COMMANDS).running() as bot:
        await discord.ready()
        await bot.adapter.declare(COMMANDS)
        for name in ("ping", "slow", "secret"):
            await discord.command("ann", name, {})
            await discord.wait_for("ann", "for you")
        await discord.say("ann", "tell me")
        await discord.wait_for("ann", "for you", where="direct")

        assert [] == bot.errors
        assert [] == [one.text for one in await discord.seen("bo") if "for you" in one.text]
        assert [] == list(discord.refusals())


async def test_buttons_lists_and_forms_come_back(discord: DiscordSimulator) -> None:
    """What they mean survives the way through Discord."""
    many = tuple(Button(id=f"b{n}", label=f"Choice {n}", value=f"/pick {n}") for n in range(30))
    form = Card(
        title="More",
        inputs=(Input(id="why", label="Why"), Input(id="ok", label="Sure", kind="boolean")),
        form_id="F1",
    )

    async def answer(event: Event) -> Reply | None:
        match event:
            case Posted():
                return Reply(text="Choose", card=Card(buttons=many[:3]))
            case Pressed():
                return Reply(text="Fill in", card=form)
            case Submitted():
                return Reply(text=f"Got {dict(event.values)}", is_literal=True)
        return None

    async with bench(discord, answer, commands=COMMANDS).running() as bot:
        await discord.ready()
        await discord.say("ann", "start")
        await discord.wait_for("ann", "Choose")
        await discord.press("ann", "Choice 2")
        await discord.wait_for_form("ann")
        await discord.submit("ann", {"Why": "because", "Sure": "Yes"})
        await discord.wait_for("ann", "because")

        assert [] == bot.errors
        pressed, submitted = bot.events[1:]
        assert isinstance(pressed, Pressed)
        assert isinstance(submitted, Submitted)
        assert ("b2", "/pick 2") == (pressed.button_id, pressed.value)
        assert ("F1", {"why": "because", "ok": "true"}) == (submitted.form_id, dict(submitted.values))
        assert [] == list(discord.refusals())


async def test_a_form_that_comes_too_late_is_behind_a_button(discord: DiscordSimulator) -> None:
    """A window opens only in answer to a press or a command, within three seconds."""
    form = Card(title="More", inputs=(Input(id="why", label="Why"),), form_id="F" * 150)

    async def answer(event: Event) -> Reply | None:
        return Reply(text="Thanks") if isinstance(event, Submitted) else Reply(text="Fill in", card=form)

    async with bench(discord, answer, commands=COMMANDS).running() as bot:
        await discord.ready()
        await discord.say("ann", "start")
        await discord.wait_for("ann", "Fill in")
        await discord.press("ann", "Open the form")
        await discord.wait_for_form("ann")
        await discord.submit("ann", {"Why": "because"})
        await discord.wait_for("ann", "Thanks")

        event = bot.events[-1]
        assert isinstance(event, Submitted)
        assert "F" * 150 == event.form_id
        assert [] == [*bot.errors, *discord.refusals()]


async def test_files_come_in_and_go_out(discord: DiscordSimulator, tmp_path: Path) -> None:
    """In: by a handle of Discord's own server; out: with the message."""
    (tmp_path / "out.txt").write_text("out")
    reply = Reply(
        text="Here", files=(File(name="out.txt", path=str(tmp_path / "out.txt"), media_type="text/plain"),)
    )
    async with bench(discord, says(reply)).running() as bot:
        await discord.ready()
        await discord.say("ann", "take this", files=[("in.txt", b"hello")])
        message = await discord.wait_for("ann", "Here")
        event = bot.events[0]
        assert isinstance(event, Posted)
        await bot.adapter.download(event.message.attachments[0], tmp_path / "in.txt", limit_bytes=100)

        assert ("out.txt",) == message.files
        assert b"hello" == (tmp_path / "in.txt").read_bytes()
        assert [] == [*bot.errors, *discord.refusals()]


async def test_edits_deletes_and_reactions_are_told(discord: DiscordSimulator) -> None:
    """By people; our own are not."""
    async with bench(discord, says(Reply())).running() as bot:
        await discord.ready()
        message = await discord.say("ann", "one")
        await discord.edit("ann", message, "two")
        await discord.react("ann", message, "👍")
        await discord.delete("ann", message)
        await bot.until(lambda: len(bot.events) == 4)

        assert ["Posted", "Edited", "Reacted", "Deleted"] == [type(event).__name__ for event in bot.events]


async def test_roles_are_groups(discord: DiscordSimulator) -> None:
    """As the event says, and as Discord says when it is asked."""
    async with bench(discord, says(Reply(text="ok"))).running() as bot:
        await discord.ready()
        number = await discord.give_role("ann", "deployers")
        await discord.say("ann", "hello")
        await bot.until(lambda: bot.sent)
        event = bot.events[0]
        group = f"{event.conversation.id.rpartition(':')[0]}:{number}"

        assert event.groups is not None
        assert group in event.groups
        assert group in await bot.adapter.groups_of(event.actor)
        await discord.take_role("ann", "deployers")
        bot.adapter._connection.people._known.clear()  # type: ignore[union-attr]
        assert group not in await bot.adapter.groups_of(event.actor)


async def test_who_reads_a_direct_conversation_is_known(discord: DiscordSimulator) -> None:
    """Of a channel Discord does not say it."""
    async with bench(discord, says(Reply(text="ok"))).running() as bot:
        await discord.ready()
        await discord.say("ann", "one", where="direct")
        await discord.say("ann", "two")
        await bot.until(lambda: len(bot.sent) == 2)
        direct, channel = (event.conversation for event in bot.events)

        members = await bot.adapter.members(direct)
        assert members is not None
        assert bot.events[0].actor in members
        assert None is await bot.adapter.members(channel)
        assert direct == await bot.adapter.direct(bot.events[0].actor)


async def test_links_are_not_looked_up(discord: DiscordSimulator) -> None:
    """A preview would tell the address that it was said, and hostile text pings nobody."""
    text = "see https://example.com/x and @everyone <@1> <@&2>"
    async with bench(discord, says(Reply(text=text))).running():
        await discord.ready()
        await discord.say("ann", "go")
        message = await discord.wait_for("ann", "example.com")

        assert () == message.pings
        assert [] == list(discord.world.previewed)
