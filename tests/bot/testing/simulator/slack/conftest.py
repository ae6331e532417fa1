"""Give tests a simulated Slack and the vendor's own clients on it."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from quarterdeck.testing.simulator.slack import SlackSimulator
from quarterdeck.testing.simulator.slack.simulator import API_URL, APP_TOKEN, BOT_TOKEN

Listen = Callable[[SocketModeClient, object], Awaitable[None]]


def client_of(slack: SlackSimulator, token: str = BOT_TOKEN) -> AsyncWebClient:
    """Return the SDK's client of a workspace."""
    return AsyncWebClient(token=token, base_url=slack.environment()[API_URL])


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    """Be Slack, on the machine's clock."""
    async with SlackSimulator() as simulator:
        yield simulator


@pytest.fixture
def web(slack: SlackSimulator) -> AsyncWebClient:
    """Return the SDK's client, with the bot's token."""
    return client_of(slack)


@asynccontextmanager
async def sockets(
    slack: SlackSimulator, listen: Listen, *, count: int = 1
) -> AsyncIterator[list[SocketModeClient]]:
    """Connect the SDK's socket clients, each with one listener."""
    clients = []
    for _ in range(count):
        client = SocketModeClient(app_token=APP_TOKEN, web_client=client_of(slack, APP_TOKEN))
        client.socket_mode_request_listeners.append(listen)
        await client.connect()
        clients.append(client)
    await slack.workspace.changes.until(
        lambda: len(slack.sockets.connections) == count, timeout_s=10, what="sockets"
    )
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


@asynccontextmanager
async def bolt(slack: SlackSimulator) -> AsyncIterator[AsyncApp]:
    """Run a plain bolt app in Socket Mode; register listeners on it before anybody speaks."""
    logger = logging.getLogger("bolt")
    app = AsyncApp(client=client_of(slack), logger=logger, signing_secret="")
    handler = AsyncSocketModeHandler(app, APP_TOKEN, web_client=client_of(slack, APP_TOKEN), logger=logger)
    await handler.connect_async()
    await slack.ready()
    try:
        yield app
    finally:
        await handler.close_async()
