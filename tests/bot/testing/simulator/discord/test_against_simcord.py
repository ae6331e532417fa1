"""The same requests to simcord, a fake of Discord that others wrote: the same verdicts, or a named reason why not."""

from typing import Any

import pytest
from simcord.backend import Backend
from simcord.backend.errors import BackendError
from simcord.http import router, routes
from tests.bot.testing.simulator.discord.test_interactions import command, option
from tests.bot.testing.simulator.discord.test_messages import ask, button, row

from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.discord.world import APPLICATION_ID

assert routes  # importing it registers simcord's handlers
POST = ("POST", "/channels/{channel}/messages")
PUT = ("PUT", "/applications/{application}/commands")
CHOICE = {"name": "a", "value": "b"}
MENU = {"type": 3, "custom_id": "m", "options": [{"label": "a", "value": "1"}, {"label": "b", "value": "2"}]}
REQUESTS: dict[str, tuple[tuple[str, str], Any]] = {
    "a text": (POST, {"content": "hello"}),
    "an empty text": (POST, {"content": ""}),
    "nothing": (POST, {}),
    "2,000 characters": (POST, {"content": "x" * 2000}),
    "2,001 characters": (POST, {"content": "x" * 2001}),
    "2,000 emoji": (POST, {"content": "🎉" * 2000}),
    "ten embeds": (POST, {"embeds": [{"title": "t"}] * 10}),
    "eleven embeds": (POST, {"embeds": [{"title": "t"}] * 11}),
    "a long title": (POST, {"embeds": [{"title": "t" * 257}]}),
    "a long description": (POST, {"embeds": [{"description": "t" * 4097}]}),
    "embeds of 6,001 characters": (
        POST,
        {"embeds": [{"description": "t" * 3000}, {"description": "t" * 3001}]},
    ),
    "26 fields": (POST, {"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}),
    "five rows": (POST, {"content": "x", "components": [row(button(str(n))) for n in range(5)]}),
    "six rows": (POST, {"content": "x", "components": [row(button(str(n))) for n in range(6)]}),
    "six buttons": (POST, {"content": "x", "components": [row(*(button(str(n)) for n in range(6)))]}),
    "an id twice": (POST, {"content": "x", "components": [row(button("a"), button("a"))]}),
    "a long id": (POST, {"content": "x", "components": [row(button("a", custom_id="x" * 101))]}),
    "a menu": (POST, {"content": "x", "components": [row(MENU)]}),
    "a menu beside a button": (POST, {"content": "x", "components": [row(MENU, button("a"))]}),
    "an answer to nothing": (POST, {"content": "x", "message_reference": {"message_id": "5"}}),
    "a place that is not there": (("POST", "/channels/5/messages"), {"content": "x"}),
    "a message that is not there": (("PATCH", "/channels/{channel}/messages/5"), {"content": "x"}),
    "a server that is not there": (("GET", "/guilds/5"), None),
    "a member that is not there": (("GET", "/guilds/{guild}/members/5"), None),
    "somebody else's message": (("PATCH", "/channels/{channel}/messages/{message}"), {"content": "x"}),
    "an unknown interaction": (("POST", "/interactions/5/token/callback"), {"type": 5}),
    "a command": (PUT, [command("ping", options=[option("a", required=True), option("b")])]),
    "a command in capitals": (PUT, [command("Ping")]),
    "a command of two words": (PUT, [command("two words")]),
    "a long description of a command": (PUT, [command(description="d" * 101)]),
    "required after optional": (PUT, [command(options=[option("a"), option("b", required=True)])]),
    "an option twice": (PUT, [command(options=[option("a"), option("a")])]),
    "26 choices": (
        PUT,
        [command(options=[option(choices=[{"name": str(n), "value": str(n)} for n in range(26)])])],
    ),
    "choices and completion": (PUT, [command(options=[option(choices=[CHOICE], autocomplete=True)])]),
    "101 commands": (PUT, [command(f"c{n}") for n in range(101)]),
}

# The docs refuse these too ("Application Commands", "Create Message"); simcord leaves them to discord.py's own checks.
ONLY_OURS = {
    "an answer to nothing",
    "a command in capitals",
    "a command of two words",
    "a long description of a command",
    "required after optional",
    "an option twice",
    "26 choices",
    "choices and completion",
    "101 commands",
}
# Discord has a code for an empty message, 50006 ("Opcodes and Status Codes"); simcord says 50035.
OTHER_CODE = {"nothing", "an empty text"}


async def ours(verb: str, path: str, body: Any) -> tuple[int, int]:
    """Return the status and the code of our simulator."""
    async with DiscordSimulator() as simulator:
        message = await simulator.say("ada", "hello")
        channel = next(iter(simulator.world.channels))
        names = {"channel": channel, "guild": 910_000_000_000_000_001, "message": message}
        path = path.format(application=APPLICATION_ID, **names)
        status, answer = await ask(simulator, verb, path, body)
    return status, answer.get("code", 0) if isinstance(answer, dict) else 0


def theirs(verb: str, path: str, body: Any) -> tuple[int, int]:
    """Return the status and the code of simcord; it has no status for what it takes."""
    backend = Backend()
    guild = backend.create_guild("Harbour")
    backend.add_member(guild.id, backend.bot_user.id)
    channel = backend.create_channel(guild.id, "general")
    ada = backend.make_user("ada")
    backend.add_member(guild.id, ada.id)
    message = backend.create_message(channel.id, ada.id, "hello")
    names = {"channel": channel.id, "guild": guild.id, "message": message.id}
    path = path.format(application=backend.application_id, **names)
    try:
        router.dispatch(backend, verb, path, json=body, params={}, files=[])
    except BackendError as error:
        return error.status, error.code
    return 200, 0


@pytest.mark.parametrize("name", REQUESTS)
async def test_both_give_the_same_verdict(name: str) -> None:
    """Taken by both, or refused by both alike; where ours refuses more, it is named above."""
    (verb, path), body = REQUESTS[name]

    simcord, mine = theirs(verb, path, body), await ours(verb, path, body)

    if name in ONLY_OURS:
        assert ((200, 0), 400) == (simcord, mine[0])
    elif name in OTHER_CODE:
        assert ((400, 50035), (400, 50006)) == (simcord, mine)
    else:
        assert simcord == mine
