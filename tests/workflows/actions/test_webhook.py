"""Post webhooks to real receivers: signed as the specification says, again and again, dead letters in sight."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from aiohttp import web
from tests.workflows.actions.conftest import PUBLIC, Bench, MakeBench, Serve, Server

from quarterdeck.core.errors import Denied, NotFound, SetupError, UsageError
from quarterdeck.runtime.network.webhooks import RETRIES_S
from quarterdeck.testing.clock import FakeClock

KEY = b"0123456789abcdef0123456789abcdef"
ENVIRON = {
    "SIGN": "whsec_" + base64.b64encode(KEY).decode(),
    "SHORT": "whsec_" + base64.b64encode(b"short").decode(),
}
CREDENTIALS = {
    "partner": {"secret": "env:SIGN", "hosts": [PUBLIC], "use": "signature"},
    "foreign": {"secret": "env:SIGN", "hosts": ["hooks.example.com"], "use": "signature"},
    "short": {"secret": "env:SHORT", "hosts": [PUBLIC], "use": "signature"},
    "bearer": {"secret": "env:SIGN", "hosts": [PUBLIC]},
}


class Receiver:
    """Answer with these statuses, the last one again and again."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.statuses, self.headers = list(statuses), headers or {}
        self.has_taken = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        """Answer once."""
        self.has_taken.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers=self.headers)


def is_signed(server: Server, at: int = 0) -> bool:
    """Verify as a receiver does, written from the specification and not from our code."""
    headers, body = server.requests[at].headers, server.bodies[at]
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.digest(KEY, content, hashlib.sha256)).decode()
    return any(
        hmac.compare_digest(expected, one[3:])
        for one in headers["webhook-signature"].split()
        if one[:3] == "v1,"
    )


@pytest.fixture
def clock() -> FakeClock:
    """Return the clock of the bench."""
    return FakeClock()


@pytest.fixture
async def bench(make_bench: MakeBench, clock: FakeClock) -> Bench:
    """Return a bench with signing keys."""
    return await make_bench(egress={"credentials": CREDENTIALS}, environ=ENVIRON, clock=clock)


