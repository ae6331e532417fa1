"""Play a transcript on simulated platforms against one real bot that is connected to all of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, cast

from quarterdeck.testing.simulator.bot import ChildBot
from quarterdeck.testing.simulator.model import ScriptedModel
from quarterdeck.testing.simulator.platform import Simulated, SimulatedPlatform
from quarterdeck.testing.simulator.player import Played, Player
from quarterdeck.testing.simulator.transcript import PlatformName, Transcript

PACKAGE: Final = "quarterdeck.testing.simulator"
READY_S: Final = 60.0


def make(platform: PlatformName) -> Simulated:
    """Return a simulated platform; enter it to begin."""
    module = importlib.import_module(f"{PACKAGE}.{platform}")
    return cast(Simulated, getattr(module, f"{platform.capitalize()}Simulator")())


async def simulate(
    transcript: Transcript,
    platforms: Sequence[PlatformName],
    folder: Path,
    *,
    config: Path | None = None,
    is_recording: bool = False,
) -> list[Played]:
    """Play `transcript` on each platform in turn; the bot keeps everything in `folder`.

    Raises:
        SetupError: the bot does not start, or a role is not known.
        TimeoutError: the bot does not connect to a platform.
    """
    async with AsyncExitStack() as stack:
        simulated = [await stack.enter_async_context(make(name)) for name in platforms]
        environment = {name: value for one in simulated for name, value in one.environment().items()}
        if transcript.answers:
            model = await stack.enter_async_context(ScriptedModel(transcript.answers))
            environment |= model.environment()
        bot = ChildBot(folder, environment, transcript.settings, config=config)
        await stack.enter_async_context(bot)
        await bot.grant(_roles(transcript, simulated))

        played = []
        for one in simulated:
            await one.ready(READY_S)
            player = Player(transcript, one, bot, is_recording=is_recording)
            played.append(await player.play())
    return played


def _roles(transcript: Transcript, simulated: Sequence[SimulatedPlatform]) -> dict[str, str]:
    return {one.identity(who): role for one in simulated for who, role in transcript.people.items()}
