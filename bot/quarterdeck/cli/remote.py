"""Do what a verb asks inside the process that holds the data folder: the one that runs, or this one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from quarterdeck.cli.invocation import Invocation, current
from quarterdeck.core.ports import Json, Progress


def call(
    operation: str, parameters: Mapping[str, Json] | None = None, progress: Progress | None = None
) -> Json:
    """Run the operation `noun.verb` and return its result.

    It goes to the bot that runs; when none does, this process takes the lock, builds the app and does it.
    `progress` gets a sentence now and then; unless given, a person at the terminal sees them.

    Raises:
        QuarterdeckError: what the operation raised, here too.
    """
    return asyncio.run(_call(current(), operation, parameters or {}, progress))


async def _call(
    invocation: Invocation, operation: str, parameters: Mapping[str, Json], progress: Progress | None
) -> Json:
    from quarterdeck.cli.host import PATIENCE_S, PAUSE_S, reach
    from quarterdeck.runtime.control import NotBegun

    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            async with reach(invocation, operation) as door:
                return await door.call(operation, parameters, progress or invocation.progress)
        except NotBegun:  # it was just ending: whoever comes next will do it, perhaps this process
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(PAUSE_S)