def test_the_verification_knows_the_published_example() -> None:
    """Standard Webhooks, reference libraries' own vector: independent of both sides here."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    assert (
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        == base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    )


async def test_our_signature_is_the_published_one(make_bench: MakeBench) -> None:
    """Receivers check it with their own libraries."""
    bench = await make_bench(
        egress={"credentials": {"k": {"secret": "env:K", "hosts": ["a.example"], "use": "signature"}}},
        environ={"K": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    )
    signed = bench.web.signature(
        "k",
        "https://a.example/",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at_s=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == signed["webhook-signature"]


async def test_an_event_arrives_signed_and_once(bench: Bench, serve: Serve) -> None:
    """However often the step runs."""
    server = await serve(Receiver(204).take)
    async with bench.live():
        for _ in range(2):
            told = await bench.do(
                "webhook.send",
                url=server.url("/in"),
                type="incident.closed",
                data={"n": 1},
                sign_with="partner",
            )
        await bench.settled()

    assert ({"type": "incident.closed", "timestamp": "2026-11-21T09:00:00.000Z", "data": {"n": 1}}, 1) == (
        json.loads(server.bodies[0]),
        len(server.requests),
    )
    assert (True, told["id"]) == (is_signed(server), server.requests[0].headers["webhook-id"])


async def test_a_receiver_that_is_away_is_tried_again_with_the_same_id(
    bench: Bench, clock: FakeClock, serve: Serve
) -> None:
    """Signed anew each time: the receiver looks at the age."""
    server = await serve(Receiver(500, 302, 404, 200).take)
    async with bench.live():
        await bench.do("webhook.send", url=server.url(), type="a.b", data=None, sign_with="partner")
        for seconds in (6.0, 331.0, 1_981.0):
            await clock.wait_for_sleepers()
            await clock.advance(seconds)
        await bench.settled()

    ids = {one.headers["webhook-id"] for one in server.requests}
    times = [int(one.headers["webhook-timestamp"]) for one in server.requests]
    assert (4, 1, 4) == (len(server.requests), len(ids), len(set(times)))
    assert all(is_signed(server, at) for at in range(4))
    assert [] == await bench.deliveries.pending()


async def test_after_the_whole_schedule_it_is_a_dead_letter_that_can_be_sent_again(
    bench: Bench, clock: FakeClock, serve: Serve
) -> None:
    """Three days of trying; then a person decides, with `/delivery`."""
    receiver = Receiver(503)
    server = await serve(receiver.take)
    async with bench.live():
        told = await bench.do("webhook.send", url=server.url("/in?token=x"), type="a.b", data=1)
        for seconds in RETRIES_S:
            await clock.wait_for_sleepers()
            await clock.advance(seconds * 1.11)
        await bench.settled()
        dead = await bench.deliveries.pending(state="dead")
        receiver.statuses = [200]
        await bench.deliveries.retry(told["delivery"])
        await bench.settled()

    assert (1, len(RETRIES_S) + 2) == (len(dead), len(server.requests))
    assert (told["delivery"], f"webhook a.b to {server.url('/in')}") == (dead[0].id, dead[0].text)
    assert [] == await bench.deliveries.pending()


async def hang(request: web.Request) -> web.Response:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def flood(request: web.Request) -> web.Response:
    """Answer without end."""
    return web.Response(body=b"x" * 2_000_000)


async def redirect(request: web.Request) -> web.Response:
    """Send elsewhere, to where nobody may go."""
    raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/")


async def slow_down(request: web.Request) -> web.Response:
    """Ask for an hour."""
    return web.Response(status=429, headers={"Retry-After": "3600"})


@pytest.mark.parametrize(
    ("handler", "wait_s"),
    [(hang, RETRIES_S[0]), (flood, RETRIES_S[0]), (redirect, RETRIES_S[0]), (slow_down, 3600)],
)
async def test_whatever_an_endpoint_does_it_is_tried_again(
    make_bench: MakeBench, clock: FakeClock, serve: Serve, handler: Any, wait_s: float
) -> None:
    """Within bounds of time and size, and not before it wants to be."""
    bench = await make_bench(egress={"timeout_s": 0.5}, clock=clock)
    server = await serve(handler)
    async with bench.live():
        await bench.do("webhook.send", url=server.url(), type="a.b", data=1)
        await clock.wait_for_sleepers()
        row = (await bench.deliveries.pending())[0]
        due_s = ((await bench.rows.one(row.id)).not_before_ms - clock.now_ms()) / 1000

    assert ("waiting", 1, 1) == (row.state, row.attempts, len(server.requests))
    assert wait_s <= due_s <= wait_s * 1.1


async def test_an_endpoint_that_is_gone_is_not_tried_again(bench: Bench, serve: Serve) -> None:
    """410 says that it wants no more."""
    server = await serve(Receiver(410).take)
    async with bench.live():
        await bench.do("webhook.send", url=server.url(), type="a.b", data=1)
        await bench.settled()

    assert (1, ["dead"]) == (len(server.requests), [one.state for one in await bench.deliveries.pending()])


async def test_an_endpoint_that_is_away_holds_up_no_other(bench: Bench, serve: Serve) -> None:
    """Each webhook waits by itself."""
    there = Receiver(200)
    down, up = await serve(Receiver(500).take), await serve(there.take)
    async with bench.live():
        await bench.do("webhook.send", key="a", url=down.url(), type="a.b", data=1)
        await bench.do("webhook.send", key="b", url=down.url(), type="a.b", data=2)
        await bench.do("webhook.send", key="c", url=up.url(), type="a.b", data=3)
        await bench.clock.wait_for_sleepers(2)
        await there.has_taken.wait()

    assert (2, 1) == (len(down.requests), len(up.requests))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://169.254.169.254/"])
async def test_addresses_inside_are_dead_letters_at_once(bench: Bench, url: str) -> None:
    """The guarded client refuses them, now and in three days."""
    async with bench.live():
        await bench.do("webhook.send", url=url, type="a.b", data=1)
        await bench.settled()

    assert ["dead"] == [one.state for one in await bench.deliveries.pending()]


async def test_no_other_action_can_post_a_webhook(bench: Bench, serve: Serve) -> None:
    """A message to the place where one went would be one more, past the rules about `webhook.send`."""
    server = await serve(Receiver(200).take)
    async with bench.live():
        await bench.do("webhook.send", key="a", url=server.url(), type="a.b", data=1)
        await bench.settled()
        row = (await bench.deliveries.all())[0]
        forged = json.dumps({"url": server.url(), "body": "{}", "sign_with": "partner", "type": "x"})
        for text in (forged, forged.replace("{}", "[]")[:-1] + ', "seal": ""}', "hello", "[1]"):
            with pytest.raises(Denied):
                await bench.do("chat.send", key="b", to=row.conversation_id, text=text, literal=True)
        await bench.settled()

    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    ("sign_with", "error"),
    [("foreign", Denied), ("nobody", NotFound), ("short", SetupError), ("bearer", UsageError)],
)
async def test_a_key_that_cannot_sign_is_said_now(
    bench: Bench, sign_with: str, error: type[Exception]
) -> None:
    """And not by a dead letter in three days."""
    with pytest.raises(error):
        await bench.do("webhook.send", url=f"http://{PUBLIC}:9/", type="a.b", data=1, sign_with=sign_with)

    assert [] == await bench.deliveries.pending()


@pytest.mark.parametrize(
    ("url", "type_"), [("nonsense", "a.b"), (f"http://{PUBLIC}/", "a b"), (f"http://{PUBLIC}/", "a..b")]
)
async def test_what_is_no_webhook_is_refused(bench: Bench, url: str, type_: str) -> None:
    """With the reason."""
    with pytest.raises(UsageError):
        await bench.do("webhook.send", url=url, type=type_, data=1)
