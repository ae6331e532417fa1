"""Be the one file that knows DBOS. Import it lazily, off the bot's loop: it takes a third of a second.

All of it runs on the engine's own event loop or in a thread, except what steps do: that runs on the bot's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ParamSpec

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    PortableWorkflowError,
    SetWorkflowAttributes,
    SetWorkflowID,
    StepOptions,
    WorkflowHandleAsync,
    WorkflowStatus,
)
from dbos._error import (
    DBOSAwaitedWorkflowCancelledError,
    DBOSException,
    DBOSInitializationError,
    DBOSNonExistentWorkflowError,
    DBOSStepNondeterminismError,
    DBOSUnexpectedStepError,
)
from sqlalchemy import Engine as Database
from sqlalchemy.exc import SQLAlchemyError

from quarterdeck.core.errors import (
    Cancelled,
    NonDeterministic,
    NotFound,
    QuarterdeckError,
    RunError,
    SetupError,
    StepFailed,
    Unavailable,
)
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable.run import Queue, Registration, RunRow, RunState, StepBody, plain

APPLICATION = "quarterdeck"
APPLICATION_VERSION = (
    "qd-abi-1"  # on disk; changed only when steps change their meaning: other runs would be stranded
)
EXECUTOR_ID = "local"
THREADS = 16  # unbounded otherwise: 490 were seen; runs that wait hold none
NOTIFICATION_POLL_S = 0.25  # how late a message may reach a waiting run
RESULT_POLL_S = 0.1
SERVICE = "durable engine"

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

P = ParamSpec("P")


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


class DbosRun:
    """Do a body's work (the `Run` port); steps run on the bot's own event loop, `home`."""

    def __init__(self, run_id: str, home: asyncio.AbstractEventLoop) -> None:
        self._id, self._home = run_id, home

    @property
    def id(self) -> str:
        """Name the run, the same at each replay."""
        return self._id

    async def step(self, name: str, function: StepBody[P], *args: P.args, **kwargs: P.kwargs) -> Json:
        """Await `function(…)` at home and keep its result."""

        async def run() -> Json:
            return await self._at_home(name, function(*args, **kwargs))

        try:
            return await DBOS.run_step_async(StepOptions(name=name), run)
        except PortableWorkflowError as error:  # how DBOS brings back the StepFailed of the first time
            raise StepFailed(str(error), run_id=self._id, step=name) from error
        except DBOSUnexpectedStepError as error:
            raise NonDeterministic(str(error), run_id=self._id, step=name) from error

    async def _at_home(self, name: str, step: Coroutine[Any, Any, Json]) -> Json:
        future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(step, self._home))
        try:
            await asyncio.wait([future])
        finally:
            future.cancel()
        error = future.exception()
        if error is not None:
            raise StepFailed(str(error), run_id=self._id, step=name) from error
        return plain(future.result(), f"the result of step {name!r}")

    async def sleep(self, seconds: float) -> None:
        """Wait until that long after the first time that the run came here."""
        await DBOS.sleep_async(seconds)

    async def wait(self, topic: str, timeout_s: float) -> Json:
        """Return what was sent under `topic`, or None after `timeout_s`."""
        message: Json = await DBOS.recv_async(topic, timeout_seconds=timeout_s)
        return message


class Engine:
    """Hold the launched DBOS of this process; there can be one."""

    def __init__(self, database: Database, home: asyncio.AbstractEventLoop) -> None:
        self._database, self._home = database, home
        self._bodies: dict[str, Callable[[Json], Coroutine[Any, Any, Json]]] = {}

    async def launch(self, registrations: Sequence[Registration], queues: Sequence[Queue]) -> None:
        """Start DBOS on the running loop; runs that a crash left behind go on.

        Raises:
            SetupError, Unavailable: it could not start; nothing of it is left.
        """
        quiet()
        with translated():
            DBOS(config=_config(self._database))
            for registration in registrations:
                self._bodies[registration.name] = self._workflow(registration)
            DBOS.launch()
            for queue in queues:
                await DBOS.register_queue_async(
                    queue.name, worker_concurrency=queue.concurrency, polling_interval_sec=queue.poll_s
                )

    def _workflow(self, registration: Registration) -> Callable[[Json], Coroutine[Any, Any, Json]]:
        async def run(payload: Json) -> Json:
            run_id = DBOS.workflow_id or ""
            result = await registration.body(DbosRun(run_id, self._home), payload)
            return plain(result, f"the result of {registration.name!r}")

        decorate = DBOS.workflow(name=registration.name, max_recovery_attempts=registration.most_recoveries)
        return decorate(run)

    async def start(self, name: str, payload: Json, run_id: str, conversation: str | None) -> None:
        """Start a run at once."""
        with translated(run_id), SetWorkflowID(run_id), SetWorkflowAttributes(_attributes(conversation)):
            await DBOS.start_workflow_async(self._bodies[name], payload)

    async def enqueue(self, options: EnqueueOptions, payload: Json, conversation: str | None) -> None:
        """Put a run on a queue."""
        options["app_version"] = APPLICATION_VERSION
        options["attributes"] = _attributes(conversation)
        with translated(options["workflow_id"]):
            await DBOS.enqueue_workflow_with_options_async(options, payload)

    async def send(self, run_id: str, topic: str, message: Json, key: str) -> None:
        """Hand a message to a run."""
        with translated(run_id):
            await DBOS.send_async(run_id, message, topic, idempotency_key=key)

    async def result(self, run_id: str) -> Json:
        """Wait for the end of a run and return its result."""
        try:
            with translated(run_id):
                handle: WorkflowHandleAsync[Json] = await DBOS.retrieve_workflow_async(run_id)
                return await handle.get_result(polling_interval_sec=RESULT_POLL_S)
        except PortableWorkflowError as error:
            raise RunError(str(error), run_id=run_id) from error


def hush() -> None:
    """Keep DBOS from warning of each run that is stopped when the engine closes; a launch lifts it."""
    logging.getLogger("dbos").setLevel(logging.ERROR)


def destroy() -> None:
    """Stop DBOS, if it is there, and forget its registrations; blocks for up to a few seconds."""
    DBOS.destroy(destroy_registry=True)


def quiet() -> None:
    """Make DBOS log through our handlers: with a handler there already it adds none of its own."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True


