"""Offer durable runs to the rest of the bot, whether the engine is launched yet or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine as Database

from quarterdeck.core.errors import NotFound, QuarterdeckError, SetupError, Unavailable, UsageError
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime import faults
from quarterdeck.runtime.durable.database import Synchronous, open_engine
from quarterdeck.runtime.durable.loop_thread import LoopThread
from quarterdeck.runtime.durable.run import Body, Done, Queue, Registration, RunRow, plain
from quarterdeck.runtime.process.tasks import in_thread

if TYPE_CHECKING:
    from dbos import EnqueueOptions

    from quarterdeck.runtime.durable import engine as dbos_engine

KEPT = timedelta(days=14)  # longer than any platform repeats an event: its run's id must be known till then
FORGET_EVERY_S = 86_400.0
MOST_RECOVERIES = 100  # crashes of the process that one run may go through; then it has failed

log = logging.getLogger(__name__)


class Durable:
    """Keep runs in the file at `path`. Register bodies, `launch`, `close`; one at a time in a process.

    `before_launch` is called by each launch, for those who register a body and are not made before they are needed.
    """

    _launched: Durable | None = None

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Synchronous = "NORMAL",
        queues: Sequence[Queue] = (),
        before_launch: Callable[[], None] = lambda: None,
    ) -> None:
        self._path, self._synchronous, self._before_launch = path, synchronous, before_launch
        self._queues = {queue.name: queue for queue in queues}
        self._registrations: dict[str, Registration] = {}
        self._wanted, self._ready = asyncio.Event(), asyncio.Event()
        self._launching = asyncio.Lock()
        self._database: Database | None = None
        self._thread: LoopThread | None = None
        self._engine: dbos_engine.Engine | None = None
        self._on_forget: list[Callable[[Sequence[str]], Awaitable[None]]] = []

    def on_forget(self, listener: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """Await `listener(run ids)` after old runs were deleted, so that what belongs to them goes too."""
        self._on_forget.append(listener)

    def register(self, name: str, body: Body, *, most_recoveries: int = MOST_RECOVERIES) -> None:
        """Make `body` known under `name`, which stands on disk: a run finds its body by it after a restart.

        Raises:
            ValueError: the name is taken, or the engine is launched already.
        """
        if name in self._registrations:
            raise ValueError(f"a body is registered as {name!r} already")
        if self._engine is not None:
            raise ValueError(f"{name!r} must be registered before the launch: pending runs look for it then")
        self._registrations[name] = Registration(name=name, body=body, most_recoveries=most_recoveries)

    async def launch(self) -> None:
        """Start the engine, and with it the runs that a crash left behind; takes about half a second.

        Does nothing when it is launched. What awaits `ready` goes on.

        Raises:
            SetupError, Unavailable: it could not start; nothing of it is left, and `launch` may be called
            again.
        """
        async with self._launching:
            if self._engine is None:
                await self._launch()

    async def _launch(self) -> None:
        if Durable._launched is not None:
            raise SetupError("another durable engine is open in this process", hint="close it first")
        self._before_launch()
        Durable._launched = self
        self._thread = LoopThread("quarterdeck-durable")
        home = asyncio.get_running_loop()
        try:
            self._database = await in_thread(open_engine, self._path, synchronous=self._synchronous)
            self._engine = await self._thread.call(self._start_engine, self._database, home)
        except OSError as error:
            await self.close()
            raise SetupError(
                f"the durable engine's file cannot be made: {error}", file=str(self._path)
            ) from error
        except (QuarterdeckError, asyncio.CancelledError):
            await self.close()
            raise
        self._wanted.set()
        self._ready.set()
        log.info("Durable engine launched")

    async def _start_engine(self, database: Database, home: asyncio.AbstractEventLoop) -> dbos_engine.Engine:
        from quarterdeck.runtime.durable.engine import Engine

        engine = Engine(database, home)
        await engine.launch(list(self._registrations.values()), list(self._queues.values()))
        return engine

    async def serve(self, clock: Clock) -> None:
        """Launch once a run is wanted, or was left from before; then forget old runs daily, until cancelled.

        A bot that never needs a durable run saves the engine's 30 MB.

        Raises:
            SetupError, Unavailable: as `launch` does; `serve` may be called again.
        """
        if not self._path.exists():
            await self._wanted.wait()
        await self.launch()
        while True:
            before = clock.now() - KEPT
            if gone := await in_thread(self._forget, before):
                log.info("Old runs were forgotten", extra={"runs": len(gone)})
                for listener in self._on_forget:
                    await listener(gone)
            await clock.sleep(FORGET_EVERY_S)

    def _forget(self, before: datetime) -> Sequence[str]:
        from quarterdeck.runtime.durable.journal import forget

        with self._connected() as database:
            return forget(database, before) if database else ()

    async def ready(self) -> None:
        """Return once the engine is launched, which `serve` does when somebody waits here."""
        self._wanted.set()
        await self._ready.wait()

    async def close(self) -> None:
        """Stop the engine, if it is launched; runs stop where they are and go on at the next launch."""
        self._ready.clear()
        self._engine = None
        if self._thread is not None:
            from quarterdeck.runtime.durable import engine

            engine.hush()
            await self._thread.cancel_tasks()
            await in_thread(engine.destroy)
            await self._thread.cancel_tasks()
            await in_thread(self._thread.stop)
            self._thread = None
        if self._database is not None:
            await in_thread(self._database.dispose)
            self._database = None
        if Durable._launched is self:
            Durable._launched = None

    async def start(self, name: str, payload: Json, *, run_id: str, conversation: str | None = None) -> bool:
        """Start a run at once, and return True; one with this id that exists already stays as it is.

        Raises:
            UsageError: nothing is registered as `name`, or `payload` is not plain JSON.
            Unavailable: the database did not answer; the same call may succeed later.
        """
        await self.ready()
        thread, engine = self._running()
        known, plain_payload = self._known(name), self._plain(payload)
        faults.reach("run.enqueued.before")
        is_new = await thread.call(engine.start, known, plain_payload, run_id, conversation)
        faults.reach("run.enqueued")
        return is_new

    async def enqueue(
        self,
        queue: str,
        name: str,
        payload: Json,
        *,
        run_id: str,
        conversation: str | None = None,
        priority: int | None = None,
        partition: str = "",
    ) -> None:
        """Put a run on `queue`; returns once it is on disk. One with this id that exists stays as it is.

        `priority` is from 1, the smallest first; runs of the same priority go in the order of their arrival.
        `partition` is what a partitioned queue goes by.

        Raises:
            UsageError: no such queue, nothing is registered as `name`, or `payload` is not plain JSON.
            Unavailable: the database did not answer; the same call may succeed later.
        """
        await self.ready()
        if queue not in self._queues:
            raise UsageError(f"there is no queue {queue!r}")
        options: EnqueueOptions = {
            "workflow_name": self._known(name),
            "queue_name": queue,
            "workflow_id": run_id,
        }
        if priority is not None:
            options["priority"] = priority
        if partition:
            options["queue_partition_key"] = partition
        thread, engine = self._running()
        plain_payload = self._plain(payload)
        faults.reach("run.enqueued.before")
        await thread.call(engine.enqueue, options, plain_payload, conversation)
        faults.reach("run.enqueued")

    async def send(self, run_id: str, message: Json, *, topic: str, key: str) -> None:
        """Hand `message` to a run that waits, or will wait, for `topic`; the same `key` twice counts once.

        Raises:
            NotFound: no such run.
            Unavailable: the database did not answer; the same call may succeed later.
        """
        await self.ready()
        thread, engine = self._running()
        await thread.call(engine.send, run_id, topic, self._plain(message), key)

    async def result(self, run_id: str) -> Json:
        """Wait for the end of a run and return its result.

        Raises:
            NotFound: no such run.
            RunError: it failed, or was cancelled.
        """
        await self.ready()
        thread, engine = self._running()
        return await thread.call(engine.result, run_id)

    async def cancel(self, run_id: str) -> RunRow:
        """Stop a run and its children, and the steps that they are in; returns it. One that has ended stays as it is.

        Raises:
            NotFound: no such run.
        """
        row = await in_thread(self._cancel, run_id)
        if self._thread is not None and self._engine is not None:
            under_way = self._engine.under_way
            under_way.doubts.count += 1
            if inside := await in_thread(self._cancelled, under_way.runs()):
                await self._thread.call(under_way.stop, inside)
        return row

    async def fork(self, run_id: str, new_id: str, stopped: Callable[[Json], str]) -> None:
        """Begin a run anew as `new_id` (`…~2`) from the step at which it stopped; what was done before stays done.

        `stopped` returns, from the result of a run, the name of the step at which it stopped, empty when it did not.

        Raises:
            NotFound: no such run.
            UsageError: it has not stopped at a step.
        """
        await self.ready()
        faults.reach("run.forked.before")
        await in_thread(self._fork, run_id, new_id, stopped)
        faults.reach("run.forked")

    async def steps(self, run_id: str) -> Sequence[Done]:
        """Return what a run has done, in order; also when the engine is not launched."""
        return await in_thread(self._steps, run_id)

    async def payload(self, run_id: str) -> Json:
        """Return what a run was started with, None where there is no such run."""
        return await in_thread(self._payload, run_id)

    async def rows(self, run_ids: Sequence[str]) -> Sequence[RunRow]:
        """Return these runs, those that there are."""
        return await in_thread(self._rows, run_ids) if run_ids else ()

    async def list(self, *, limit: int = 50) -> Sequence[RunRow]:
        """Return runs that no other run began, newest first; also when the engine is not launched."""
        if self._thread is not None:
            await self._ready.wait()
        return await in_thread(self._list, limit)

    def _list(self, limit: int) -> Sequence[RunRow]:
        from quarterdeck.runtime.durable.journal import rows

        with self._connected() as database:
            return rows(database, limit=limit, are_children_left_out=True) if database else []

    def _rows(self, run_ids: Sequence[str]) -> Sequence[RunRow]:
        from quarterdeck.runtime.durable.journal import rows

        with self._connected() as database:
            return rows(database, limit=len(run_ids), run_ids=run_ids) if database else []

    def _steps(self, run_id: str) -> Sequence[Done]:
        from quarterdeck.runtime.durable.journal import steps

        with self._connected() as database:
            return steps(database, run_id) if database else []

    def _payload(self, run_id: str) -> Json:
        from quarterdeck.runtime.durable.journal import payload

        with self._connected() as database:
            return payload(database, run_id) if database else None

    def _cancel(self, run_id: str) -> RunRow:
        from quarterdeck.runtime.durable.journal import cancel

        with self._connected() as database:
            if database is None:
                raise NotFound(f"there is no run {run_id!r}", hint="no run was ever started here")
            return cancel(database, run_id)

    def _cancelled(self, run_ids: Sequence[str]) -> Sequence[str]:
        from quarterdeck.runtime.durable.journal import cancelled

        with self._connected() as database:
            return cancelled(database, run_ids) if database and run_ids else ()

    def _fork(self, run_id: str, new_id: str, stopped: Callable[[Json], str]) -> None:
        from quarterdeck.runtime.durable.journal import fork

        with self._connected() as database:
            assert database is not None
            fork(database, run_id, new_id, stopped)

    @contextmanager
    def _connected(self) -> Iterator[Database | None]:
        if self._database is not None:
            yield self._database
        elif not self._path.exists():
            yield None
        else:
            database = open_engine(self._path, synchronous=self._synchronous)
            try:
                yield database
            finally:
                database.dispose()

    def _running(self) -> tuple[LoopThread, dbos_engine.Engine]:
        if self._thread is None or self._engine is None:
            raise Unavailable("the durable engine is being closed", service="durable engine")
        return self._thread, self._engine

    def _known(self, name: str) -> str:
        if name not in self._registrations:
            raise UsageError(
                f"nothing is registered as {name!r}", hint=did_you_mean(name, self._registrations)
            )
        return name

    @staticmethod
    def _plain(payload: Json) -> Json:
        try:
            return plain(payload, "what is handed to a run")
        except TypeError as error:
            raise UsageError(str(error)) from error
