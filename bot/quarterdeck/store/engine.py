"""Write to the database through one queue and one thread, in groups; read beside it.

One writer, because SQLite has one write lock: threads that queue for it themselves wait hundreds of times
longer and sometimes fail. Groups, because a commit costs a disk flush and 600 us of processor time whether it
holds one row or a hundred: whatever has queued up while the last group was being flushed is the next group, and
only under load does the first of them wait a moment for company.

The driver is called synchronously in threads of its own, a whole group at once: going over to a thread and
back for each statement, as asynchronous drivers do, costs ten times the statement itself (measured: 179 us of
processor time an insert instead of 17).
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from quarterdeck.core.errors import Busy, Unavailable
from quarterdeck.core.value import dataclass
from quarterdeck.runtime import faults
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.store.database import transaction
from quarterdeck.store.database.errors import (
    SERVICE,
    StorageBusy,
    StorageCorrupt,
    StorageFull,
    StorageUnusable,
    mapped,
)
from quarterdeck.store.database.sqlite import WAL_LIMIT_BYTES, Synchronous, read_engine, write_engine
from quarterdeck.store.upkeep import integrity, schema

QUEUE_LIMIT = 10_000  # jobs that may wait; more are refused at once
GROUP_LIMIT = 512  # jobs a commit; more would only make the first ones wait longer
BUSY_GROUP = 4  # jobs: after such a group more are on their way, and worth a moment's wait
GATHER_SHARE = (
    0.25  # of the time that the last commit took: what waits for the disk anyway waits little longer
)
GATHER_LIMIT_S = 0.005
WATCH_EVERY_S = 1.0
KNOWN_LIMIT = 10_000  # names of rows remembered so that they need not be looked for
READERS = 4
READ_LIMIT_S = 30.0  # a longer reader would keep the write-ahead log from being cut back
CLOSE_LIMIT_S = (
    60.0  # more than one wait for the lock; a disk that hangs must not keep the process from ending
)

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class _Job:
    point: str
    call: Callable[[Connection], Any]
    answer: asyncio.Future[Any]
    result: object = None
    error: Exception | None = None


class Store:
    """Hold the one database of this process. Open it with `open`, and close it."""

    def __init__(self, path: Path, writing: Engine, reading: Engine) -> None:
        self._path, self._writing, self._reading = path, writing, reading
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection: Connection | None = None  # the writer's, open from one group to the next
        self._is_closing = False
        self._is_wal_long, self._watched_at_s = False, 0.0
        self._known: set[str] = set()  # rows that are there for good, as long as every commit succeeds
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="quarterdeck-read")
        self._writer = threading.Thread(target=self._serve, name="quarterdeck-write", daemon=True)

    @classmethod
    async def open(
        cls, path: Path | str, *, synchronous: Synchronous = "FULL", backups: Path | None = None
    ) -> Store:
        """Open the file, made or brought up to date first; `backups` is the folder of its backups, beside it.

        Raises:
            SetupError: the file is damaged, was made by a newer program, or is no database of ours.
            Unavailable: the disk is full, or another program holds the file.
        """
        path = Path(path)
        await in_thread(schema.prepare, path, backups or path.parent / "backups")
        store = cls(path, write_engine(path, synchronous), read_engine(path, READERS, READ_LIMIT_S))
        try:
            await in_thread(store._begin)
        except (SQLAlchemyError, sqlite3.Error) as error:
            store._writing.dispose()
            raise mapped(error, path) from error
        store._writer.start()
        return store

    @property
    def path(self) -> Path:
        """Say where the file lies."""
        return self._path

    @property
    def waiting(self) -> int:
        """Count the jobs that wait to be written."""
        return self._queue.qsize()

    async def write(self, point: str, job: Callable[[Connection], T]) -> T:
        """Run `job` in a transaction and return its result once that is on disk. `point` names the write.

        Jobs run in the order of the calls. `job` may be run again after a failure of a neighbour in the same
        transaction, so it must depend on nothing but the database and have no effect beyond it. When it
        raises, nothing of it is kept. Cancelling stops the waiting only: what was queued is still written.

        Raises:
            Busy: too many jobs wait.
            StorageFull, StorageBusy, StorageUnusable: nothing was written; the same call may succeed later.
            StorageRefused, StorageCorrupt: the statement, or the file, is at fault.
        """
        return await self.submit(point, job)

    def submit(self, point: str, job: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Queue a job like `write`, and return at once; the future has its result once that is on disk.

        Raises:
            Busy: too many jobs wait.
            Unavailable: the database is being closed.
        """
        if self._is_closing:
            raise Unavailable("the database is being closed", service=SERVICE)
        if self._queue.qsize() >= QUEUE_LIMIT:
            raise Busy(
                f"{QUEUE_LIMIT} writes wait for the disk already",
                hint="try again in a moment; the disk may be slow or full",
            )
        answer: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Job(point, job, answer))
        return answer

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Run `job` on a connection that cannot write and sees one moment, after all that was written.

        Raises:
            StorageTooSlow: it took longer than `READ_LIMIT_S`.
            Unavailable: the database is being closed, or its file cannot be read.
            StorageRefused, StorageCorrupt: the statement, or the file, is at fault.
        """
        if self._is_closing:
            raise Unavailable("the database is being closed", service=SERVICE)
        return await self._loop.run_in_executor(self._readers, self._read, job)

    async def close(self) -> None:
        """Write what is queued, fold the write-ahead log into the file and let go of it."""
        if self._is_closing:
            return
        self._is_closing = True
        await in_thread(self._readers.shutdown)
        self._reading.dispose()  # before the writer's connection, which folds the log only when it is the last
        self._queue.put(None)
        await in_thread(self._writer.join, CLOSE_LIMIT_S)
        if self._writer.is_alive():
            log.error("The disk does not answer; what was queued is lost", extra={"jobs": self.waiting})

    def _read(self, job: Callable[[Connection], T]) -> T:
        try:
            with self._reading.begin() as connection:
                return job(connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise mapped(error, self._path) from error

    def _begin(self) -> None:
        with self._writing.connect() as connection:
            integrity.mark_open(_driver(connection), self._path)

    def _serve(self) -> None:
        is_open, pause_s = True, 0.0
        while is_open:
            group, is_open = self._next_group(pause_s)
            if group:
                started_s = monotonic()
                self._commit(group)
                ended_s = monotonic()
                is_busy = len(group) >= BUSY_GROUP
                pause_s = min(GATHER_LIMIT_S, GATHER_SHARE * (ended_s - started_s)) if is_busy else 0.0
                self._watch_log(ended_s)
                self._tell(group)
        self._finish()

    def _next_group(self, pause_s: float) -> tuple[list[_Job], bool]:
        """Wait for a job and take all that are there `pause_s` later. False with the last group."""
        job = self._queue.get()
        if pause_s and job is not None:
            sleep(pause_s)
        group: list[_Job] = []
        while job is not None:
            group.append(job)
            if len(group) >= GROUP_LIMIT or self._queue.empty():
                return group, True
            job = self._queue.get()
        return group, False

    def _commit(self, group: Sequence[_Job]) -> None:
        """Give each job its result or its error; a job that fails takes no other one with it."""
        failure = self._attempt(group, apart=False)
        if failure is None:
            return
        rest = [job for job in group if not isinstance(job.error, faults.InjectedFault)]
        if isinstance(failure, StorageFull):  # a small one may still fit
            for job in rest:
                self._fail([job], self._attempt([job], apart=False))
        elif _is_about_a_job(failure):
            self._fail(rest, self._attempt(rest, apart=True) if len(group) > 1 else failure)
        else:
            self._fail(rest, failure)

    def _attempt(self, group: Sequence[_Job], *, apart: bool) -> Exception | None:
        """Commit `group` and return None, or why nothing of it was; `apart`: each job in a savepoint."""
        metrics.STORE_GROUP_JOBS.observe(len(group))
        try:
            connection = self._connected()
            with metrics.STORE_COMMIT_SECONDS.timed(), connection.begin():
                known, self._known = self._known, set[str]()
                present = transaction.Scratch(known=known if len(known) < KNOWN_LIMIT else set())
                transaction.use(connection, present)
                for job in group:
                    if apart:
                        self._run_apart(connection, job)
                    else:
                        self._run(connection, job)
                transaction.finish(connection)
                known = transaction.scratch(connection).known
            self._known = known
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._disconnect()
            failure = mapped(error, self._path)
            failure.__cause__ = error
            return failure
        except Exception as error:  # noqa: BLE001 - a job may raise what it likes; this thread supervises
            self._disconnect()
            return error
        for job in group:
            if job.error is None:
                _note(job, faults.reach, job.point)
        return None

    def _connected(self) -> Connection:
        """Return the writer's connection; taking it out of the pool for each group costs as much as a command."""
        if self._connection is None:
            self._connection = self._writing.connect()
        return self._connection

    def _disconnect(self) -> None:
        """Let the next group begin on a connection that nothing went wrong on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, connection: Connection, job: _Job) -> None:
        job.result, job.error = job.call(connection), None
        try:
            faults.reach(f"{job.point}.before")
        except faults.InjectedFault as fault:
            job.error = fault
            raise

    def _run_apart(self, connection: Connection, job: _Job) -> None:
        before = transaction.scratch(connection).copy()
        savepoint = connection.begin_nested()
        try:
            self._run(connection, job)
            savepoint.commit()
        except (SQLAlchemyError, sqlite3.Error) as error:
            failure = mapped(error, self._path)
            if not _is_about_a_job(failure):
                raise
            failure.__cause__ = error
            job.error = failure
        except Exception as error:  # noqa: BLE001 - as above
            job.error = error
        if job.error is not None:
            savepoint.rollback()
            transaction.use(connection, before)

    @staticmethod
    def _fail(group: Sequence[_Job], failure: Exception | None) -> None:
        for job in group:
            job.error = failure or job.error

    def _tell(self, group: Sequence[_Job]) -> None:
        try:
            self._loop.call_soon_threadsafe(_answer, group)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.warning("Nobody waited for what was written", extra={"jobs": len(group)})

    def _watch_log(self, now_s: float) -> None:
        """Warn once when readers or another program keep the write-ahead log from being cut back."""
        if now_s < self._watched_at_s + WATCH_EVERY_S:
            return
        self._watched_at_s = now_s
        try:
            size_bytes = integrity.log_of(self._path).stat().st_size
        except OSError:
            return
        is_long = size_bytes > WAL_LIMIT_BYTES
        if is_long and not self._is_wal_long:
            log.warning(
                "The write-ahead log grows: something reads for long",
                extra={"path": str(self._path), "size_bytes": size_bytes},
            )
        self._is_wal_long = is_long

    def _finish(self) -> None:
        self._disconnect()
        try:
            with self._writing.connect() as connection:
                integrity.close_cleanly(_driver(connection), self._path)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            log.warning("The database was not closed cleanly", extra={"error": repr(error)})
        self._writing.dispose()


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _is_about_a_job(failure: Exception) -> bool:
    """Tell whether the failure concerns one job's own statements or code, not the file or the disk."""
    return not isinstance(failure, StorageBusy | StorageCorrupt | StorageFull | StorageUnusable)


def _note(job: _Job, call: Callable[[str], None], name: str) -> None:
    try:
        call(name)
    except faults.InjectedFault as fault:
        job.error = fault


def _answer(group: Sequence[_Job]) -> None:
    for job in group:
        if job.answer.done():  # cancelled meanwhile
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.result)
