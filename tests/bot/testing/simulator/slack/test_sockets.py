"""Prove with the SDK's socket client that Socket Mode delivers, repeats and disconnects as Slack does."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from tests.bot.testing.simulator.slack.conftest import sockets

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.slack import SlackSimulator


class Listener:
    """Acknowledge what comes, or not."""

    def __init__(self, slack: SlackSimulator, *, silent: int = 0) -> None:
        self.slack, self.silent = slack, silent
        self.got: list[SocketModeRequest] = []
        self.clients: list[SocketModeClient] = []

    async def __call__(self, client: SocketModeClient, request: SocketModeRequest) -> None:
        self.got.append(request)
        self.clients.append(client)
        if self.silent:
            self.silent -= 1
        else:
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        self.slack.workspace.tell()

    async def wait_for(self, count: int) -> None:
        """Return once so many envelopes came."""
        await self.slack.workspace.changes.until(
            lambda: len(self.got) >= count, timeout_s=10, what=lambda: f"{count}, not {len(self.got)}"
        )

    def texts(self) -> list[str]:
        """Return the texts of the messages that came."""
        return [one.payload["event"]["text"] for one in self.got]


async def acknowledged(slack: SlackSimulator) -> None:
    """Return once nothing is under way."""
    await slack.workspace.changes.until(
        lambda: not slack.deliveries.unacknowledged(), timeout_s=10, what="acknowledgements"
    )


@pytest.fixture
def clock() -> FakeClock:
    """Own the time: deadlines pass when the test says so."""
    return FakeClock()


@pytest.fixture
async def slack(clock: FakeClock) -> AsyncIterator[SlackSimulator]:
    """Be Slack on the test's clock."""
    async with SlackSimulator(clock=clock) as simulator:
        yield simulator


async def test_what_is_not_acknowledged_in_3_s_comes_again_and_says_why(
    slack: SlackSimulator, clock: FakeClock
) -> None:
    """At once, after a minute and after five; the event keeps its id."""
    listener = Listener(slack, silent=3)
    async with sockets(slack, listener):
        await slack.say("ada", "hello")
        for count, after_s in ((1, 3), (2, 3), (2, 60), (3, 3), (3, 300)):
            await listener.wait_for(count)
            await clock.wait_for_sleepers()
            await clock.advance(after_s)
        await listener.wait_for(4)
        await acknowledged(slack)

    retries = [(one.retry_attempt, one.retry_reason) for one in listener.got]
    assert [(0, ""), (1, "timeout"), (2, "timeout"), (3, "timeout")] == retries
    assert 1 == len({one.payload["event_id"] for one in listener.got})
    assert 4 == len({one.envelope_id for one in listener.got})


async def test_each_event_goes_to_one_connection(slack: SlackSimulator) -> None:
    """In turn."""
    listener = Listener(slack)
    async with sockets(slack, listener, count=2):
        for number in range(6):
            await slack.say("ada", str(number))
        await listener.wait_for(6)

    assert set("012345") == set(listener.texts())
    assert [3, 3] == [listener.clients.count(client) for client in dict.fromkeys(listener.clients)]


@pytest.mark.parametrize(
    ("kind", "expected"), [("duplicate", ["a", "a", "b"]), ("reorder", ["b", "a"]), ("drop", ["b"])]
)
async def test_events_go_wrong_on_order(slack: SlackSimulator, kind: str, expected: list[str]) -> None:
    """What is dropped comes again after 3 s, which do not pass here."""
    listener = Listener(slack)
    slack.fail(Fault(kind=kind, where="message"))
    async with sockets(slack, listener):
        for letter in "ab":
            await slack.say("ada", letter)
        await listener.wait_for(len(expected))

    assert expected == listener.texts()


async def test_a_lost_acknowledgement_brings_the_event_again(slack: SlackSimulator, clock: FakeClock) -> None:
    """The bot has to know it by its id."""
    listener = Listener(slack)
    slack.fail(Fault(kind="lost_answer", where="message"))
    async with sockets(slack, listener):
        await slack.say("ada", "hello")
        await listener.wait_for(1)
        await clock.wait_for_sleepers()
        await clock.advance(3)
        await listener.wait_for(2)
        await acknowledged(slack)

    assert ["hello", "hello"] == listener.texts()


async def test_a_client_that_is_told_to_go_comes_back_and_misses_nothing(slack: SlackSimulator) -> None:
    """`refresh_requested` is routine."""
    listener = Listener(slack)
    async with sockets(slack, listener):
        await slack.disconnect()
        await slack.workspace.changes.until(
            lambda: slack.sockets.connected_in_all == 2, timeout_s=10, what="a second connection"
        )
        await slack.say("ada", "hello")
        await listener.wait_for(1)

    assert ["hello"] == listener.texts()


async def test_an_event_waits_for_a_connection(slack: SlackSimulator) -> None:
    """Nobody is there when it happens; 3 s are enough to come."""
    listener = Listener(slack)
    await slack.say("ada", "early")
    async with sockets(slack, listener):
        await listener.wait_for(1)

    assert ["early"] == listener.texts()


async def test_a_broken_connection_loses_the_event_until_it_comes_again(
    slack: SlackSimulator, clock: FakeClock
) -> None:
    """The client connects anew by itself."""
    listener = Listener(slack)
    slack.fail(Fault(kind="disconnect", where="message"))
    async with sockets(slack, listener) as clients:
        await slack.say("ada", "hello")
        await slack.workspace.changes.until(
            lambda: not slack.sockets.connections, timeout_s=10, what="the end of the connection"
        )
        await clients[0].connect_to_new_endpoint(force=True)
        await clock.wait_for_sleepers()
        await clock.advance(3)
        await listener.wait_for(1)

    assert [("hello", 1)] == [(one.payload["event"]["text"], one.retry_attempt) for one in listener.got]


async def test_a_ticket_is_good_for_one_connection_and_ten_are_the_most(slack: SlackSimulator) -> None:
    """The eleventh is told so and closed."""
    async with aiohttp.ClientSession() as session:
        url = slack.sockets.ticket()
        open_ones = [await session.ws_connect(url)]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        open_ones += [await session.ws_connect(slack.sockets.ticket()) for _ in range(10)]
        hello = await open_ones[0].receive_json()
        farewell = await open_ones[-1].receive_json()
        for one in open_ones:
            await one.close()

    assert ("hello", slack.workspace.app_id) == (hello["type"], hello["connection_info"]["app_id"])
    assert ("disconnect", "too_many_websockets") == (farewell["type"], farewell["reason"])


async def test_an_acknowledgement_of_an_event_carries_no_answer(slack: SlackSimulator) -> None:
    """Only commands and interactions take one."""
    async with aiohttp.ClientSession() as session, session.ws_connect(slack.sockets.ticket()) as socket:
        await socket.receive_json()
        await slack.say("ada", "hello")
        envelope = await socket.receive_json()
        await socket.send_json({"envelope_id": envelope["envelope_id"], "payload": {"text": "hi"}})
        await acknowledged(slack)

    assert ("socket: message takes no answer in its acknowledgement",) == slack.refusals()
    assert not envelope["accepts_response_payload"]


async def test_the_simulator_ends_while_deliveries_are_under_way() -> None:
    """A test that fails in the middle must not hang."""
    async with asyncio.timeout(5), SlackSimulator() as slack:
        await slack.say("ada", "hello")
