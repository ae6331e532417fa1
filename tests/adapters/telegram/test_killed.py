"""The whole bot is killed at the worst moments, and started again; Telegram is simulated."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quarterdeck.testing.simulator.telegram.simulator import TelegramSimulator

pytestmark = pytest.mark.slow
END_S = 60.0


@asynccontextmanager
async def running(telegram: TelegramSimulator, folder: Path, fault: str = "") -> AsyncIterator[Process]:
    """Run the bot as people do."""
    environment = {
        **os.environ,
        **telegram.environment(),
        "QUARTERDECK__DATA_DIR": str(folder / "data"),
        "QUARTERDECK__HTTP__PORT": "0",
        "QUARTERDECK__ACCESS__DEFAULT_ROLE": "viewer",
        "QUARTERDECK__MODELS__DISCOVER": "false",
        "QUARTERDECK_FAULT": fault,
    }
    environment.pop("QUARTERDECK__PLATFORMS__TELEGRAM__WEBHOOK_SECRET")
    command = [sys.executable, "-m", "quarterdeck", *(["--testing"] if fault else []), "run"]
    log = (folder / "log").open("ab")
    with log:
        bot = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=folder, stderr=log, stdout=log
        )
    try:
        await connects(telegram, bot, folder)
        yield bot
    finally:
        if bot.returncode is None:
            bot.terminate()
            await asyncio.wait_for(bot.wait(), END_S)


async def connects(telegram: TelegramSimulator, bot: Process, folder: Path) -> None:
    """Return once the bot polls; say what it said where it ends instead."""
    ready = asyncio.create_task(telegram.ready(END_S))
    ended = asyncio.create_task(bot.wait())
    await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
    has_ended = ended.done() and not ready.done()
    ended.cancel()
    ready.cancel()
    assert not has_ended, (folder / "log").read_text()[-2_000:]


async def killed(telegram: TelegramSimulator, folder: Path, fault: str) -> None:
    """Let the bot die of `fault` while it answers a /ping."""
    async with running(telegram, folder, fault) as bot:
        await telegram.say("ada", "/ping", where="direct")
        assert -signal.SIGKILL == await asyncio.wait_for(bot.wait(), END_S)


@pytest.mark.parametrize(
    "fault", ["inbox.accepted.before:1:kill", "inbox.accepted:1:kill", "outbox.queued.before:1:kill"]
)
async def test_f1_f2_a_message_is_answered_once_whenever_the_bot_dies(
    telegram: TelegramSimulator, tmp_path: Path, fault: str
) -> None:
    """Before it was on disk Telegram has it, after that we have it."""
    await killed(telegram, tmp_path, fault)
    async with running(telegram, tmp_path):
        await telegram.wait_for("ada", "Pong.", where="direct", timeout_s=END_S)
        await telegram.say("ada", "/echo end", where="direct")
        await telegram.wait_for("ada", "end", where="direct", timeout_s=END_S)

    seen = [one.text for one in await telegram.seen("ada", where="direct") if one.author == "bot"]
    assert ["Pong.", "end"] == seen


async def test_f4_what_may_have_been_sent_is_shown_as_unknown(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    """Killed after Telegram took the answer, before we wrote that down: neither lost nor doubled."""
    await killed(telegram, tmp_path, "outbox.sent.before:1:kill")
    async with running(telegram, tmp_path):
        await telegram.say("ada", "/echo end", where="direct")
        await telegram.wait_for("ada", "end", where="direct", timeout_s=END_S)
        listed = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "quarterdeck", "delivery", "list", "--open", "--json"),
            env={**os.environ, "QUARTERDECK__DATA_DIR": str(tmp_path / "data")},
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await asyncio.wait_for(listed.communicate(), END_S)

    seen = [one.text for one in await telegram.seen("ada", where="direct") if one.author == "bot"]
    assert ["Pong.", "end"] == seen
    assert ["unknown"] == [one["state"] for one in json.loads(told)]
