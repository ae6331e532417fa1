"""Put everything together that starts workflows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from quarterdeck.core.command import Command
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.ports import Clock
from quarterdeck.core.schedule import Schedules
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.triggers.after import Afterwards
from quarterdeck_workflows.triggers.clock import Timetable
from quarterdeck_workflows.triggers.commands import WorkflowCommands
from quarterdeck_workflows.triggers.heard import Heard
from quarterdeck_workflows.triggers.hooks import HookDoor, Memory, Secret
from quarterdeck_workflows.triggers.index import Files, Index
from quarterdeck_workflows.triggers.occasion import Beginning, Places
from quarterdeck_workflows.triggers.tools import SchemaOf, WorkflowTools

LOOK_EVERY_S: Final = 2.0
AGAIN_EVERY: Final = 15  # looks, until what could not be planned is tried again

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Around:
    """Hand the desk what it needs of the rest of the bot; `check` refuses commands that no platform can show."""

    engine: WorkflowEngine
    files: Files
    places: Places
    schedules: Schedules
    memory: Memory
    secret: Secret
    clock: Clock
    check: Callable[[Command], None]
    schema_of: SchemaOf
    per_minute: int


class TriggerDesk:
    """Hold every way in which workflows start. `serve` beside the rest of the bot."""

    def __init__(self, around: Around) -> None:
        self._files, self._clock = around.files, around.clock
        self.index = Index(around.files, around.clock)
        beginning = Beginning(around.engine, around.places)
        self.commands = WorkflowCommands(self.index, beginning, around.check)
        self.heard = Heard(self.index, beginning)
        self.hooks = HookDoor(
            self.index,
            beginning,
            around.memory,
            around.secret,
            around.clock,
            per_minute=around.per_minute,
        )
        self.tools = WorkflowTools(self.index, around.engine, around.schema_of)
        self._afterwards = Afterwards(self.index, beginning)
        self._timetable = Timetable(self.index, beginning, around.schedules)
        self._has_changed = True
        self.index.on_change(self._changed)
        around.engine.house.on_ended = self._afterwards.ended

    def _changed(self) -> None:
        self._has_changed = True

    async def serve(self) -> None:
        """Follow the files, until cancelled: what they plan is planned; first, what starts with the bot is started."""
        await in_thread(self._files.all)
        self.index.look()
        await self._afterwards.started()
        looks = 0
        while True:
            if self._has_changed or (not self._timetable.is_complete and looks % AGAIN_EVERY == 0):
                await self._plan()
            await self._clock.sleep(LOOK_EVERY_S)
            looks += 1
            self.index.look()

    async def _plan(self) -> None:
        self._has_changed = False
        try:
            await self._timetable.plan()
        except QuarterdeckError as error:
            self._timetable.is_complete = False
            log.warning("Workflows were not planned", extra={"error": error.message})
