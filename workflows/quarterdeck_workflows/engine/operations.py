"""Let the program's verb `workflow` start, show, stop and resume runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Operation, People, Progress
from quarterdeck.core.run import OVER, Decision, RunOf, Starter
from quarterdeck.runtime.durable import Done, Durable, RunRow
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.engine.job import BODY
from quarterdeck_workflows.engine.record import read

SHOWN = 50
MOST_SHOWN = 1000
LOOK_S = 0.1


class RunOperations:
    """Be behind `workflow.run`, `.runs`, `.show`, `.cancel`, `.resume` and `.signal`."""

    def __init__(
        self, engine: WorkflowEngine, durable: Durable, people: People, owner: Identity, home: Conversation
    ) -> None:
        self._engine, self._durable, self._people = engine, durable, people
        self._owner, self._home = owner, home

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="workflow.run", handler=self.run, effect="write"),
            Operation(name="workflow.plan", handler=self.plan),
            Operation(name="workflow.runs", handler=self.runs),
            Operation(name="workflow.show", handler=self.show),
            Operation(name="workflow.cancel", handler=self.cancel, effect="destructive"),
            Operation(name="workflow.resume", handler=self.resume, effect="write"),
            Operation(name="workflow.signal", handler=self.signal, effect="write"),
        ]

    async def run(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Start a run as the person at the keyboard, and wait until it is over or waits for people."""
        starter = Starter(
            person=await self._people.person_of(self._owner),
            identity=self._owner,
            conversation=self._home,
            key=f"cli:{_text(parameters, 'key')}",
            trigger={"kind": "cli"},
            files=Path(_text(parameters, "folder") or "."),
            is_local=True,
        )
        run = await self._engine.begin(_text(parameters, "name"), _line(parameters), starter)
        said = ""
        while parameters.get("wait") is not False and run.state not in (*OVER, "unknown"):
            run = await self._engine.get(run.id)
            if run.state == "waiting" and run.message.startswith("Waiting for"):
                break
            if run.step and run.step != said:
                said = run.step
                await progress(f"{run.workflow}: {run.step}")
            if run.state not in OVER:
                await asyncio.sleep(LOOK_S)
        return {**_shown(run), "message": run.message}

    async def plan(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Say what a run would do and with which rights, and do none of it."""
        person = await self._people.person_of(self._owner)
        return await self._engine.plan(
            _text(parameters, "name"), _line(parameters), person, self._owner, self._home
        )

    async def runs(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """List runs, newest first: of workflows, and what else is durable."""
        limit = parameters.get("limit") or SHOWN
        if not isinstance(limit, int) or not 0 < limit <= MOST_SHOWN:
            raise UsageError("limit is out of range", hint=f"from 1 to {MOST_SHOWN}")
        found = [_shown(run) for run in await self._engine.all(limit)]
        found += [_row(row) for row in await self._durable.list(limit=limit) if row.workflow != BODY]
        found.sort(key=lambda one: str(one["started_at"] or ""), reverse=True)
        return found[:limit]

    async def show(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Show one run with everything that it has done."""
        run = await self._engine.get(_text(parameters, "run_id"))
        record = await read(self._durable, run.durable_id)
        timeline: list[Json] = [_done(row.done, row.durable_id) for row in record.rows]
        page = self._engine.page(run) or None
        return {
            **_shown(run),
            "message": run.message,
            "digest": run.digest,
            "page": page,
            "timeline": timeline,
        }

    async def cancel(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Stop a run; what is durable and no workflow is stopped likewise."""
        run_id = _text(parameters, "run_id")
        if not run_id:
            raise UsageError("which run?", hint="`quarterdeck workflow runs` lists them")
        other = [row for row in await self._durable.rows([run_id]) if row.workflow != BODY]
        if other:
            return _row(await self._durable.cancel(run_id))
        return _shown(await self._engine.cancel(run_id, by=str(self._owner)))

    async def resume(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Go on with a failed run, or decide about a held step."""
        decision = cast("Decision", _text(parameters, "decision") or "retry")
        run = await self._engine.resume(_text(parameters, "run_id"), by=str(self._owner), decision=decision)
        return {**_shown(run), "message": run.message}

    async def signal(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Hand an event to every run that waits for it."""
        event, key = _text(parameters, "event"), f"cli:{_text(parameters, 'key')}"
        return {"event": event, "runs": await self._engine.signal(event, parameters.get("payload"), key=key)}


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""


def _line(parameters: Mapping[str, Json]) -> str:
    return _text(parameters, "inputs")


def _shown(run: RunOf) -> dict[str, Json]:
    return {
        "run_id": run.id,
        "workflow": run.workflow,
        "state": run.state,
        "step": run.step,
        "started_at": _moment(run.started_at_ms),
        "finished_at": _moment(run.finished_at_ms),
        "conversation": run.conversation.id,
    }


def _row(row: RunRow) -> dict[str, Json]:
    return {
        "run_id": row.run_id,
        "workflow": row.workflow,
        "state": row.state,
        "step": row.step,
        "started_at": _moment(row.started_at_ms),
        "finished_at": _moment(row.finished_at_ms),
        "conversation": row.conversation,
    }


def _done(done: Done, durable_id: str) -> dict[str, Json]:
    took_ms = None
    if done.started_at_ms is not None and done.finished_at_ms is not None:
        took_ms = done.finished_at_ms - done.started_at_ms
    found = done.output if isinstance(done.output, Mapping) else {}
    outcome = next((word for word in ("error", "approval", "unknown") if found.get(word)), "done")
    detail = found.get("error")
    return {
        "place": done.name,
        "run": durable_id,
        "at": _moment(done.started_at_ms),
        "took_ms": took_ms,
        "outcome": outcome,
        "detail": detail.get("message") if isinstance(detail, Mapping) else None,
    }


def _moment(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
