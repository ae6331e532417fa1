"""Run the real program against simulated platforms and a model of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.platforms.model import Model

from quarterdeck.testing.simulator.bot import ChildBot
from quarterdeck.testing.simulator.platform import SeenMessage, SimulatedPlatform
from quarterdeck.testing.simulator.simulation import make
from quarterdeck.testing.simulator.transcript import PlatformName, Scalar

WAIT_S = 40.0  # bounds a hang; nothing here waits for it on a good day


@dataclass(frozen=True, slots=True)
class Scene:
    """Hold a bot, the one platform that it is connected to, and its model; `ada` is an owner."""

    platform: SimulatedPlatform
    bot: ChildBot
    model: Model
    folder: Path

    async def say(self, text: str) -> str:
        """Let ada write to the bot."""
        return await self.platform.say("ada", text, where="direct")

    async def sees(self, text: str) -> SeenMessage:
        """Return the message of the bot that says so, once ada sees it."""
        return await self.platform.wait_for("ada", text, where="direct", timeout_s=WAIT_S)

    async def said(self) -> list[SeenMessage]:
        """Return all that the bot has said to ada."""
        seen = await self.platform.seen("ada", where="direct")
        return [one for one in seen if one.author == "bot" and not one.is_deleted]


@asynccontextmanager
async def scene(
    name: PlatformName, folder: Path, settings: Mapping[str, Scalar] = {}
) -> AsyncIterator[Scene]:
    """Hold the whole scene up."""
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(make(name))
        model = await stack.enter_async_context(Model())
        environment = dict(platform.environment()) | model.environment()
        bot = await stack.enter_async_context(ChildBot(folder, environment, settings))
        await bot.grant({platform.identity("ada"): "owner"})
        await platform.ready(WAIT_S)
        yield Scene(platform, bot, model, folder)
