"""What Discord takes, changes and refuses of what a bot sends into channels."""

import io
import json
from typing import Any

import aiohttp
import discord
import pytest
from tests.bot.testing.simulator.discord.conftest import Bot, channel_of

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.discord.simulator import TOKEN
from quarterdeck.testing.simulator.platform import Fault

PNG = b"\x89PNG\r\n\x1a\n"


async def ask(simulator: DiscordSimulator, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Make a request that the SDK would not make."""
    headers = {"Authorization": f"Bot {TOKEN}", "User-Agent": "DiscordBot (https://bot.example, 1)"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(verb, simulator.url + path, json=body) as response,
    ):
        raw = await response.read()
        assert not raw or response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(raw or b"null")


async def test_a_bot_posts_edits_and_deletes(simulator: DiscordSimulator, bot: Bot) -> None:
    """A person sees each step."""
    channel = await channel_of(simulator, bot)

    sent = await channel.send("**one** [two](https://linked.example/) `three` https://bare.example/x.")
    before = (await simulator.seen("ada"))[-1]
    await sent.edit(content="changed")
    after = (await simulator.seen("ada"))[-1]
    await sent.delete()

    assert "one two three https://bare.example/x." == before.text
    assert ("https://linked.example/", "https://bare.example/x") == before.links
    assert ("changed", 1) == (after.text, after.edits)
    assert (await simulator.seen("ada"))[-1].is_deleted
    assert () == simulator.refusals()


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        ({"content": "x" * 2001}, 50035, {"content": "BASE_TYPE_MAX_LENGTH"}),
        ({"content": 5}, 50035, {"content": "STRING_TYPE_CONVERT"}),
        ({"content": "  "}, 50006, None),
        ({"content": "x", "nonce": "n" * 26}, 50035, {"nonce": "BASE_TYPE_MAX_LENGTH"}),
        ({"embeds": [{"title": "t" * 257}]}, 50035, {"embeds": {"0": {"title": "BASE_TYPE_MAX_LENGTH"}}}),
        ({"embeds": [{"description": "d" * 3001}] * 2}, 50035, {"embeds": "MAX_EMBED_SIZE_EXCEEDED"}),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            50035,
            {"allowed_mentions": "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"},
        ),
        (
            {"content": "x", "message_reference": {"message_id": "1"}},
            50035,
            {"message_reference": "REPLIES_UNKNOWN_MESSAGE"},
        ),
    ],
)
async def test_bodies_are_refused_where_they_are_wrong(
    simulator: DiscordSimulator, body: dict[str, Any], code: int, place: Any
) -> None:
    """Discord names the place of each mistake."""
    await simulator.say("ada", "hello")
    channel = next(iter(simulator.world.channels))

    status, answer = await ask(simulator, "POST", f"/channels/{channel}/messages", body)

    assert (400, code) == (status, answer["code"])
    assert place == (codes(answer["errors"]) if place else None)
    assert 1 == len(simulator.refusals())


def codes(errors: Any) -> Any:
    """Return nested errors with the code alone."""
    if "_errors" in errors:
        return errors["_errors"][0]["code"]
    return {name: codes(inner) for name, inner in errors.items()}


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(components)}


def button(name: str, **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": name, "custom_id": name, **more}


@pytest.mark.parametrize(
    "components",
    [
        [row(*(button(str(n)) for n in range(6)))],
        [row(button(str(n))) for n in range(6)],
        [row(button("same"), button("same"))],
        [row(button("x" * 81))],
        [row(button("long", custom_id="x" * 101))],
        [row({"type": 2, "style": 5, "label": "no address"})],
        [row({"type": 3, "custom_id": "menu", "options": []})],
        [row({"type": 3, "custom_id": "menu", "options": [{"label": "a", "value": "1"}] * 2})],
        [button("outside")],
    ],
)
async def test_components_are_checked(simulator: DiscordSimulator, components: list[Any]) -> None:
    """Rows, ids, labels, options."""
    await simulator.say("ada", "hello")
    channel = next(iter(simulator.world.channels))

    status, answer = await ask(
        simulator, "POST", f"/channels/{channel}/messages", {"content": "x", "components": components}
    )

    assert (400, 50035) == (status, answer["code"])


async def test_a_nonce_that_is_enforced_posts_once(simulator: DiscordSimulator) -> None:
    """For some minutes, in one channel; without being enforced it does nothing."""
    await simulator.say("ada", "hello")
    path = f"/channels/{next(iter(simulator.world.channels))}/messages"

    _, first = await ask(simulator, "POST", path, {"content": "once", "nonce": "k1", "enforce_nonce": True})
    _, again = await ask(simulator, "POST", path, {"content": "once", "nonce": "k1", "enforce_nonce": True})
    await ask(simulator, "POST", path, {"content": "twice", "nonce": "k2"})
    await ask(simulator, "POST", path, {"content": "twice", "nonce": "k2"})

    assert first["id"] == again["id"]
    assert ["hello", "once", "twice", "twice"] == [one.text for one in await simulator.seen("ada")]


async def test_only_allowed_mentions_ping(simulator: DiscordSimulator, bot: Bot) -> None:
    """Everything does, unless the bot says otherwise; code never does."""
    channel = await channel_of(simulator, bot)
    text = f"@everyone <@{simulator.identity('bo').partition('::')[2]}> <@&{simulator.world.role('ops')}>"

    await channel.send(text)
    await channel.send(text, allowed_mentions=discord.AllowedMentions.none())
    await channel.send(f"`{text}`")
    await channel.send(
        text, allowed_mentions=discord.AllowedMentions(users=True, everyone=False, roles=False)
    )

    seen = await simulator.seen("ada")
    assert [("bo", "ops", "everyone"), (), (), ("bo",)] == [message.pings for message in seen]
    assert "@everyone @bo @ops" == seen[0].text


async def test_files_go_both_ways(simulator: DiscordSimulator, bot: Bot) -> None:
    """Their bytes are fetched from the address in the message."""
    channel = await channel_of(simulator, bot)
    await simulator.say("ada", "a file", files=[("in.txt", b"from ada")])

    await channel.send("files", files=[discord.File(io.BytesIO(PNG), name) for name in ("a.png", "b.png")])
    history = [message async for message in channel.history(oldest_first=True)]

    assert ("a.png", "b.png") == (await simulator.seen("ada"))[-1].files
    assert b"from ada" == await history[0].attachments[0].read()
    with pytest.raises(discord.HTTPException) as large:
        await channel.send(file=discord.File(io.BytesIO(b"x" * (10 * 1024 * 1024 + 1)), "large"))
    assert (413, 40005) == (large.value.status, large.value.code)


async def test_history_is_read_from_either_end(simulator: DiscordSimulator, bot: Bot) -> None:
    """`after` begins with the oldest that follow; answers are newest first."""
    numbers = [int(await simulator.say("ada", word)) for word in ("one", "two", "three", "four")]
    channel = await channel_of(simulator, bot)
    path = f"/channels/{channel.id}/messages"

    _, after = await ask(simulator, "GET", f"{path}?after={numbers[0]}&limit=2")
    _, around = await ask(simulator, "GET", f"{path}?around={numbers[1]}&limit=3")
    _, newest = await ask(simulator, "GET", f"{path}?limit=1")
    read = [message.content async for message in channel.history(after=discord.Object(numbers[0]))]

    assert ["three", "two"] == [message["content"] for message in after]
    assert ["three", "two", "one"] == [message["content"] for message in around]
    assert ["four"] == [message["content"] for message in newest]
    assert ["two", "three", "four"] == read


async def test_places_that_are_closed_say_so(simulator: DiscordSimulator, bot: Bot) -> None:
    """Gone, not to be seen, not to be written to: each has a code of its own."""
    codes_seen = []
    for name in ("gone", "hidden", "silent"):
        channel = await channel_of(simulator, bot, name)
        if name == "gone":
            simulator.world.channels[channel.id].is_gone = True
        else:
            await simulator.forbid("view" if name == "hidden" else "send", where=name)
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send("x")
        codes_seen.append((refused.value.status, refused.value.code))

    assert [(404, 10003), (403, 50001), (403, 50013)] == codes_seen
    with pytest.raises(discord.NotFound) as lost:
        await (await channel_of(simulator, bot, "open")).fetch_message(5)
    assert 10008 == lost.value.code


async def test_threads_are_channels(simulator: DiscordSimulator, bot: Bot) -> None:
    """Begun at a message they have its number; a locked one takes no more."""
    channel = await channel_of(simulator, bot)
    sent = await channel.send("start")

    thread = await sent.create_thread(name="details")
    await thread.send("inside")
    await simulator.say("ada", "me too", thread=str(thread.id))
    await bot.until_heard(1)
    await thread.edit(archived=True, locked=True)
    with pytest.raises(discord.HTTPException) as locked:
        await thread.send("late")

    seen = await simulator.seen("ada")
    assert [("start", ""), ("inside", str(sent.id)), ("me too", str(sent.id))] == [
        (s.text, s.thread) for s in seen
    ]
    assert 50083 == locked.value.code


async def test_reactions_go_both_ways(simulator: DiscordSimulator, bot: Bot) -> None:
    """An emoji that is none is refused."""
    number = await simulator.say("ada", "hello")
    message = await (await channel_of(simulator, bot)).fetch_message(int(number))

    await message.add_reaction("👍")
    await message.add_reaction("👍")
    with pytest.raises(discord.HTTPException) as refused:
        await message.add_reaction("no emoji")
    await simulator.react("ada", number, "👀")
    await bot.wait_for("raw_reaction_add", check=lambda payload: str(payload.emoji) == "👀", timeout=20)

    assert 10014 == refused.value.code
    assert ("👍", "👀") == (await simulator.seen("ada"))[0].reactions


async def test_the_pace_is_enforced_with_headers(clock: FakeClock) -> None:
    """Five messages in five seconds in a channel, then 429 with everything that the docs name."""
    async with DiscordSimulator(clock=clock, enforce_limits=True) as simulator:
        await simulator.say("ada", "hello")
        path = f"/channels/{next(iter(simulator.world.channels))}/messages"

        statuses = [(await ask(simulator, "POST", path, {"content": "x"}))[0] for _ in range(6)]
        _, refused = await ask(simulator, "POST", path, {"content": "x"})
        await clock.advance(5)
        later, _ = await ask(simulator, "POST", path, {"content": "x"})

    assert ([200] * 5 + [429], 200) == (statuses, later)
    assert {"message": "You are being rate limited.", "retry_after": 5.0, "global": False} == refused


async def test_fifty_requests_a_second_are_the_limit_of_all(clock: FakeClock) -> None:
    """Interactions do not count."""
    async with DiscordSimulator(clock=clock, enforce_limits=True) as simulator:
        statuses = {(await ask(simulator, "GET", "/users/@me"))[0] for _ in range(50)}
        over, refused = await ask(simulator, "GET", "/users/@me")
        free, _ = await ask(simulator, "POST", "/interactions/5/token/callback", {"type": 5})

    assert ({200}, 429, True, 404) == (statuses, over, refused["global"], free)


async def test_too_many_wrong_requests_shut_the_address_out() -> None:
    """401, 403 and 429 count; then nothing is answered in JSON any more."""
    async with DiscordSimulator(ban_after=3) as simulator, aiohttp.ClientSession() as session:
        answers = []
        for _ in range(4):
            async with session.get(f"{simulator.url}/users/@me") as response:
                answers.append((response.status, response.content_type))

    assert [(401, "application/json")] * 3 + [(429, "text/html")] == answers


async def test_faults_happen_as_ordered(simulator: DiscordSimulator, bot: Bot) -> None:
    """The SDK waits after a 429 and tries again after a 502; a lost answer leaves the message there."""
    channel = await channel_of(simulator, bot)
    simulator.fail(Fault(kind="rate_limit", where="POST messages", after_s=0.01))
    await channel.send("after a wait")
    simulator.fail(Fault(kind="status", where="POST messages", status=404))
    with pytest.raises(discord.NotFound):
        await channel.send("never")
    simulator.fail(Fault(kind="lost_answer", where="POST messages"))
    with pytest.raises(aiohttp.ClientError):
        await channel.send("there")

    assert ["after a wait", "there"] == [message.text for message in await simulator.seen("ada")]


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands."""
    return FakeClock()
