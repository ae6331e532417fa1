"""Have the scheduler fire what files start by the clock: one standing order for each such trigger."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.person import Identity
from quarterdeck.core.schedule import Schedules
from quarterdeck_workflows.language.spec import OnSchedule, Workflow
from quarterdeck_workflows.triggers.commands import FIRE
from quarterdeck_workflows.triggers.index import Index
from quarterdeck_workflows.triggers.nowhere import PLATFORM
from quarterdeck_workflows.triggers.occasion import Beginning, fix

LINE: Final = f"/{FIRE} "

log = logging.getLogger(__name__)


class Timetable:
    """Keep the standing orders in step with the files; what people changed or paused stays until the file changes."""

    def __init__(self, index: Index, beginning: Beginning, schedules: Schedules) -> None:
        self._index, self._beginning, self._schedules = index, beginning, schedules
        self._told: set[str] = set()
        self.is_complete = True

    async def plan(self) -> None:
        """Plan what is new, and take away what is gone; what cannot be planned is said in the log, once."""
        wanted = {
            _line(workflow, number, one): (workflow, one)
            for workflow in self._index.workflows()
            for number, one in enumerate(workflow.triggers)
            if isinstance(one, OnSchedule)
        }
        for schedule in await self._schedules.all():
            if schedule.what.startswith(LINE) and wanted.pop(schedule.what, None) is None:
                await self._schedules.remove(schedule.id)
        self.is_complete = True
        for what, (workflow, trigger) in wanted.items():
            await self._add(what, workflow, trigger)

    async def _add(self, what: str, workflow: Workflow, trigger: OnSchedule) -> None:
        own = Identity(platform=PLATFORM, user_id=workflow.name)
        owner = Identity.written(trigger.run_as) if trigger.run_as else own
        try:
            await self._schedules.add(
                key=f"{what}:{self._beginning.bot.clock.now_ms()}",
                trigger=trigger.moment,
                timezone=trigger.timezone,
                what=what,
                conversation=await self._beginning.place(workflow, trigger),
                owner=owner,
                misfire=trigger.misfire or "once",
                overlap=trigger.overlap or "skip",
            )
        except QuarterdeckError as error:
            self.is_complete = False
            if what not in self._told:
                self._told.add(what)
                fields = {"workflow": workflow.name, "error": error.message, "fix": fix(owner)}
                log.warning("A workflow is not planned", extra=fields)


def _line(workflow: Workflow, number: int, trigger: OnSchedule) -> str:
    """Return the command line of a trigger; another one when the file says otherwise."""
    said = (
        trigger.moment,
        trigger.timezone,
        trigger.misfire,
        trigger.overlap,
        trigger.conversation,
        trigger.run_as,
    )
    return f"{LINE}{workflow.name} {number} {hashlib.sha256(repr(said).encode()).hexdigest()[:8]}"
