"""How the gateway keeps order over broken connections, and what it closes for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
from tests.bot.testing.simulator.discord.conftest import Bot, connected

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.discord.simulator import TOKEN
from quarterdeck.testing.simulator.platform import Fault

ALL = (1 << 15) | (1 << 12) | (1 << 9) | 1


class Wire:
    """Be a client of the gateway without an SDK."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, op: int, data: Any) -> None:
        """Send one payload."""
        await self.socket.send_str(json.dumps({"op": op, "d": data}))

    async def next(self) -> dict[str, Any]:
        """Return the next payload; of a closed connection its code."""
        message = await self.socket.receive(timeout=20)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return {"closed": self.socket.close_code}
        payload: dict[str, Any] = message.json()
        return payload

    async def until(self, event: str) -> dict[str, Any]:
        """Return the next event of this name."""
        while (payload := await self.next()).get("t") != event:
            assert "closed" not in payload, payload
        return payload

    async def identify(self, intents: int = ALL, token: str = TOKEN) -> None:
        """Begin a session."""
        await self.send(2, {"token": token, "intents": intents, "properties": {}})

    async def resume(self, session: str, seq: int) -> None:
        """Go on with a session."""
        await self.send(6, {"token": TOKEN, "session_id": session, "seq": seq})


@asynccontextmanager
async def wired(simulator: DiscordSimulator, url: str = "") -> AsyncIterator[Wire]:
    """Connect, and read HELLO."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url or simulator.gateway_url) as socket:
        wire = Wire(socket)
        assert 10 == (await wire.next())["op"]
        yield wire


async def test_a_bot_hears_people_and_packs_what_it_reads(
    simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """discord.py asks for zlib-stream."""
    async with connected(simulator, monkeypatch) as bot:
        number = await simulator.say("ada", "@bot hello")
        await bot.until_heard(1)
        await simulator.edit("ada", number, "changed")
        await simulator.delete("ada", number)
        await simulator.say("ada", "in private", where="direct")

        heard = await bot.until_heard(2)

    assert [f"<@{bot.user.id}> hello", "in private"] == heard
    assert {"MESSAGE_UPDATE", "MESSAGE_DELETE"} <= set(bot.events)


async def test_content_needs_the_privileged_intent(
    simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Except for what is meant for the bot."""
    async with connected(simulator, monkeypatch, content=False) as bot:
        await simulator.say("ada", "not for you")
        await simulator.say("ada", "@bot for you")
        await simulator.say("ada", "in private", where="direct")

        assert ["", f"<@{bot.user.id}> for you", "in private"] == await bot.until_heard(3)


async def test_the_sdk_resumes_after_a_break_and_misses_nothing(
    simulator: DiscordSimulator, bot: Bot
) -> None:
    """What was said while nobody listened comes in order, once."""
    (session,) = simulator.gateway._live()
    await simulator.say("ada", "before")
    await bot.until_heard(1)
    simulator.gateway.break_off(session)
    for word in ("one", "two"):
        await simulator.say("ada", word)

    assert ["before", "one", "two"] == await bot.until_heard(3)
    assert (1, 1) == (simulator.gateway.resumes, len(simulator.gateway.identifies))


async def test_an_order_to_reconnect_is_followed(simulator: DiscordSimulator, bot: Bot) -> None:
    """The SDK closes and resumes."""
    await simulator.gateway.order_reconnect()
    await bot.wait_for("resumed", timeout=20)
    await simulator.say("ada", "still there")

    assert ["still there"] == await bot.until_heard(1)


async def test_a_resume_brings_exactly_what_was_missed(simulator: DiscordSimulator) -> None:
    """At the address that READY named, from the number that the client says."""
    async with wired(simulator) as wire:
        await wire.identify()
        ready = (await wire.until("READY"))["d"]
        await simulator.say("ada", "seen")
        seen = await wire.until("MESSAGE_CREATE")
        await wire.socket.close(code=4000)
    for word in ("one", "two"):
        await simulator.say("ada", word)
    async with wired(simulator, ready["resume_gateway_url"]) as wire:
        await wire.resume(ready["session_id"], seen["s"])
        missed = [await wire.next() for _ in range(3)]

    assert ["one", "two", None] == [payload["d"].get("content") for payload in missed]
    assert [seen["s"] + n for n in (1, 2, 3)] == [payload["s"] for payload in missed]
    assert "RESUMED" == missed[-1]["t"]


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_client_that_says_goodbye_ends_its_session(simulator: DiscordSimulator, code: int) -> None:
    """Its resume is answered with an invalid session."""
    async with wired(simulator) as wire:
        await wire.identify()
        ready = (await wire.until("READY"))["d"]
        await wire.socket.close(code=code)
    async with wired(simulator) as wire:
        await wire.resume(ready["session_id"], 1)

        assert {"op": 9, "d": False} == await wire.next()


