"""Write an answer in pieces; the last once a file exists. The final form differs from the pieces."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply


async def write(call: Call) -> Reply:
    """Return the stream."""
    return Reply(stream=_pieces(Path(call.text("gate"))))


async def _pieces(gate: Path) -> AsyncIterator[str | Reply]:
    yield "The **first "
    yield "half** and "
    while not gate.exists():
        await asyncio.sleep(0.02)
    yield "so on"
    yield Reply(text="The **first half** and the end.")


COMMAND = Command(
    name="write",
    summary="Write an answer",
    handler=write,
    options=(Option(name="gate", summary="The file", positional=True),),
)
