"""Write runs into the index without waiting for the disk, and find those that a crash kept out of it.

A run is on disk once the durable engine has it. Its row in the index follows within the store's next commit; people see
it at once, since whoever reads the index here waits for the rows that are on their way.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Final, cast

from quarterdeck.core.ports import Json
from quarterdeck.core.run import RunOf
from quarterdeck.runtime.durable import Durable, RunRow
from quarterdeck_workflows.engine.blocks import LARGE_BYTES
from quarterdeck_workflows.engine.house import House
from quarterdeck_workflows.engine.job import BODY, Job
from quarterdeck_workflows.engine.ports import Bot

NEWEST: Final = 100  # more runs do not begin between two commits of the store

log = logging.getLogger(__name__)


class Index:
    """Add runs to the index."""

    def __init__(self, bot: Bot, durable: Durable, house: House) -> None:
        self._bot, self._durable, self._house = bot, durable, house
        self._adding: set[asyncio.Future[RunOf]] = set()

    def add(self, run: RunOf) -> asyncio.Future[RunOf]:
        """Begin to add a run; the future has the one that is there, which wins, once it is on disk."""
        adding = asyncio.ensure_future(self._bot.rows.add(run))
        self._adding.add(adding)
        adding.add_done_callback(self._added)
        return adding

    def _added(self, adding: asyncio.Future[RunOf]) -> None:
        self._adding.discard(adding)
        error = None if adding.cancelled() else adding.exception()
        if error is not None:  # it runs all the same, and the next start of the bot adds it
            log.error("Run not added to the index", extra={"error": repr(error)})

    async def settle(self) -> None:
        """Wait until all that was begun is there."""
        while self._adding:
            await asyncio.wait(set(self._adding))

    async def heal(self) -> None:
        """Add the newest runs of the durable engine that are missing; they were cut off by a crash."""
        for row in await self._durable.list(limit=NEWEST):
            if row.workflow == BODY and "~" not in row.run_id and not await self._bot.rows.get(row.run_id):
                given = await self._durable.payload(row.run_id)
                if isinstance(given, Mapping):
                    await self._bot.rows.add(await self._rebuilt(Job.read(given), row))

    async def _rebuilt(self, job: Job, row: RunRow) -> RunOf:
        scope, definition = job.scope, await self._house.definition(job)
        if "blob" in scope:
            scope = cast("Mapping[str, Json]", await self._house.load(job.root, str(scope["blob"])))
        return RunOf(
            id=job.root,
            workflow=job.workflow,
            digest=definition.digest,
            state="waiting" if await self._bot.rows.waits(run_id=job.root) else "running",
            owner=(await self._bot.people.person_of(job.identity)).id,
            identity=job.identity,
            conversation=job.conversation,
            durable_id=row.run_id,
            shown_as=job.shown_as,
            trigger=json.dumps(scope.get("trigger") or {}, sort_keys=True)[:LARGE_BYTES],
            started_at_ms=row.started_at_ms or self._bot.clock.now_ms(),
        )
