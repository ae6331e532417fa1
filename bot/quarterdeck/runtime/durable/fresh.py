"""Spare a run that has just begun the look for what it did before. Imports DBOS: import it lazily.

DBOS asks its database before every step: was this done before, and is the run cancelled? A third of a step's cost. A
body that runs inside the very call that inserted its row has done nothing before: DBOS executes it there in no other
case. And a cancellation is made in this process (the data folder is locked), so every one puts all runs in doubt: each
asks once more. A run that was recovered, forked, queued or has a deadline asks every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dbos._context import get_local_dbos_context
from dbos._sys_db import SystemDatabase


class Doubts:
    """Count cancellations."""

    def __init__(self) -> None:
        self.count = 0


class _Begun:
    __slots__ = ("run_id", "seen")

    def __init__(self, run_id: str, seen: int) -> None:
        self.run_id, self.seen = run_id, seen


_begun: ContextVar[tuple[_Begun, ...]] = ContextVar("quarterdeck_begun", default=())


@contextmanager
def beginning(run_id: str, doubts: Doubts) -> Iterator[None]:
    """Hold for the one call that starts the run; the body that it executes inherits this, no other one does."""
    around = _begun.get()[-1:]  # the run that begins this one, for what that one looks up on the way
    token = _begun.set((*around, _Begun(run_id, doubts.count)))
    try:
        yield
    finally:
        _begun.reset(token)


def spare(database: SystemDatabase, doubts: Doubts) -> None:
    """Leave out the look where nothing can be found."""
    look = database.check_operation_execution

    def check(workflow_id: str, function_id: int, function_name: str, **more: Any) -> Any:
        begun = next((one for one in _begun.get() if one.run_id == workflow_id), None)
        if begun is None or _has_deadline():
            return look(workflow_id, function_id, function_name, **more)
        count = doubts.count
        if begun.seen == count:
            return None
        found = look(workflow_id, function_id, function_name, **more)  # raises when it is cancelled
        begun.seen = count
        return found

    database.check_operation_execution = check  # type: ignore[method-assign]  # of this one object


def wake_late(database: SystemDatabase) -> None:
    """Wake runs whose time is up while they wait for a message; DBOS would look at them a minute later."""
    sweep = database.cancel_timed_out_workflows

    def swept(limit: int) -> list[str]:
        late = sweep(limit)
        for _, where, event in database.notifications_map.snapshot() if late else ():
            if where[0] in late:
                event.set()
        return late

    database.cancel_timed_out_workflows = swept  # type: ignore[method-assign]  # of this one object


def _has_deadline() -> bool:
    context = get_local_dbos_context()
    return context is None or context.workflow_deadline_epoch_ms is not None