async def test_a_session_waits_for_some_minutes() -> None:
    """Then it is gone."""
    clock = FakeClock()
    async with DiscordSimulator(clock=clock) as simulator:
        async with wired(simulator) as wire:
            await wire.identify()
            ready = (await wire.until("READY"))["d"]
            await wire.socket.close(code=4000)
        await simulator.changes.until(
            lambda: not simulator.gateway.is_connected, timeout_s=20, what="the end"
        )
        await clock.advance(181)
        async with wired(simulator) as wire:
            await wire.resume(ready["session_id"], 1)

            assert {"op": 9, "d": False} == await wire.next()


@pytest.mark.parametrize(
    ("op", "data", "code"),
    [
        (2, {"token": "wrong", "intents": 1, "properties": {}}, 4004),
        (2, {"token": TOKEN, "intents": 1 << 40, "properties": {}}, 4013),
        (2, {"token": TOKEN, "intents": 1 << 8, "properties": {}}, 4014),
        (2, {"token": TOKEN, "intents": 1, "properties": {"x": "x" * 5000}}, 4002),
        (3, {}, 4003),
        (6, {"token": "wrong", "session_id": "session1", "seq": 1}, 4004),
    ],
)
async def test_what_is_wrong_closes_with_a_code(
    simulator: DiscordSimulator, op: int, data: dict[str, Any], code: int
) -> None:
    """The codes of the docs."""
    async with wired(simulator) as wire:
        await wire.send(op, data)

        assert {"closed": code} == await wire.next()
    assert [f"gateway: closed with {code}"] == list(simulator.refusals())


async def test_a_client_that_talks_too_much_is_cut_off(simulator: DiscordSimulator) -> None:
    """120 payloads a minute."""
    async with wired(simulator) as wire:
        for _ in range(121):
            await wire.send(1, None)
        answers = [await wire.next() for _ in range(121)]

    assert {"closed": 4008} == answers[-1]
    assert [11] * 120 == [answer["op"] for answer in answers[:-1]]


async def test_too_many_identifies_reset_the_token(simulator: DiscordSimulator) -> None:
    """As Discord does, beyond the budget that /gateway/bot told of."""
    async with DiscordSimulator(identify_limit=2) as small:
        for _ in range(2):
            async with wired(small) as wire:
                await wire.identify()
                await wire.until("READY")
        left = small.gateway.describe()["session_start_limit"]["remaining"]
        async with wired(small) as wire:
            await wire.identify()
            closed = await wire.next()
        async with wired(small) as wire:
            await wire.identify()
            again = await wire.next()

    assert (0, {"closed": 4004}, {"closed": 4004}) == (left, closed, again)


async def test_one_identify_in_five_seconds() -> None:
    """The next one is answered with an invalid session."""
    clock = FakeClock()
    async with DiscordSimulator(clock=clock, enforce_limits=True) as simulator:
        async with wired(simulator) as wire:
            await wire.identify()
            await wire.until("READY")
        async with wired(simulator) as wire:
            await wire.identify()
            early = await wire.next()
        await clock.advance(5)
        async with wired(simulator) as wire:
            await wire.identify()

            assert ({"op": 9, "d": False}, "READY") == (early, (await wire.next())["t"])


async def test_an_open_connection_may_be_dead(simulator: DiscordSimulator) -> None:
    """A zombie answers no heartbeat; events wait for the resume."""
    async with wired(simulator) as wire:
        await wire.identify()
        ready = await wire.until("READY")
        await wire.until("GUILD_CREATE")
        simulator.gateway.make_zombies()
        await wire.send(1, ready["s"])
        await simulator.say("ada", "unheard")
        with pytest.raises(asyncio.TimeoutError):
            await wire.socket.receive(timeout=0.05)
    async with wired(simulator) as wire:
        await wire.resume(ready["d"]["session_id"], ready["s"])

        assert "unheard" == (await wire.until("MESSAGE_CREATE"))["d"]["content"]


async def test_events_go_wrong_as_ordered(simulator: DiscordSimulator, bot: Bot) -> None:
    """Twice, in the wrong order, and lost with the connection: a resume brings them."""
    for kind, words in (
        ("duplicate", ["twice"]),
        ("reorder", ["late", "early"]),
        ("disconnect", ["lost", "next"]),
    ):
        simulator.fail(Fault(kind=kind, where="MESSAGE_CREATE"))
        for word in words:
            await simulator.say("ada", word)

    assert ["twice", "twice", "early", "late", "lost", "next"] == await bot.until_heard(6)
    assert 1 == simulator.gateway.resumes


async def test_roles_are_told_to_who_may_know(
    simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the privileged intent of members; roles come along with what people do anyway."""
    async with connected(simulator, monkeypatch, members=True) as bot:
        simulator.world.person("ada")
        number = await simulator.give_role("ada", "ops")
        member = await bot.guilds[0].fetch_member(simulator.world.person("ada").id)

    assert [number] == [str(role) for role in member._roles]
    assert "GUILD_MEMBER_UPDATE" in bot.events


async def test_a_wrong_token_ends_the_sdk(
    simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 at once, not a loop."""
    simulator.reset_token()

    with pytest.raises(discord.LoginFailure):
        async with connected(simulator, monkeypatch):
            pass
