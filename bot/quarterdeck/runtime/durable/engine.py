"""Hold the launched DBOS of this process. Import it lazily, off the bot's loop: it takes a third of a second.

With `steps`, `fresh`, `direct`, `hearing`, `journal` and `failures` these are the files that know DBOS.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    PortableWorkflowError,
    SetWorkflowAttributes,
    SetWorkflowID,
    WorkflowHandleAsync,
)
from dbos import Queue as DbosQueue
from dbos._context import _clear_local_dbos_context
from dbos._core import WorkflowHandleAsyncTask
from dbos._dbos import _get_dbos_instance
from sqlalchemy import Engine as Database

from quarterdeck.core.errors import RunError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable.direct import write_directly
from quarterdeck.runtime.durable.failures import translated
from quarterdeck.runtime.durable.fresh import beginning, spare, wake_late
from quarterdeck.runtime.durable.hearing import Hearing
from quarterdeck.runtime.durable.journal import APPLICATION, quiet
from quarterdeck.runtime.durable.run import Queue, Registration, plain
from quarterdeck.runtime.durable.steps import APPLICATION_VERSION, DbosRun, UnderWay

EXECUTOR_ID = "local"
THREADS = 16  # unbounded otherwise: 490 were seen; runs that wait hold none
RESULT_POLL_S = 0.1
RECOVERY_POLL_S, RECOVERY_S = (
    0.1,
    15.0,
)  # what a crash left goes on through a queue of DBOS's own: looked at often
CALM_POLL_S = (
    1.0  # at first, then as DBOS does; a fork, by which a failed run is resumed, comes through it too
)

_hearing = Hearing()  # there is one engine in a process


class Engine:
    """Start runs, hand them messages, wait for them; there can be one in a process."""

    def __init__(self, database: Database, home: asyncio.AbstractEventLoop) -> None:
        self._database, self._home = database, home
        self._bodies: dict[str, Callable[[Json], Coroutine[Any, Any, Json]]] = {}
        self._rare: dict[str, Queue] = {}  # queues that nothing was ever put on
        self.under_way = UnderWay()

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
            recovering = _get_dbos_instance()._registry.get_internal_queue()
            recovering._polling_interval_sec = RECOVERY_POLL_S
            _hearing.attach()
            DBOS.launch()
            asyncio.get_running_loop().call_later(RECOVERY_S, _calm, recovering)
            spare(_get_dbos_instance()._sys_db, self.under_way.doubts)
            wake_late(_get_dbos_instance()._sys_db)
            if self._database.dialect.name == "sqlite":
                write_directly(_get_dbos_instance()._sys_db, self._database)
            known = {queue.name for queue in await DBOS.list_queues_async()}
            self._rare = {queue.name: queue for queue in queues if queue.is_rare and queue.name not in known}
            for queue in queues:
                if queue.name not in self._rare:
                    await _open(queue)

    def _workflow(self, registration: Registration) -> Callable[[Json], Coroutine[Any, Any, Json]]:
        async def run(payload: Json) -> Json:
            flow = DbosRun(DBOS.workflow_id or "", self._home, self._bodies, self.under_way, self.open)
            result = await registration.body(flow, payload)
            return plain(result, f"the result of {registration.name!r}")

        decorate = DBOS.workflow(name=registration.name, max_recovery_attempts=registration.most_recoveries)
        return decorate(run)

    async def start(self, name: str, payload: Json, run_id: str, conversation: str | None) -> bool:
        """Start a run at once; False when there is one of this id."""
        _clear_local_dbos_context()  # a step may be what starts it: the run is then no part of the step's own
        begun, named = beginning(run_id, self.under_way.doubts), SetWorkflowID(run_id)
        with translated(run_id), begun, named, SetWorkflowAttributes(_attributes(conversation)):
            handle = await DBOS.start_workflow_async(self._bodies[name], payload)
        return isinstance(handle, WorkflowHandleAsyncTask)  # of one that this call has begun

    async def enqueue(self, options: EnqueueOptions, payload: Json, conversation: str | None) -> None:
        """Put a run on a queue."""
        _clear_local_dbos_context()
        options["app_version"] = APPLICATION_VERSION
        options["attributes"] = _attributes(conversation)
        with translated(options["workflow_id"]):
            await self.open(options["queue_name"])
            await DBOS.enqueue_workflow_with_options_async(options, payload)

    async def open(self, queue: str) -> None:
        """Open a queue that nothing was put on before."""
        if (rare := self._rare.get(queue)) is not None:
            await _open(rare)
            self._rare.pop(queue, None)

    async def send(self, run_id: str, topic: str, message: Json, key: str) -> None:
        """Hand a message to a run."""
        with translated(run_id):
            await DBOS.send_async(run_id, message, topic, idempotency_key=key)
        waiter = _get_dbos_instance()._sys_db.notifications_map.get(f"{run_id}::{topic}")
        if waiter is not None:  # looking every quarter of a second costs 300 waiting runs a fifth of a core
            waiter.set()

    async def result(self, run_id: str) -> Json:
        """Wait for the end of a run and return its result."""
        try:
            with translated(run_id):
                handle: WorkflowHandleAsync[Json] = await DBOS.retrieve_workflow_async(run_id)
                return await handle.get_result(polling_interval_sec=RESULT_POLL_S)
        except PortableWorkflowError as error:
            raise RunError(str(error), run_id=run_id) from error


async def _open(queue: Queue) -> None:
    await DBOS.register_queue_async(
        queue.name,
        worker_concurrency=None if queue.is_partitioned else queue.concurrency,
        partition_concurrency=1 if queue.is_partitioned else None,
        polling_interval_sec=queue.poll_s,
    )


def hush() -> None:
    """Keep DBOS from warning of each run that is stopped when the engine closes; a launch lifts it."""
    logging.getLogger("dbos").setLevel(logging.ERROR)


def destroy() -> None:
    """Stop DBOS, if it is there, and forget its registrations; blocks for up to a few seconds."""
    _hearing.stop()
    DBOS.destroy(destroy_registry=True)


def _calm(recovering: DbosQueue) -> None:
    recovering._polling_interval_sec = CALM_POLL_S


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
        log_level="WARNING",
        enable_otlp=False,
    )
