"""Connect discord.py, as it comes, to a simulated Discord."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import pytest
import yarl
from discord import app_commands

from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.discord.simulator import TOKEN


class Bot(discord.Client):
    """Be a bot that keeps what it hears; tests add commands to `tree`."""

    def __init__(self, *, intents: discord.Intents) -> None:
        super().__init__(intents=intents, guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)
        self.heard: list[str] = []
        self.events: list[str] = []

    async def on_message(self, message: discord.Message) -> None:
        """Keep what people say."""
        if not message.author.bot:
            self.heard.append(message.content)
            self.dispatch("heard")

    async def on_socket_event_type(self, event: str) -> None:
        """Keep the names of events."""
        self.events.append(event)

    async def until_heard(self, count: int) -> list[str]:
        """Return what was heard once there are `count` of it."""
        while len(self.heard) < count:
            await self.wait_for("heard", timeout=20)
        return self.heard


@pytest.fixture
async def simulator() -> AsyncIterator[DiscordSimulator]:
    """Return a running simulator."""
    async with DiscordSimulator() as running:
        yield running


@asynccontextmanager
async def connected(
    simulator: DiscordSimulator,
    monkeypatch: pytest.MonkeyPatch,
    *,
    content: bool = True,
    members: bool = False,
) -> AsyncIterator[Bot]:
    """Run the SDK's client while the block runs."""
    point_at(simulator, monkeypatch)
    intents = discord.Intents.default()
    intents.message_content, intents.members = content, members
    bot = Bot(intents=intents)
    async with bot:
        task = asyncio.create_task(bot.start(TOKEN))
        # `wait_until_ready` refuses until `start` has logged in, and would wait for ever when that fails.
        ready = asyncio.create_task(simulator.ready())
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            ready.cancel()
            await task
        await bot.wait_until_ready()
        yield bot
        await bot.close()
        await task


def point_at(simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK find the simulator instead of discord.com."""
    monkeypatch.setattr(discord.http.Route, "BASE", simulator.url)
    gateway = yarl.URL(simulator.gateway_url)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)


@pytest.fixture
async def bot(simulator: DiscordSimulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bot]:
    """Return the SDK's client, ready."""
    async with connected(simulator, monkeypatch) as running:
        yield running


async def channel_of(simulator: DiscordSimulator, bot: Bot, name: str = "general") -> discord.TextChannel:
    """Return a channel as the SDK has it, made when it is new."""
    number = (await simulator._people.place("ada", name)).id
    channel = bot.get_channel(number) or await bot.fetch_channel(number)
    assert isinstance(channel, discord.TextChannel)
    return channel
