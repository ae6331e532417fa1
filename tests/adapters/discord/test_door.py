"""Signed interactions over HTTP: genuine ones are answered in the body, everything else learns nothing."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.discord.bench import Bench, DictMemory, command
from tests.adapters.discord.judge import Judge
from tests.adapters.discord.test_parse import sample

from quarterdeck.core.event import Event
from quarterdeck.core.reply import Reply
from quarterdeck.testing.clock import FakeClock
from quarterdeck_adapters.discord.interactions.answers import Answers
from quarterdeck_adapters.discord.interactions.door import PATH, Door
from quarterdeck_adapters.discord.interactions.interactions import Interactions
from quarterdeck_adapters.discord.settings import DiscordSettings

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
BODY = b'{"type": 1}'


def signed(body: bytes, timestamp: str) -> dict[str, str]:
    return {
        "X-Signature-Ed25519": KEY.sign(timestamp.encode() + body).hex(),
        "X-Signature-Timestamp": timestamp,
    }


def now(clock: Any) -> str:
    return str(clock.now_ms() // 1000)


class Caller:
    """Serve the adapter's own routes behind their principal, as the web server does."""

    def __init__(self, bot: Bench) -> None:
        self.bot = bot

    async def start(self) -> None:
        app = web.Application()
        for declared in self.bot.adapter.routes():
            verify = declared.principal.verify
            assert verify is not None

            async def guarded(request: web.Request, declared: Any = declared, verify: Any = verify) -> Any:
                return await declared.handler(request) if await verify(request) else web.Response(status=401)

            app.router.add_route(declared.method, declared.path, guarded)
        self.server = TestServer(app)
        await self.server.start_server()
        self.session = ClientSession()
        self.bot.adapter._interactions.open(self.bot.accept)  # the gateway is another test's

    async def stop(self) -> None:
        await self.session.close()
        await self.server.close()
        await self.bot.stop()
        await self.bot.adapter._close()

    async def post(self, data: Any) -> tuple[int, Any]:
        body = json.dumps(data).encode()
        headers = signed(body, now(self.bot.clock))
        async with self.session.post(self.server.make_url(PATH), data=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async def answer(event: Event) -> Reply | None:
        return Reply(text="Pong.")

    async with Judge() as judge:
        settings = DiscordSettings(public_key=PUBLIC, api_url=judge.api_url)
        bot = Bench(settings, answer, (command("ping"), command("deploy", lane="heavy")))
        caller = Caller(bot)
        await caller.start()
        yield caller
        await caller.stop()


def door(clock: FakeClock) -> Door:
    answers = Answers(DictMemory(), clock)
    interactions: Interactions = Interactions.__new__(Interactions)  # never asked: nothing genuine comes
    return Door(PUBLIC, interactions, answers, clock)


async def test_a_ping_is_ponged(caller: Caller) -> None:
    """Discord asks this before it takes the address."""
    assert (200, {"type": 1}) == await caller.post({"type": 1})


async def test_a_light_command_is_answered_in_the_body(caller: Caller) -> None:
    """No call goes out for it at all."""
    status, answer = await caller.post({**sample("command_direct")[1]})

    assert (200, 4, "Pong.") == (status, answer["type"], answer["data"]["content"])
    assert {"parse": []} == answer["data"]["allowed_mentions"]
    assert [("discord::1441234567890129999#1", "@1441234567890129999")] == caller.bot.sent


async def test_a_heavy_command_is_deferred_at_once(caller: Caller) -> None:
    """Three seconds are not for a model; its token is on disk then."""
    status, answer = await caller.post(sample("command")[1])

    assert (200, {"type": 5}) == (status, answer)
    assert "aW50ZXJhY3Rpb24" == caller.bot.memory.values["open:discord::1441234567890129999"]["token"]


async def test_a_full_queue_says_so_to_the_one_who_asked(caller: Caller) -> None:
    """Nothing was stored, and nobody waits in vain."""
    caller.bot.is_full = True
    _, answer = await caller.post(sample("command")[1])

    assert (4, 64) == (answer["type"], answer["data"]["flags"])
    assert "Too many messages wait here already" in answer["data"]["content"]
    assert [] == caller.bot.events


async def test_the_same_interaction_runs_once(caller: Caller) -> None:
    """A replay within the window is signed, too."""
    await asyncio.gather(*(caller.post(sample("command_direct")[1]) for _ in range(5)))

    assert 1 == len(caller.bot.events)


async def test_completions_are_offered(caller: Caller) -> None:
    """At most 25, none longer than Discord takes; nothing where it takes too long."""

    async def complete(*asked: Any) -> list[str]:
        return [f"staging-{n}" for n in range(30)] + ["x" * 200]

    caller.bot.adapter._interactions._context = caller.bot.adapter._interactions._context.__class__(
        **{
            name: getattr(caller.bot.adapter._interactions._context, name)
            for name in ("settings", "secret", "clock", "memory", "commands")
        },
        complete=complete,
    )
    _, answer = await caller.post(sample("completing")[1])

    assert 8 == answer["type"]
    assert [f"staging-{n}" for n in range(25)] == [one["value"] for one in answer["data"]["choices"]]


@pytest.mark.parametrize(
    "data", [{}, [], 7, {"type": 99}, {"type": 2}, {"type": 3, "data": None}, {"type": 5, "data": {}}]
)
async def test_what_is_genuine_and_no_interaction_is_refused(caller: Caller, data: Any) -> None:
    """Never a 500."""
    status, _ = await caller.post(data)

    assert 400 == status


@pytest.mark.parametrize("age_s", [301, -301, 10**9])
def test_an_old_signature_is_refused(age_s: int) -> None:
    """Whoever has recorded a call cannot make it again later."""
    clock = FakeClock()
    timestamp = str(clock.now_ms() // 1000 - age_s)
    headers = signed(BODY, timestamp)

    assert not door(clock).is_genuine(headers["X-Signature-Ed25519"], timestamp, BODY)


def test_a_fresh_signature_is_taken() -> None:
    """The counterpart of all refusals here."""
    clock = FakeClock()
    headers = signed(BODY, now(clock))

    assert door(clock).is_genuine(headers["X-Signature-Ed25519"], now(clock), BODY)


SIGNATURES = st.text(max_size=200) | st.text("0123456789abcdef", min_size=128, max_size=128)
TIMESTAMPS = st.text(max_size=30) | st.integers().map(str) | st.sampled_from(["nan", "1e9", "٣", "9" * 5_000])


@given(SIGNATURES, TIMESTAMPS, st.binary(max_size=200))
@settings(max_examples=1_000)
def test_nothing_forged_is_genuine(signature: str, timestamp: str, body: bytes) -> None:
    """Whatever the headers hold, the answer is no, and no exception."""
    assert not door(FakeClock()).is_genuine(signature, timestamp, body)


@given(st.integers(0, 127), st.integers(0, len(BODY) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_one_changed_bit_is_noticed(digit: int, at: int, flip: int) -> None:
    """In the signature or in the body."""
    clock = FakeClock()
    signature = signed(BODY, now(clock))["X-Signature-Ed25519"]
    other = signature[:digit] + ("0" if signature[digit] != "0" else "1") + signature[digit + 1 :]
    body = BODY[:at] + bytes([BODY[at] ^ flip]) + BODY[at + 1 :]

    assert not door(clock).is_genuine(other, now(clock), BODY)
    assert not door(clock).is_genuine(signature, now(clock), body)


async def test_nothing_of_a_refused_call_is_logged(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """A stranger cannot write into our log."""
    caplog.set_level(logging.DEBUG)
    headers = {"X-Signature-Ed25519": "0" * 128, "X-Signature-Timestamp": now(caller.bot.clock)}
    async with caller.session.post(
        caller.server.make_url(PATH), data=b'{"canary": "c4n4ry"}', headers=headers
    ) as response:
        assert 401 == response.status
    assert "c4n4ry" not in caplog.text
