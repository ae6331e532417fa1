"""The whole program against each simulated platform, killed at named points: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from quarterdeck.testing.simulator.platform import SimulatedPlatform
from quarterdeck.testing.simulator.simulation import make
from quarterdeck.testing.simulator.transcript import PLATFORMS, PlatformName

pytestmark = pytest.mark.slow
WAIT_S = 60.0


@asynccontextmanager
async def program(
    platform: SimulatedPlatform, folder: Path, fault: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the bot until the block ends, or the fault ends it."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "QUARTERDECK__DATA_DIR": str(folder / "data"),
        "QUARTERDECK__HTTP__PORT": "0",
        "QUARTERDECK__MODELS__DISCOVER": "false",
        "QUARTERDECK__MODELS__BUILTIN__ENABLED": "false",
        "QUARTERDECK__ACCESS__DEFAULT_ROLE": "viewer",
        **platform.environment(),
    }
    arguments = ["-m", "quarterdeck", "run"]
    if fault:
        environment["QUARTERDECK_FAULT"] = fault
        arguments.append("--testing")
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        await platform.ready(WAIT_S)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def order(platform: SimulatedPlatform, name: str, options: Mapping[str, object]) -> None:
    """Use a native command, as soon as the bot offers it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            seen = platform.changes.count
            try:
                return await platform.command("anna", name, options, where="direct")
            except LookupError:
                await platform.changes.until(
                    lambda seen=seen: platform.changes.count > seen, timeout_s=WAIT_S, what="a menu"
                )


WAYS: Final = {
    "message": ("inbox.accepted", "outbox.queued", "outbox.sent"),
    "native command": ("inbox.accepted", "outbox.sent"),
    "instant command": ("outbox.answered", "outbox.sent"),
}
IN_DOUBT: Final = {  # Telegram takes no key: what may have been sent is shown as unknown, and not sent again
    ("telegram", "outbox.queued"),
    ("telegram", "outbox.answered"),
}
CASES: Final = [
    (name, point, way)
    for name in PLATFORMS
    for way, points in WAYS.items()
    for point in points
    if (name, point) not in IN_DOUBT
]


@pytest.mark.parametrize(("name", "point", "way"), CASES)
async def test_an_answer_comes_once_whenever_the_bot_is_killed(
    tmp_path: Path, name: PlatformName, point: str, way: str
) -> None:
    """F1, F2, F4: at each durable write on the way of one message."""
    word = "kept-word" if way == "instant command" else "See whether the bot is there"
    async with make(name) as platform:
        passage = 2 if way == "instant command" and point == "outbox.sent" else 1
        async with program(platform, tmp_path, f"{point}:{passage}:kill") as process:
            if way == "message":
                await platform.say("anna", "/help ping", where="direct")
            elif way == "native command":
                await order(platform, "help", {"command": "ping"})
            else:
                await order(platform, "echo", {"text": "first"})  # it has to look up who anna is
                await platform.wait_for("anna", "first", where="direct", timeout_s=WAIT_S)
                await order(platform, "echo", {"text": word})
            assert -signal.SIGKILL == await asyncio.wait_for(process.wait(), WAIT_S)
        async with program(platform, tmp_path):
            await platform.wait_for("anna", word, where="direct", timeout_s=WAIT_S)
            await platform.say("anna", "/echo last", where="direct")
            await platform.wait_for("anna", "last", where="direct", timeout_s=WAIT_S)

            seen = await platform.seen("anna", where="direct")
            assert 1 == sum(word in one.text for one in seen if one.author == "bot")
