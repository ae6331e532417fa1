"""Prove with bolt's own web server that signed HTTP delivery is what bolt takes for genuine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from tests.bot.testing.simulator.slack.conftest import client_of

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.slack import SlackSimulator
from quarterdeck.testing.simulator.slack.simulator import SIGNING_SECRET


@asynccontextmanager
async def serving(slack: SlackSimulator) -> AsyncIterator[AsyncApp]:
    """Serve a bolt app and let the simulator deliver to it."""
    app = AsyncApp(client=client_of(slack), signing_secret=SIGNING_SECRET)
    runner = web.AppRunner(app.web_app("/slack/events"))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.connect_http(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield app
    finally:
        await runner.cleanup()


async def test_bolt_takes_what_is_signed_and_answers(slack: SlackSimulator) -> None:
    """An event, a command and a press, in the three encodings that Slack has for them."""
    async with serving(slack) as app:

        @app.event("app_mention")
        async def mentioned(event, say):
            button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
            await say(text="card", blocks=[{"type": "actions", "elements": [button]}])

        @app.action("go")
        async def go(ack, respond):
            await ack()
            await respond("gone")

        @app.command("/echo")
        async def echo(ack, command):
            await ack(command["text"])

        await slack.ready()
        await slack.say("ada", "@bot")
        await slack.wait_for("ada", "")
        await slack.press("ada", "Go")
        gone = await slack.wait_for("ada", "gone")
        await slack.command("ada", "echo", "hello world")
        echoed = await slack.wait_for("ada", "hello world")

    assert {slack.workspace.person("ada").id} == {gone.to, echoed.to}
    assert () == slack.refusals()


async def test_a_forgery_is_refused_by_bolt(slack: SlackSimulator) -> None:
    """The signature that bolt checks is over the bytes and the time."""
    async with serving(slack):
        assert slack.http is not None
        body = b'{"type": "url_verification", "challenge": "x"}'
        genuine = slack.http.signed(body) | {"Content-Type": "application/json"}
        forged = genuine | {"X-Slack-Signature": "v0=" + "0" * 64}

        assert [200, 401] == [await slack.http.post_raw(body, one) for one in (genuine, forged)]


class Server:
    """Answer deliveries with the statuses given, then with 200; None never answers."""

    def __init__(self, *statuses: int | None) -> None:
        self._statuses = list(statuses)
        self.headers: list[dict[str, str]] = []
        self.came = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        status = self._statuses.pop(0) if self._statuses else 200
        async with self.came:
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            self.came.notify_all()
        if status is None:
            await asyncio.Event().wait()
        return web.Response(status=status or 200)

    async def wait_for(self, count: int) -> None:
        """Return once so many deliveries came."""
        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(lambda: len(self.headers) >= count)


@asynccontextmanager
async def against(server: Server, clock: FakeClock) -> AsyncIterator[SlackSimulator]:
    """Deliver to a server of the test's own."""
    routes = [web.post("/slack/events", server.take)]
    async with LoopbackServer(routes) as loopback, SlackSimulator(clock=clock, mode="http") as slack:
        slack.connect_http(loopback.url)
        yield slack


@pytest.mark.parametrize(("status", "reason", "waits_s"), [(500, "http_error", 0), (None, "http_timeout", 3)])
async def test_what_is_not_taken_comes_again_with_the_headers_of_a_retry(
    status: int | None, reason: str, waits_s: float
) -> None:
    """At once, and then after a minute."""
    clock, server = FakeClock(), Server(status, status)
    async with against(server, clock) as slack:
        await slack.say("ada", "hello")
        for count in (1, 2):
            await server.wait_for(count)
            await clock.wait_for_sleepers()
            await clock.advance(waits_s)
        await clock.wait_for_sleepers()
        await clock.advance(60)
        await server.wait_for(3)

    retries = [(one.get("x-slack-retry-num"), one.get("x-slack-retry-reason")) for one in server.headers]
    assert [(None, None), ("1", reason), ("2", reason)] == retries


async def test_a_lost_acknowledgement_is_a_timeout() -> None:
    """The app has answered, and Slack does not know."""
    clock, server = FakeClock(), Server()
    async with against(server, clock) as slack:
        slack.fail(Fault(kind="lost_answer", where="message"))
        await slack.say("ada", "hello")
        await server.wait_for(1)
        await clock.wait_for_sleepers()
        await clock.advance(3)
        await server.wait_for(2)

    assert "http_timeout" == server.headers[1]["x-slack-retry-reason"]
    assert {"SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"} == {
        name for name in slack.environment() if name.startswith("SLACK_")
    }
