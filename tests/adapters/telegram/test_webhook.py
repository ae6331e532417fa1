"""Telegram calls us: who it is comes first, then the disk, then the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from tests.adapters.telegram.conftest import Arrivals, Notes, context_of

from quarterdeck.core.errors import Busy, SetupError, Unavailable
from quarterdeck.core.event import Posted
from quarterdeck.runtime.settings.sections import HttpSettings
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.telegram.simulator import WEBHOOK_SECRET, TelegramSimulator
from quarterdeck.web.server import WebServer
from quarterdeck_adapters.telegram.adapter import TelegramAdapter, build
from quarterdeck_adapters.telegram.webhook import HEADER, PATH, Webhook, address_of


class Served:
    """Hold an adapter behind the web server that it has in real life."""

    def __init__(
        self, telegram: TelegramSimulator, adapter: TelegramAdapter, inbox: Arrivals, url: str
    ) -> None:
        self.telegram, self.adapter, self.inbox, self.url = telegram, adapter, inbox, url


@asynccontextmanager
async def served(
    telegram: TelegramSimulator, inbox: Arrivals, memory: Notes | None = None
) -> AsyncIterator[Served]:
    """Run the adapter in webhook mode; the simulator is told its address as an operator would do it."""
    adapter = build(context_of(telegram.environment(), memory=memory))
    server = WebServer(HttpSettings(port=0), adapter.routes())
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    telegram.connect_http(url)
    task = asyncio.create_task(adapter.run(inbox.accept))
    try:
        yield Served(telegram, adapter, inbox, url)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop()


@pytest.fixture
async def hooked() -> AsyncIterator[Served]:
    """Serve the webhook."""
    async with (
        TelegramSimulator(http=True, first_retry_s=0.02) as telegram,
        served(telegram, Arrivals()) as there,
    ):
        yield there


class Call:
    """Be a request, as far as its headers go."""

    def __init__(self, *secrets: str) -> None:
        self.headers = CIMultiDict([(HEADER, secret) for secret in secrets])

    async def read(self) -> bytes:
        return b'{"update_id": 1}'


async def is_let_in(*secrets: str) -> bool:
    """Tell whether a request with these headers passes."""
    call: Any = Call(*secrets)
    return await Webhook(WEBHOOK_SECRET).verify(call)


async def posted(hooked: Served, body: bytes) -> int:
    """Return how a call with the right secret is answered."""
    sent = {HEADER: WEBHOOK_SECRET}
    async with (
        aiohttp.ClientSession() as session,
        session.post(hooked.url + PATH, data=body, headers=sent) as answer,
    ):
        return answer.status


async def test_an_update_is_on_disk_before_the_answer(hooked: Served) -> None:
    """An answer before that would lose it with the next crash."""
    await hooked.telegram.say("ada", "/ping", where="direct")
    (event,) = await hooked.inbox.count(1)

    assert isinstance(event, Posted)
    assert "/ping" == event.message.text


@pytest.mark.parametrize("failure", [Busy("full"), Unavailable("disk full", service="store")])
async def test_what_cannot_be_stored_is_sent_again(hooked: Served, failure: Busy | Unavailable) -> None:
    """503 tells Telegram to keep it."""
    hooked.inbox.failures.append(failure)
    await hooked.telegram.say("ada", "/ping", where="direct")
    (event,) = await hooked.inbox.count(1)

    assert 2 == hooked.inbox.calls
    assert isinstance(event, Posted)


async def test_a_repeated_call_is_one_event(hooked: Served) -> None:
    """Telegram repeats what it believes lost."""
    hooked.telegram.fail(Fault(kind="lost_answer", where="message"))
    hooked.telegram.fail(Fault(kind="duplicate", where="message"))
    await hooked.telegram.say("ada", "/ping", where="direct")
    await hooked.telegram.say("ada", "/help", where="direct")
    events = await hooked.inbox.count(2)

    assert 2 == len({event.key for event in events})


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        WEBHOOK_SECRET[:-1],
        f"{WEBHOOK_SECRET}x",
        WEBHOOK_SECRET.upper(),
        "é",
        f" {WEBHOOK_SECRET[1:]}",
    ],
)
async def test_a_stranger_is_refused_before_the_body_is_read(
    hooked: Served, secret: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody can call a public address; a body must cost nothing and leave nothing."""
    caplog.set_level(logging.DEBUG)
    sent = {} if secret is None else {HEADER: secret}
    arrived = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"update_id": 5, "canary": '
        await arrived.wait()
        yield b'"stranger"}'

    async with (
        aiohttp.ClientSession() as session,
        session.post(hooked.url + PATH, data=body(), headers=sent) as answer,
    ):
        status = answer.status  # the body is not whole yet
        arrived.set()

    assert 401 == status
    assert [] == hooked.inbox.events
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b'{"update_id": "1"}', b'{"update_id": true}', b"\xff"]
)
async def test_what_is_no_update_is_refused(hooked: Served, body: bytes) -> None:
    """The secret may be known to somebody who sends nonsense."""
    assert 400 == await posted(hooked, body)


async def test_an_update_of_odd_shape_does_not_come_again_and_again(hooked: Served) -> None:
    """Refused, it would stand before all that come after it."""
    await hooked.telegram.say("ada", "/ping", where="direct")
    await hooked.inbox.count(1)

    assert 200 == await posted(hooked, b'{"update_id": 1, "message": {"chat": 3}}')


@settings(max_examples=1_000)
@given(value=st.text(st.characters(exclude_categories=()), max_size=300))
async def test_no_header_opens_the_door_or_breaks_it(value: str) -> None:
    """Signs of any kind, also such as are no text."""
    assert (value == WEBHOOK_SECRET) == await is_let_in(value)


async def test_the_header_must_come_once() -> None:
    """Two of them, one right: somebody stands in between."""
    assert [True, False, False] == [
        await is_let_in(WEBHOOK_SECRET),
        await is_let_in("x", WEBHOOK_SECRET),
        await is_let_in(),
    ]


@pytest.mark.parametrize("secret", ["", " ", "with space", "é", "x" * 257])
def test_a_secret_that_telegram_would_not_send_is_refused_at_the_start(secret: str) -> None:
    """Else every call would be turned away."""
    with pytest.raises(SetupError, match="webhook_secret"):
        Webhook(secret)


async def test_before_the_bot_is_connected_telegram_is_told_to_wait() -> None:
    """It starts with the web server, and knows its own name a moment later."""
    call: Any = Call(WEBHOOK_SECRET)

    assert 503 == (await Webhook(WEBHOOK_SECRET).receive(call)).status


async def test_telegram_is_told_where_to_call() -> None:
    """With the secret, or it could not be told from others."""
    async with TelegramSimulator(http=True) as telegram:
        url = "https://bot.example.com"
        adapter = build(context_of(telegram.environment(), settings={"webhook_url": url}))
        task = asyncio.create_task(adapter.run(Arrivals().accept))
        await telegram.ready()
        hook = telegram.updates.has_webhook
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert hook
    assert f"{url}{PATH}" == address_of(url)
    assert f"{url}/own/path" == address_of(f"{url}/own/path")
