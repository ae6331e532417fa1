"""Let the program's verb `workflow` show and stop runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.runtime.durable.durable import Durable
from quarterdeck.runtime.durable.run import RunRow

SHOWN = 50
MOST_SHOWN = 1000


def operations(durable: Durable) -> list[Operation]:
    """Return the operations `workflow.runs` and `workflow.cancel`."""

    async def runs(parameters: Mapping[str, Json], progress: Progress) -> Json:
        limit = parameters.get("limit") or SHOWN
        if not isinstance(limit, int) or not 0 < limit <= MOST_SHOWN:
            raise UsageError("limit is out of range", hint=f"from 1 to {MOST_SHOWN}")
        return [_shown(row) for row in await durable.list(limit=limit)]

    async def cancel(parameters: Mapping[str, Json], progress: Progress) -> Json:
        run_id = parameters.get("run_id")
        if not isinstance(run_id, str) or not run_id:
            raise UsageError("which run?", hint="`quarterdeck workflow runs` lists them")
        return _shown(await durable.cancel(run_id))

    return [
        Operation(name="workflow.runs", handler=runs),
        Operation(name="workflow.cancel", handler=cancel, effect="destructive"),
    ]


def _shown(row: RunRow) -> Json:
    return {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "state": row.state,
        "step": row.step,
        "started_at": _moment(row.started_at_ms),
        "finished_at": _moment(row.finished_at_ms),
        "conversation": row.conversation,
    }


def _moment(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
