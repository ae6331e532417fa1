"""Wake at planned times: APScheduler on our event loop and by our clock.

APScheduler keeps the jobs and finds the next one. What it does at a due time is replaced, because it would
lose a time whose submission fails, or for which an earlier one still runs, and would list every single time
of a night that the machine slept through. Here a due schedule is only named; which of its times fire, the
scheduler decides from the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger

from quarterdeck.core.ports import Clock
from quarterdeck.schedule.trigger import Trigger

LONGEST_WAIT_S = 30.0  # the machine's clock may be set, and a laptop may sleep: look at the time this often
CLOCK_SLACK_S = 1.0  # a clock that goes back by less is being adjusted; by more, it was set

OnDue = Callable[[str], None]

log = logging.getLogger(__name__)


class Ticker(BaseScheduler):  # type: ignore[misc]  # it ships no types
    """Call `on_due(schedule id)` at every planned time, until cancelled; the same id may come twice."""

    def __init__(self, clock: Clock, on_due: OnDue) -> None:
        self._clock = clock
        self._woken = asyncio.Event()
        self._lead_s = self._clock_lead_s()
        super().__init__(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={"default": DurableExecutor(on_due)},
            job_defaults={"misfire_grace_time": None, "coalesce": False},
        )

    def put(self, schedule_id: str, trigger: Trigger) -> None:
        """Watch a schedule from now on; one of this id is replaced."""
        planned = trigger.after(self._clock.now())
        if planned is None:
            self.take(schedule_id)
        else:
            self.add_job(
                _never_called,
                PlannedTrigger(trigger),
                id=schedule_id,
                next_run_time=planned,
                replace_existing=True,
            )

    def take(self, schedule_id: str) -> None:
        """Watch a schedule no longer."""
        try:
            self.remove_job(schedule_id)
        except JobLookupError:
            log.debug("Schedule was not watched", extra={"schedule": schedule_id})

    async def serve(self) -> None:
        """Wake at planned times until cancelled."""
        self.start()
        try:
            while True:
                self._woken.clear()
                await self._pause(self._process_jobs())
        finally:
            self.shutdown(wait=False)

    def shutdown(self, wait: bool = True) -> None:
        """Forget all jobs."""
        super().shutdown(wait)

    def wakeup(self) -> None:
        """Look at the jobs again; called by APScheduler when they change."""
        self._woken.set()

    async def _pause(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((sleeping, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            woken.cancel()

    def _process_jobs(self) -> float:
        """Name what is due; returns the seconds until the next look."""
        now = self._clock.now()
        self._follow_clock(now)
        with self._jobstores_lock:
            jobs = self._jobstores["default"]
            for job in jobs.get_due_jobs(now):
                self._lookup_executor(job.executor).submit_job(job, [job.next_run_time])
                self._move_on(job, now)
            soonest: datetime | None = jobs.get_next_run_time()
        if soonest is None:
            return LONGEST_WAIT_S
        return min(max((soonest - now).total_seconds(), 0.0), LONGEST_WAIT_S)

    def _move_on(self, job: Job, now: datetime) -> None:
        jobs = self._jobstores["default"]
        planned = job.trigger.get_next_fire_time(job.next_run_time, now)
        if planned is None:
            jobs.remove_job(job.id)
        else:
            job._modify(next_run_time=planned)
            jobs.update_job(job)

    def _follow_clock(self, now: datetime) -> None:
        """Count all next times anew when the clock was set back: they would be waited for too long."""
        lead_s = self._clock_lead_s()
        if lead_s < self._lead_s - CLOCK_SLACK_S:
            log.warning("The clock was set back", extra={"by_s": round(self._lead_s - lead_s)})
            for job in self.get_jobs():
                self._move_on(job, now)
        self._lead_s = lead_s

    def _clock_lead_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


class DurableExecutor(BaseExecutor):  # type: ignore[misc]  # it ships no types
    """Hand a due job on by its name; never refuses, as APScheduler drops what an executor refuses."""

    def __init__(self, on_due: OnDue) -> None:
        super().__init__()
        self._on_due = on_due

    def submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        """Name the job's schedule as due."""
        self._on_due(job.id)

    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        """Be there, as APScheduler demands; `submit_job` does it all."""
        self.submit_job(job, run_times)


class PlannedTrigger(BaseTrigger):  # type: ignore[misc]  # it ships no types
    """Let APScheduler ask a trigger of ours; times that passed are left out: the scheduler finds them."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first planned time later than now."""
        return self._trigger.after(now)


def _never_called() -> None:
    """Stand in for a job's function; `DurableExecutor` goes by the job's id."""
