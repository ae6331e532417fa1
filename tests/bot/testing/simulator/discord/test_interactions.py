"""How commands, buttons and forms travel: over the gateway and over signed HTTP, within their deadlines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from discord import app_commands
from tests.bot.testing.simulator.discord.conftest import Bot
from tests.bot.testing.simulator.discord.test_messages import ask, button, codes, row

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.discord.commands import combined
from quarterdeck.testing.simulator.discord.interactions import Interaction
from quarterdeck.testing.simulator.discord.world import APPLICATION_ID
from quarterdeck.testing.simulator.platform import SeenButton

COMMANDS = f"/applications/{APPLICATION_ID}/commands"


class Name(discord.ui.Modal, title="Your name"):
    """Ask for two things."""

    first: discord.ui.TextInput[Any] = discord.ui.TextInput(label="First", max_length=5)
    second: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Second", required=False)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Greet."""
        await interaction.response.send_message(f"Hello {self.first.value}", ephemeral=True)


class Choice(discord.ui.View):
    """Offer a button and a menu."""

    @discord.ui.button(label="Open", style=discord.ButtonStyle.danger)
    async def open(self, interaction: discord.Interaction, _: Any) -> None:
        """Open the form."""
        await interaction.response.send_modal(Name())

    @discord.ui.select(options=[discord.SelectOption(label="Red"), discord.SelectOption(label="Blue")])
    async def colour(self, interaction: discord.Interaction, select: discord.ui.Select[Any]) -> None:
        """Say what was chosen."""
        await interaction.response.edit_message(content=f"It is {select.values[0]}", view=None)


async def test_a_command_brings_typed_options(simulator: DiscordSimulator, bot: Bot) -> None:
    """With what their ids stand for."""
    got: list[Any] = []

    @bot.tree.command(name="all", description="Take everything")
    async def everything(
        interaction: discord.Interaction,
        text: str,
        count: app_commands.Range[int, 1, 10],
        share: float,
        yes: bool,
        who: discord.Member,
        place: discord.TextChannel,
        role: discord.Role,
        file: discord.Attachment,
    ) -> None:
        got.extend([text, count, share, yes, who.name, place.name, role.name, await file.read()])
        await interaction.response.send_message("done", ephemeral=True)

    await bot.tree.sync()
    await simulator.say("ada", "hello")
    given: dict[str, object] = {
        "text": "a b",
        "count": "3",
        "share": 0.5,
        "yes": "true",
        "who": "@bo",
        "place": "#general",
    }
    given |= {"role": "ops", "file": ("a.txt", b"bytes")}
    await simulator.command("ada", "all", given)
    seen = await simulator.wait_for("ada", "done")

    assert ["a b", 3, 0.5, True, "bo", "general", "ops", b"bytes"] == got
    assert ("ada", []) == (seen.to, [m for m in await simulator.seen("bo") if m.text == "done"])
    with pytest.raises(LookupError, match="there are"):
        await simulator.command("ada", "nothing", {})
    with pytest.raises(ValueError, match="1 to 10"):
        await simulator.command("ada", "all", given | {"count": 11})
    with pytest.raises(ValueError, match="required"):
        await simulator.command("ada", "all", {})
    assert () == simulator.refusals()


