"""Do a body's work on DBOS (the `Run` port). Imports DBOS: import it lazily.

Bodies run on the engine's event loop; what steps do runs on the bot's own one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ParamSpec, TypeVar

from dbos import (
    DBOS,
    EnqueueOptions,
    PortableWorkflowError,
    SetWorkflowID,
    SetWorkflowTimeout,
    StepOptions,
    WorkflowHandleAsync,
)
from dbos._error import (
    DBOSAwaitedWorkflowCancelledError,
    DBOSUnexpectedStepError,
    DBOSWorkflowCancelledError,
)

from quarterdeck.core.errors import Cancelled, NonDeterministic, RunError, StepFailed
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable.fresh import Doubts, beginning
from quarterdeck.runtime.durable.loop_thread import call_on, hand_over
from quarterdeck.runtime.durable.run import StepBody, plain

APPLICATION_VERSION = (
    "qd-abi-1"  # on disk; changed only when steps change their meaning: other runs would be stranded
)
ENDING_POLL_S = 0.1  # how late the end of another run may be seen, where this process did not start it

P = ParamSpec("P")
T = TypeVar("T")

Bodies = Mapping[str, Callable[[Json], Coroutine[Any, Any, Json]]]
Opening = Callable[[str], Awaitable[None]]
"""Open a queue, before a run is put on it."""


class UnderWay:
    """Hold the steps that run right now, so that cancelling a run reaches them. Lives on the engine's loop."""

    def __init__(self) -> None:
        self._steps: dict[str, set[asyncio.Future[Json]]] = {}
        self.doubts = Doubts()

    def runs(self) -> list[str]:
        """Name the runs that are inside a step."""
        return list(self._steps)

    def add(self, run_id: str, step: asyncio.Future[Json]) -> None:
        """Note that a step begins."""
        self._steps.setdefault(run_id, set()).add(step)

    def discard(self, run_id: str, step: asyncio.Future[Json]) -> None:
        """Note that it is over."""
        steps = self._steps.get(run_id, set())
        steps.discard(step)
        if not steps:
            self._steps.pop(run_id, None)

    async def stop(self, run_ids: Sequence[str]) -> None:
        """Cancel what these runs are doing."""
        for run_id in run_ids:
            for step in tuple(self._steps.get(run_id, ())):
                step.cancel()


class DbosRun:
    """Be one run; steps run on the bot's own event loop, `home`."""

    def __init__(
        self,
        run_id: str,
        home: asyncio.AbstractEventLoop,
        bodies: Bodies,
        under_way: UnderWay,
        opening: Opening,
    ) -> None:
        self._id, self._home, self._bodies, self._under_way = run_id, home, bodies, under_way
        self._open = opening
        self._children: dict[str, WorkflowHandleAsync[Json]] = {}

    @property
    def id(self) -> str:
        """Name the run, the same at each replay."""
        return self._id

    async def step(self, name: str, function: StepBody[P], *args: P.args, **kwargs: P.kwargs) -> Json:
        """Await `function(…)` at home and keep its result."""

        async def run() -> Json:
            return await self._at_home(name, function, *args, **kwargs)

        try:
            return await DBOS.run_step_async(StepOptions(name=name), run)
        except PortableWorkflowError as error:  # how DBOS brings back the StepFailed of the first time
            raise StepFailed(str(error), run_id=self._id, step=name) from error
        except DBOSUnexpectedStepError as error:
            raise NonDeterministic(str(error), run_id=self._id, step=name) from error

    async def _at_home(self, name: str, function: StepBody[P], *args: P.args, **kwargs: P.kwargs) -> Json:
        future = hand_over(self._home, function, *args, **kwargs)
        self._under_way.add(self._id, future)
        try:
            await asyncio.wait([future])
        finally:
            future.cancel()
            self._under_way.discard(self._id, future)
        if future.cancelled():
            raise DBOSWorkflowCancelledError(f"run {self._id!r} was cancelled in step {name!r}")
        error = future.exception()
        if error is not None:
            raise StepFailed(str(error) or repr(error), run_id=self._id, step=name) from error
        return plain(future.result(), f"the result of step {name!r}")

    async def look(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Await `function(…)` at home and keep nothing."""
        return await call_on(self._home, function, *args, **kwargs)

    async def sleep(self, seconds: float) -> None:
        """Wait until that long after the first time that the run came here."""
        await DBOS.sleep_async(seconds)

    async def wait(self, topic: str, timeout_s: float) -> Json:
        """Return what was sent under `topic`, or None after `timeout_s`."""
        message: Json = await DBOS.recv_async(topic, timeout_seconds=timeout_s)
        return message

    async def begin(
        self,
        name: str,
        payload: Json,
        *,
        part: str,
        queue: str = "",
        partition: str = "",
        timeout_s: float | None = None,
    ) -> None:
        """Start a child run."""
        child_id = f"{self._id}/{part}"
        if queue:
            await self._open(queue)
            options = EnqueueOptions(workflow_name=name, queue_name=queue)
            options |= {"workflow_id": child_id, "app_version": APPLICATION_VERSION}
            if partition:
                options["queue_partition_key"] = partition
            if timeout_s is not None:
                options["workflow_timeout"] = timeout_s
            self._children[part] = await DBOS.enqueue_workflow_with_options_async(options, payload)
            return
        begun = beginning(child_id, self._under_way.doubts)
        # To set None would free it of its parent's limit too.
        limit = nullcontext() if timeout_s is None else SetWorkflowTimeout(timeout_s)
        with begun, SetWorkflowID(child_id), limit:
            self._children[part] = await DBOS.start_workflow_async(self._bodies[name], payload)

    async def first(self, parts: Sequence[str]) -> str:
        """Return which of these child runs ended first."""
        handles = {part: self._children[part] for part in parts}
        ended = await DBOS.wait_first_async(list(handles.values()), polling_interval_sec=ENDING_POLL_S)
        return next(part for part, one in handles.items() if one.workflow_id == ended.workflow_id)

    async def ending(self, part: str) -> Json:
        """Wait for a child run and return its result."""
        child_id = f"{self._id}/{part}"
        try:
            return await self._children[part].get_result(polling_interval_sec=ENDING_POLL_S)
        except DBOSAwaitedWorkflowCancelledError as error:
            raise Cancelled(f"run {child_id!r} was cancelled", run_id=child_id) from error
        except PortableWorkflowError as error:
            if "Cancelled" in (error.name or ""):
                raise Cancelled(f"run {child_id!r} was cancelled", run_id=child_id) from error
            raise RunError(str(error), run_id=child_id) from error
        except Exception as error:
            raise RunError(str(error), run_id=child_id) from error