def rows(database: Database, *, limit: int, run_id: str | None) -> list[RunRow]:
    """Return runs, newest first. Blocks; works whether the engine is launched or not."""
    with _client(database) as client:
        found = client.list_workflows(
            workflow_ids=[run_id] if run_id else None,
            limit=limit,
            sort_desc=True,
            load_input=False,
            load_output=False,
        )
        return [_row(status, _last_step(client, status.workflow_id)) for status in found]


def cancel(database: Database, run_id: str) -> RunRow:
    """Cancel a run that has not ended, and return it. Blocks.

    Raises:
        NotFound: no such run.
    """
    with _client(database) as client:
        if client.list_workflows(workflow_ids=[run_id], load_input=False, load_output=False):
            client.cancel_workflow(run_id, cancel_children=True)
    for row in rows(database, limit=1, run_id=run_id):
        return row
    raise ours(DBOSNonExistentWorkflowError("target", run_id), run_id)


def forget(database: Database, before: datetime) -> int:
    """Delete runs that ended before `before`, an aware time; returns how many. Blocks."""
    count = 0
    with _client(database) as client:
        while True:
            found = client.list_workflows(
                status=ENDED,
                completed_before=before.isoformat(),
                limit=BATCH,
                load_input=False,
                load_output=False,
            )
            client.delete_workflows([status.workflow_id for status in found])
            count += len(found)
            if len(found) < BATCH:
                return count


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


def _attributes(conversation: str | None) -> dict[str, Any]:
    return {} if conversation is None else {"conversation": conversation}


def _config(database: Database) -> DBOSConfig:
    return DBOSConfig(
        name=APPLICATION,
        system_database_engine=database,
        serializer=DBOSPortableJSONSerializer(),
        application_version=APPLICATION_VERSION,
        executor_id=EXECUTOR_ID,
        max_executor_threads=THREADS,
        notification_listener_polling_interval_sec=NOTIFICATION_POLL_S,
        log_level="WARNING",
        enable_otlp=False,
    )
