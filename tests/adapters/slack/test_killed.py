"""The whole program against the simulated workspace, killed at named points: nothing lost, nothing doubled."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from quarterdeck.testing.simulator.slack.simulator import SlackSimulator

pytestmark = pytest.mark.slow


@asynccontextmanager
async def program(
    slack: SlackSimulator, folder: Path, fault: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the bot until the block ends, or the fault ends it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "QUARTERDECK__DATA_DIR": str(folder / "data"),
        "QUARTERDECK__HTTP__PORT": "0",
        "QUARTERDECK__MODELS__DISCOVER": "false",
        "QUARTERDECK__MODELS__BUILTIN__ENABLED": "false",
        "QUARTERDECK__ACCESS__DEFAULT_ROLE": "viewer",
        **slack.environment(),
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
        await slack.ready(60)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("way", ["message", "light command"])
@pytest.mark.parametrize("point", ["inbox.accepted", "outbox.queued", "outbox.answered", "outbox.sent"])
async def test_an_answer_comes_once_whenever_the_bot_is_killed(
    slack: SlackSimulator, tmp_path: Path, way: str, point: str
) -> None:
    """F1, F2, F4: at each durable write on the way of one message; at one that it does not pass, nothing happens."""
    word = f"{point}-{way.replace(' ', '-')}"
    async with program(slack, tmp_path, f"{point}:1:kill") as process:
        await _say(slack, way, word)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 3)
    async with program(slack, tmp_path):
        await slack.wait_for("anna", word, timeout_s=60)
        await slack.say("anna", "/echo last", where="direct")
        await slack.wait_for("anna", "last", where="direct", timeout_s=60)

        assert [word] == [one.text for one in await slack.seen("anna") if one.author == "bot"]


async def _say(slack: SlackSimulator, way: str, word: str) -> None:
    if way == "message":
        await slack.say("anna", f"@bot /echo {word}")
    else:
        await slack.command("anna", "echo", word)
