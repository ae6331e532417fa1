"""Read and change the journal of runs, whether the engine is launched or not. Imports DBOS: import it lazily.

All of it blocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import cast

from dbos import DBOSClient, DBOSPortableJSONSerializer, SetWorkflowID, WorkflowStatus
from dbos._error import DBOSNonExistentWorkflowError
from sqlalchemy import Engine as Database

from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable.failures import ours, translated
from quarterdeck.runtime.durable.run import Done, RunRow, RunState
from quarterdeck.runtime.durable.steps import APPLICATION_VERSION

APPLICATION = "quarterdeck"

STATES: Mapping[str, RunState] = {
    "ENQUEUED": "waiting",
    "DELAYED": "waiting",
    "PENDING": "running",
    "SUCCESS": "succeeded",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}

ENDED = ["SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "CANCELLED"]
BATCH = 500  # runs deleted in one transaction: 40 ms

Stopped = Callable[[Json], str]
"""Return, from the result of a run, the name of the step at which it stopped; empty when it did not."""


def quiet() -> None:
    """Make DBOS log through our handlers: with a handler there already it adds none of its own."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True


def rows(
    database: Database, *, limit: int, run_ids: Sequence[str] = (), are_children_left_out: bool = False
) -> list[RunRow]:
    """Return runs, newest first."""
    with _client(database) as client:
        found = client.list_workflows(
            workflow_ids=list(run_ids) or None,
            limit=limit,
            sort_desc=True,
            has_parent=False if are_children_left_out else None,
            load_input=False,
            load_output=False,
        )
        return [_row(status, _last_step(client, status.workflow_id)) for status in found]


def steps(database: Database, run_id: str) -> list[Done]:
    """Return what a run has done, in order."""
    with _client(database) as client:
        return [
            Done(
                name=step["function_name"],
                output=step["output"],
                child=step["child_workflow_id"] or "",
                started_at_ms=_whole(step["started_at_epoch_ms"]),
                finished_at_ms=_whole(step["completed_at_epoch_ms"]),
            )
            for step in client.list_workflow_steps(run_id)
        ]


def payload(database: Database, run_id: str) -> Json:
    """Return what a run was started with, None where there is no such run."""
    with _client(database) as client:
        for status in client.list_workflows(workflow_ids=[run_id], load_output=False):
            given = status.input["args"] if status.input else ()
            return cast("Json", given[0]) if given else None
    return None


def cancel(database: Database, run_id: str) -> RunRow:
    """Cancel a run that has not ended, and its children; return it.

    Raises:
        NotFound: no such run.
    """
    with _client(database) as client:
        if client.list_workflows(workflow_ids=[run_id], load_input=False, load_output=False):
            client.cancel_workflow(run_id, cancel_children=True)
    for row in rows(database, limit=1, run_ids=[run_id]):
        return row
    raise ours(DBOSNonExistentWorkflowError("target", run_id), run_id)


def cancelled(database: Database, run_ids: Sequence[str]) -> list[str]:
    """Return those of the runs that are cancelled."""
    with _client(database) as client:
        found = client.list_workflows(
            workflow_ids=list(run_ids), status="CANCELLED", load_input=False, load_output=False
        )
        return [status.workflow_id for status in found]


def fork(database: Database, run_id: str, new_id: str, stopped: Stopped) -> None:
    """Begin a run anew under `new_id` from the step at which it stopped; all before it stays done.

    A child run that stopped is begun anew likewise, as `CHILD~N`, where `new_id` ends in `~N`.

    Raises:
        NotFound: no such run.
        UsageError: it has not stopped at a step.
    """
    with _client(database) as client:
        _fork(client, run_id, new_id, stopped)


def _fork(client: DBOSClient, run_id: str, new_id: str, stopped: Stopped) -> None:
    found = client.list_workflows(workflow_ids=[run_id])
    if not found:
        raise ours(DBOSNonExistentWorkflowError("target", run_id), run_id)
    status, mark = found[0], new_id.rpartition("~")[2]
    place = stopped(status.output) if status.status == "SUCCESS" else ""
    if not place:
        raise UsageError(f"run {run_id!r} has not stopped at a step", hint="only a failed run can be resumed")
    steps, twins, starts = client.list_workflow_steps(run_id), dict[str, str](), list[int]()
    for step in steps:
        child = step["child_workflow_id"] or ""
        is_ending = bool(child) and step["function_name"] == "DBOS.getResult"
        if is_ending and _is_at(_part(child), place) and stopped(step["output"]):
            twins[child] = f"{_first_id(child)}~{mark}"
            _fork(client, child, twins[child], stopped)
            starts.append(step["function_id"])
    for step in steps:
        if step["function_name"] == "DBOS.waitFirst" and step["output"] in twins:
            starts.append(step["function_id"])
    if not twins:  # else what stands at the place before them was finished: a lookup, the rounds of a loop
        starts = [step["function_id"] for step in steps if _is_at(step["function_name"], place)]
    with SetWorkflowID(new_id):
        client.fork_workflow(
            run_id,
            min(starts, default=1),
            application_version=APPLICATION_VERSION,
            queue_name=status.queue_name if status.queue_partition_key else None,
            queue_partition_key=status.queue_partition_key,
            replacement_children=twins or None,
        )


def _is_at(name: str, place: str) -> bool:
    """Tell whether something of this name belongs to the step `place`: an attempt at it, or what is inside."""
    return name == place or name.startswith((f"{place}~", f"{place}.", f"{place}:"))


def _part(child: str) -> str:
    return _first_id(child).rpartition("/")[2]


def _first_id(run_id: str) -> str:
    head, slash, part = run_id.rpartition("/")
    return f"{head}{slash}{part.partition('~')[0]}"


def forget(database: Database, before: datetime) -> list[str]:
    """Delete runs that ended before `before`, an aware time, each with its children; returns which.

    A child stays as long as the run that began it: that may still ask how the child ended.
    """
    gone: list[str] = []
    with _client(database) as client:
        while True:
            found = client.list_workflows(
                status=ENDED,
                completed_before=before.isoformat(),
                has_parent=False,
                limit=BATCH,
                load_input=False,
                load_output=False,
            )
            ids = [status.workflow_id for status in found]
            if ids:
                client.delete_workflows(ids, delete_children=True)
            gone += ids
            if len(ids) < BATCH:
                return gone


@contextmanager
def _client(database: Database) -> Iterator[DBOSClient]:
    quiet()
    with translated():
        client = DBOSClient(
            system_database_engine=database,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )
        try:
            yield client
        finally:
            client.destroy()


def _row(status: WorkflowStatus, step: str) -> RunRow:
    conversation = (status.attributes or {}).get("conversation")
    return RunRow(
        run_id=status.workflow_id,
        workflow=status.name,
        state=STATES.get(status.status, "unknown"),
        step=step,
        started_at_ms=_whole(status.dequeued_at or status.created_at),
        finished_at_ms=_whole(status.completed_at),
        conversation=conversation if isinstance(conversation, str) else None,
    )


def _last_step(client: DBOSClient, run_id: str) -> str:
    names = [step["function_name"] for step in client.list_workflow_steps(run_id, load_output=False)]
    return next((name for name in reversed(names) if not name.startswith("DBOS.")), "")


def _whole(moment_ms: float | None) -> int | None:
    return None if moment_ms is None else int(moment_ms)
