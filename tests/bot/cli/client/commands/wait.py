"""Answer once a file exists, so that a test decides when."""

import asyncio
from pathlib import Path

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply


async def wait(call: Call) -> Reply:
    """Say on disk that it has begun, and wait."""
    gate = Path(call.text("gate"))
    gate.with_suffix(".reached").touch()
    while not gate.exists():
        await asyncio.sleep(0.02)
    return Reply(text="Waited.")


COMMAND = Command(
    name="wait",
    summary="Wait for a file",
    handler=wait,
    options=(
        Option(name="gate", summary="The file", positional=True),
        Option(name="colour", summary="Of the gate", kind="choice", choices=("green", "grey", "red")),
    ),
)
