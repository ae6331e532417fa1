"""Start workflows after others have ended, and when the bot has started."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Final

from quarterdeck.core.errors import Busy, Denied, QuarterdeckError, Unavailable
from quarterdeck.core.ports import Json
from quarterdeck.core.run import RunOf
from quarterdeck_workflows.language.spec import OnStartup, OnWorkflow, Trigger, Workflow
from quarterdeck_workflows.triggers.index import Index
from quarterdeck_workflows.triggers.occasion import Beginning, Occasion

TRIES: Final = 5
PAUSE_S: Final = 0.5
_CHAIN: Final = re.compile(r'^\{"chain": (\d+)')

log = logging.getLogger(__name__)


class Afterwards:
    """Hear of ends and of the start. The same end twice starts one run."""

    def __init__(self, index: Index, beginning: Beginning) -> None:
        self._index, self._beginning = index, beginning

    async def ended(self, run: RunOf, output: Json) -> None:
        """Start what comes after this run, with the rights of its person and where it spoke."""
        for workflow, trigger in self._index.of(OnWorkflow):
            if trigger.workflow != run.workflow or run.state not in trigger.outcomes:
                continue
            values: dict[str, Json] = {"workflow": run.workflow, "run_id": run.id, "state": run.state}
            chain = _CHAIN.match(run.trigger)
            occasion = Occasion(
                way="workflow",
                key=f"after:{run.durable_id}",
                values={**values, "output": output},
                who=run.identity,
                conversation=run.conversation,
                chain=int(chain[1]) + 1 if chain else 1,
            )
            await self._begin(workflow, trigger, occasion)

    async def started(self) -> None:
        """Start what starts with the bot; each start of the process is one of its own."""
        for workflow, trigger in self._index.of(OnStartup):
            await self._begin(workflow, trigger, Occasion(way="workflow", key=f"startup:{uuid.uuid4().hex}"))

    async def _begin(self, workflow: Workflow, trigger: Trigger, occasion: Occasion) -> None:
        fields = {"workflow": workflow.name, "trigger": trigger.kind}
        for left in reversed(range(TRIES)):
            try:
                await self._beginning.begin(workflow, trigger, occasion)
                return
            except (Busy, Unavailable) as error:
                log.warning("A workflow waits for its start", extra={**fields, "error": error.message})
                if left:
                    await self._beginning.bot.clock.sleep(PAUSE_S * (TRIES - left))
            except Denied as error:
                log.warning(
                    "A workflow may not start", extra={**fields, "error": error.message, "fix": error.hint}
                )
                return
            except QuarterdeckError as error:
                log.warning("A workflow did not start", extra={**fields, "error": error.message})
                return
        log.error("A workflow was not started", extra=fields)