async def test_groups_completion_and_choices(simulator: DiscordSimulator, bot: Bot) -> None:
    """The bot is asked while somebody types; choices the client knows by itself."""
    group = app_commands.Group(name="delivery", description="Deliveries")

    @group.command(name="retry", description="Try again")
    @app_commands.choices(how=[app_commands.Choice(name="At once", value="now")])
    async def retry(interaction: discord.Interaction, number: str, how: str = "now") -> None:
        await interaction.response.send_message(f"{number} {how}")

    @retry.autocomplete("number")
    async def offer(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{typed}{end}", value=f"{typed}{end}") for end in ("1", "2")]

    bot.tree.add_command(group)
    await bot.tree.sync()

    offered = await simulator.complete("ada", "delivery retry", "number", "m")
    known = await simulator.complete("ada", "delivery retry", "how", "once")
    await simulator.command("ada", "delivery retry", {"number": "m1", "how": "At once"})

    assert (["m1", "m2"], ["At once"]) == (offered, known)
    assert "m1 now" == (await simulator.wait_for("ada", "m1")).text


async def test_buttons_menus_and_forms(simulator: DiscordSimulator, bot: Bot) -> None:
    """A form is checked by the client before it is sent."""
    posted = asyncio.Event()  # the SDK knows the view only then; no person is as fast as this test

    @bot.tree.command(name="choose", description="Choose")
    async def choose(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("Choose", view=Choice())
        posted.set()

    await bot.tree.sync()
    await simulator.command("ada", "choose", {})
    shown = await simulator.wait_for("ada", "Choose")
    await posted.wait()
    await simulator.press("ada", "Open")
    form = await simulator.wait_for_form("ada")
    with pytest.raises(ValueError, match="1 to 5 characters"):
        await simulator.submit("ada", {"First": "too long"})
    await simulator.submit("ada", {"First": "Ada"})
    await simulator.wait_for("ada", "Hello Ada")
    await simulator.press("ada", "Blue")
    changed = await simulator.wait_for("ada", "It is Blue")

    assert (SeenButton(label="Open", danger=True), "Your name") == (shown.buttons[0], form.title)
    assert {"First": ("text",), "Second": ("text",)} == form.inputs
    assert (shown.id, (), 1) == (changed.id, changed.buttons, changed.edits)
    assert None is await simulator.form("ada")


async def test_what_was_deferred_is_followed_up(simulator: DiscordSimulator, bot: Bot) -> None:
    """The first follow-up takes the place of the sign that the bot is thinking."""
    go = asyncio.Event()

    @bot.tree.command(name="slow", description="Take time")
    async def slow(interaction: discord.Interaction) -> None:
        await interaction.response.defer(thinking=True)
        await go.wait()
        await interaction.edit_original_response(content="at last")
        await interaction.followup.send("and more")
        with pytest.raises(discord.InteractionResponded):
            await interaction.response.defer()

    await bot.tree.sync()
    await simulator.command("ada", "slow", {})
    thinking = await simulator.wait_for("ada", "is thinking")
    go.set()
    await simulator.wait_for("ada", "and more")

    seen = await simulator.seen("ada")
    assert [("at last", 0), ("and more", 0)] == [(message.text, message.edits) for message in seen]
    assert thinking.id == seen[0].id


async def begin(simulator: DiscordSimulator) -> Interaction:
    """Use a command that nobody answers by itself."""
    await ask(simulator, "PUT", COMMANDS, [{"name": "ping", "description": "Ping"}])
    simulator.connect_http("http://127.0.0.1:9")
    simulator._door._is_checked = True
    channel = await simulator._people.place("ada", "general")
    return simulator.site.interactions.new(2, "ada", channel, {"name": "ping"}, name="ping")


async def test_deadlines_run_on_the_clock() -> None:
    """3 seconds for the first response, 15 minutes for the token; never twice."""
    clock = FakeClock()
    async with DiscordSimulator(clock=clock) as simulator:
        one, late = await begin(simulator), await begin(simulator)

        def path(interaction: Interaction) -> str:
            return f"/interactions/{interaction.id}/{interaction.token}/callback"

        hook = f"/webhooks/{APPLICATION_ID}/{one.token}"
        early = await ask(simulator, "POST", hook, {"content": "x"})
        first = await ask(simulator, "POST", path(one), {"type": 5})
        second = await ask(simulator, "POST", path(one), {"type": 4, "data": {"content": "x"}})
        await clock.advance(3)
        too_late = await ask(simulator, "POST", path(late), {"type": 5})
        await clock.advance(890)
        in_time = await ask(simulator, "PATCH", f"{hook}/messages/@original", {"content": "answer"})
        await clock.advance(10)
        over = await ask(simulator, "POST", hook, {"content": "x"})
        seen = [message.text for message in await simulator.seen("ada")]

    assert [(404, 10015), (400, 40060), (404, 10062), (401, 50027)] == [
        (status, body["code"]) for status, body in (early, second, too_late, over)
    ]
    assert ((204, None), 200) == (first, in_time[0])
    assert ["answer", "The application did not respond"] == seen


@pytest.mark.parametrize(
    "response",
    [
        {"type": 7, "data": {"content": "x"}},
        {"type": 8, "data": {"choices": []}},
        {"type": 4, "data": {"content": ""}},
        {"type": 4, "data": {"content": "x" * 2001}},
        {"type": 5, "data": {"flags": 4}},
        {"type": 9, "data": {"custom_id": "f", "title": "t" * 46, "components": [row({"type": 4})]}},
        {"type": 9, "data": {"custom_id": "f", "title": "t", "components": [row(button("no input"))]}},
    ],
)
async def test_responses_are_checked(simulator: DiscordSimulator, response: dict[str, Any]) -> None:
    """A refused one may be mended: the interaction still waits."""
    one = await begin(simulator)
    path = f"/interactions/{one.id}/{one.token}/callback"

    refused, _ = await ask(simulator, "POST", path, response)
    mended, _ = await ask(simulator, "POST", path, {"type": 4, "data": {"content": "well"}})

    assert (400, 204) == (refused, mended)


def option(name: str = "text", **more: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "An option", **more}


def command(name: str = "ask", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "A command", **more}


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (command("Ask"), {"0": {"name": "APPLICATION_COMMAND_INVALID_NAME"}}),
        (command("two words"), {"0": {"name": "APPLICATION_COMMAND_INVALID_NAME"}}),
        (command("x" * 33), None),
        (command(description=""), {"0": {"description": "BASE_TYPE_REQUIRED"}}),
        (command(description="d" * 101), {"0": {"description": "BASE_TYPE_MAX_LENGTH"}}),
        (command(options=[option("a"), option("b", required=True)]), None),
        (command(options=[option(), option()]), None),
        (command(options=[option(str(n)) for n in range(26)]), None),
        (command(options=[option(autocomplete=True, choices=[{"name": "a", "value": "b"}])]), None),
        (command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])]), None),
        (command(options=[option(type=5, autocomplete=True)]), None),
        (command(options=[option(), {"type": 1, "name": "sub", "description": "Sub"}]), None),
    ],
)
async def test_commands_are_checked_and_the_old_set_stays(
    simulator: DiscordSimulator, wrong: dict[str, Any], path: Any
) -> None:
    """One wrong command, and nothing is taken."""
    before = await ask(simulator, "PUT", COMMANDS, [command("ping")])

    status, answer = await ask(simulator, "PUT", COMMANDS, [wrong])

    assert (400, 50035) == (status, answer["code"])
    assert path in (None, codes(answer["errors"]))
    assert before == await ask(simulator, "GET", COMMANDS)


