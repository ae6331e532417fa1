"""Follow fires to their end: what still runs, how it went, and one word to people when that changes.

A fire is over when its event is answered and the workflow that it started, if any, has ended. Eight failures in a
row are one alert, and one more word when it works again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from quarterdeck.core.errors import NotFound, QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.ports import Clock, Outbox
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import RunOf
from quarterdeck.core.schedule import FireRow, Schedule, Streak
from quarterdeck.runtime.durable import Durable
from quarterdeck.runtime.observability import metrics
from quarterdeck.schedule.firing import notices
from quarterdeck.schedule.firing.fire import Fire, planned_of
from quarterdeck.schedule.moments import moment_of, ms_of
from quarterdeck.schedule.rows import FireRows, ScheduleRows

FAILED = ("error", "denied")
RUNNING = ("waiting", "running", "unknown")

Cancel = Callable[[str], bool]

log = logging.getLogger(__name__)


class Wake(Protocol):
    """Have a schedule looked at again."""

    def __call__(self, schedule_id: str) -> None: ...


class Runs(Protocol):
    """Know the runs of workflows."""

    async def get(self, run_id: str) -> Sequence[RunOf]:
        """Return the run of this id; two when it could be either."""


class Outcomes:
    """Know what became of fires; `cancel` stops the answer to an event by its key, `runs` are those of workflows."""

    def __init__(
        self,
        rows: ScheduleRows,
        fires: FireRows,
        durable: Durable,
        *,
        outbox: Outbox,
        cancel: Cancel,
        clock: Clock,
        runs: Runs | None = None,
    ) -> None:
        self._rows, self._fires, self._durable = rows, fires, durable
        self._outbox, self._cancel, self._clock = outbox, cancel, clock
        self._runs = runs
        self.wake: Wake = _nobody

    async def answered(self, event: Event, reply: Reply | None) -> Reply | None:
        """Note how the event of a fire was answered; returns what is to be posted of it.

        The first failure in a row is posted, and says that the next ones are not; they are not.
        """
        found = planned_of(event)
        if found is None:
            return reply
        try:
            schedule = await self._rows.get(found[0])
            return await self._heard(schedule, ms_of(found[1]), reply) if schedule is not None else reply
        except QuarterdeckError as error:  # people get their answer all the same
            log.error("The end of a fire was not stored", extra={"schedule": found[0], "error": str(error)})
            return reply

    async def _heard(self, schedule: Schedule, planned_ms: int, reply: Reply | None) -> Reply | None:
        status = reply.status if reply is not None else "answered"
        if reply is not None and reply.run_id and status not in FAILED:
            await self._fires.started(schedule.id, planned_ms, reply.run_id)
            self.wake(schedule.id)
            return None if _says_nothing(reply) else reply
        is_failed = status in FAILED
        text = reply.text if reply is not None else ""
        streak = await self._end(schedule, planned_ms, is_failed=is_failed, reason=text if is_failed else "")
        if not is_failed or streak is None or reply is None:
            return None if _says_nothing(reply) else reply
        return notices.failing(schedule, text) if streak.is_first else None

    async def running(self, schedule: Schedule) -> FireRow | None:
        """Return the latest fire of a schedule that has not ended, None when all have."""
        latest: FireRow | None = None
        for row in await self._fires.open_fires(schedule.id):
            if await self._is_running(schedule, row):
                latest = row
            else:
                await self._settle(schedule, row)
        return latest

    async def stop(self, schedule: Schedule) -> None:
        """Stop everything that a schedule has running."""
        for row in await self._fires.open_fires(schedule.id):
            self._cancel(Fire.planned_at(schedule, moment_of(row.planned_ms)).event_key)
            if row.run_id:
                await self._stop_run(row.run_id)
            await self._fires.ended(
                schedule.id,
                row.planned_ms,
                "stopped",
                reason="stopped for the next one",
                now_ms=ms_of(self._clock.now()),
            )

    async def unheard(self, schedule: Schedule, planned_ms: int, reason: str) -> None:
        """Note a fire that never reached the inbox, and say so."""
        streak = await self._end(schedule, planned_ms, is_failed=True, reason=reason)
        if streak is not None and streak.is_first:
            await self.post(
                schedule, notices.failing(schedule, reason), key=f"failing:{schedule.id}:{planned_ms}"
            )

    async def post(self, schedule: Schedule, reply: Reply, *, key: str) -> None:
        """Say something where the schedule runs; the same `key` twice is said once."""
        try:
            await self._outbox.send(schedule.conversation, reply, key=key)
        except NotFound as error:  # its platform is not connected
            log.warning("A schedule could not say it", extra={"schedule": schedule.id, "error": str(error)})

    async def _is_running(self, schedule: Schedule, row: FireRow) -> bool:
        fire = Fire.planned_at(schedule, moment_of(row.planned_ms))
        if await self._fires.is_waiting(schedule.conversation.platform, schedule.owner.workspace, fire.key):
            return True
        is_posting = any(run.state in RUNNING for run in await self._durable.rows([fire.key]))
        return is_posting or (row.run_id != "" and await self._state_of(row.run_id) in RUNNING)

    async def _state_of(self, run_id: str) -> str:
        """Return the state of a workflow run, empty where nobody knows it any more."""
        found = await self._runs.get(run_id) if self._runs is not None else ()
        return found[0].state if len(found) == 1 else ""

    async def _stop_run(self, run_id: str) -> None:
        found = await self._runs.get(run_id) if self._runs is not None else ()
        if len(found) != 1:
            return
        try:
            await self._durable.cancel(found[0].durable_id)
        except NotFound:
            log.info("There is no such run any more", extra={"run": run_id})

    async def _settle(self, schedule: Schedule, row: FireRow) -> None:
        """Write down the end of a fire that nobody told of: of the workflow that it started, or before a crash."""
        if not row.run_id:
            await self._fires.ended(schedule.id, row.planned_ms, "", now_ms=ms_of(self._clock.now()))
            return
        is_failed = await self._state_of(row.run_id) == "failed"
        reason = f"its workflow run `{row.run_id}` failed" if is_failed else ""
        streak = await self._end(schedule, row.planned_ms, is_failed=is_failed, reason=reason)
        if is_failed and streak is not None and streak.is_first:
            key = f"failing:{schedule.id}:{row.planned_ms}"
            await self.post(schedule, notices.failing(schedule, f"`{schedule.what}`: {reason}."), key=key)

    async def _end(
        self, schedule: Schedule, planned_ms: int, *, is_failed: bool, reason: str
    ) -> Streak | None:
        result = "failed" if is_failed else "ok"
        now_ms = ms_of(self._clock.now())
        streak = await self._fires.ended(schedule.id, planned_ms, result, reason=reason, now_ms=now_ms)
        metrics.SCHEDULE_RESULTS.add(result=result)
        if streak is not None and streak.is_over:
            key = f"recovered:{schedule.id}:{planned_ms}"
            await self.post(schedule, notices.recovered(schedule, streak), key=key)
        self.wake(schedule.id)
        return streak


def _says_nothing(reply: Reply | None) -> bool:
    """Tell whether a fire has nothing to post: it posted elsewhere, or there was no news."""
    return reply is None or not (reply.text or reply.card or reply.files or reply.stream)


def _nobody(schedule_id: str) -> None:
    """Look at nothing: no scheduler runs in this process."""
