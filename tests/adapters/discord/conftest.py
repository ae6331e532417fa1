"""Give tests a simulated Discord and a bot that is connected to it."""

from collections.abc import AsyncIterator

import pytest

from quarterdeck.testing.simulator.discord import DiscordSimulator


@pytest.fixture
async def discord() -> AsyncIterator[DiscordSimulator]:
    async with DiscordSimulator() as discord:
        yield discord
