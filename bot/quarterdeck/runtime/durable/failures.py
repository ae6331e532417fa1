"""Raise our errors in place of DBOS's and of its database's. Imports DBOS: import it lazily."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dbos._error import (
    DBOSAwaitedWorkflowCancelledError,
    DBOSException,
    DBOSInitializationError,
    DBOSNonExistentWorkflowError,
    DBOSStepNondeterminismError,
    DBOSUnexpectedStepError,
)
from sqlalchemy.exc import SQLAlchemyError

from quarterdeck.core.errors import (
    Cancelled,
    NonDeterministic,
    NotFound,
    QuarterdeckError,
    RunError,
    SetupError,
    Unavailable,
)

SERVICE = "durable engine"


@contextmanager
def translated(run_id: str = "") -> Iterator[None]:
    """Raise our errors in place of DBOS's and of its database's."""
    try:
        yield
    except (DBOSException, SQLAlchemyError) as error:
        raise ours(error, run_id) from error


def ours(error: DBOSException | SQLAlchemyError, run_id: str = "") -> QuarterdeckError:
    """Return the error of ours that says the same."""
    match error:
        case DBOSNonExistentWorkflowError():
            return NotFound(f"there is no run {run_id!r}", hint="`quarterdeck workflow runs` lists them")
        case DBOSUnexpectedStepError() | DBOSStepNondeterminismError():
            return NonDeterministic(str(error), run_id=run_id)
        case DBOSAwaitedWorkflowCancelledError():
            return Cancelled(f"run {run_id!r} was cancelled", run_id=run_id)
        case DBOSInitializationError():
            return SetupError(f"the durable engine cannot start: {error}")
        case DBOSException():
            return RunError(str(error), run_id=run_id)
        case SQLAlchemyError():
            return Unavailable(f"the durable engine's database does not answer: {error}", service=SERVICE)