async def test_commands_have_a_size_and_a_number(simulator: DiscordSimulator) -> None:
    """8,000 characters in one, 100 in a scope."""
    choices = [{"name": str(n).zfill(90), "value": str(n).zfill(90)} for n in range(25)]
    large = command(options=[option("a", choices=choices), option("b", choices=choices)])

    refused, answer = await ask(simulator, "PUT", COMMANDS, [large])
    many, _ = await ask(simulator, "PUT", COMMANDS, [command(f"c{n}") for n in range(101)])
    enough, _ = await ask(simulator, "PUT", COMMANDS, [command(f"c{n}") for n in range(100)])

    assert combined(large) > 8000
    assert (400, {"0": "APPLICATION_COMMAND_TOO_LARGE"}) == (refused, codes(answer["errors"]))
    assert (400, 200) == (many, enough)


@asynccontextmanager
async def hooked(
    simulator: DiscordSimulator, answer: dict[str, Any] | None, *, checks: bool = True
) -> AsyncIterator[str]:
    """Serve interactions as a bot does that verifies signatures; yields its address."""
    key = Ed25519PublicKey.from_public_bytes(
        bytes.fromhex(simulator.environment()["QUARTERDECK__PLATFORMS__DISCORD__PUBLIC_KEY"])
    )

    async def take(request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            key.verify(
                bytes.fromhex(request.headers["X-Signature-Ed25519"]),
                request.headers["X-Signature-Timestamp"].encode() + raw,
            )
        except InvalidSignature:
            if checks:
                return web.Response(status=401)
        if json.loads(raw)["type"] == 1:
            return web.json_response({"type": 1})
        return web.json_response(answer) if answer is not None else web.Response(status=500)

    app = web.Application()
    app.router.add_post("/discord/interactions", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_interactions_come_signed_over_http(simulator: DiscordSimulator) -> None:
    """And the answer is the first response."""
    await ask(simulator, "PUT", COMMANDS, [command("ping")])
    async with hooked(simulator, {"type": 4, "data": {"content": "Pong!"}}) as address:
        simulator.connect_http(address)
        await simulator.command("ada", "ping", {})

    assert ["Pong!"] == [message.text for message in await simulator.seen("ada")]
    assert () == simulator.refusals()


async def test_a_server_that_checks_no_signature_is_found_out(simulator: DiscordSimulator) -> None:
    """Discord refuses such an endpoint; and one that fails is told to the person."""
    await ask(simulator, "PUT", COMMANDS, [command("ping")])
    async with hooked(simulator, None, checks=False) as address:
        simulator.connect_http(address)
        await simulator.command("ada", "ping", {})

    assert ["The application did not respond"] == [message.text for message in await simulator.seen("ada")]
    assert ["interactions endpoint: a bad signature was answered with 200"] == list(simulator.refusals())


async def test_nobody_else_answers_an_interaction(simulator: DiscordSimulator) -> None:
    """A token that is none is not known."""
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{simulator.url}/interactions/1/x/callback", json={"type": 5}) as response:
            assert (404, 10062) == (response.status, (await response.json())["code"])
        async with session.post(
            f"{simulator.url}/webhooks/{APPLICATION_ID}/x", json={"content": "x"}
        ) as response:
            assert (404, 10015) == (response.status, (await response.json())["code"])
