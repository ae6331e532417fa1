"""Fire each planned time once, whatever crashes in between.

What has been dealt with stands in the database: the mark `last_at_ms`. Everything planned between the mark
and now is due. A time fires in three writes, each of which may be repeated: the durable run
`cron:{schedule}:{planned}` is enqueued (an id that exists stays as it is); its step hands the event
`cron:{schedule}:{planned}` to the inbox (which takes an id once); the mark moves. A crash before the mark has
moved finds the time due again, and both ids taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from quarterdeck.core.adapter import Accept
from quarterdeck.core.errors import Busy, QuarterdeckError, ServiceError
from quarterdeck.core.ports import Clock, Json, Schedule
from quarterdeck.runtime import metrics
from quarterdeck.runtime.durable import Durable, Queue, Run
from quarterdeck.schedule.fire import Fire
from quarterdeck.schedule.misfire import MOST_CAUGHT_UP, ON_TIME, Choice, choose
from quarterdeck.schedule.moments import moment_of, ms_of
from quarterdeck.schedule.rows import ScheduleRows
from quarterdeck.schedule.trigger import latest, parse

if TYPE_CHECKING:
    from quarterdeck.schedule.ticker import Ticker

FIRE = "schedule.fire"  # stands on disk
QUEUE = Queue(name="cron", concurrency=4, poll_s=1.0)
HELD_UP = timedelta(minutes=5)  # a time that comes later than this, while the bot runs, was slept through
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0

log = logging.getLogger(__name__)


class Scheduler:
    """Watch all schedules and fire them. Make it before the durable engine is launched, then `serve`."""

    def __init__(self, rows: ScheduleRows, durable: Durable, accept: Accept, clock: Clock) -> None:
        self._rows, self._durable, self._accept, self._clock = rows, durable, accept, clock
        self._due: dict[str, timedelta] = {}
        self._is_due = asyncio.Event()
        self._ticker: Ticker | None = None
        durable.register(FIRE, self._fire)

    async def serve(self) -> None:
        """Make up for what was missed as each schedule says, then fire at planned times, until cancelled."""
        from quarterdeck.schedule.ticker import Ticker

        self._ticker = Ticker(self._clock, self._on_due)
        try:
            for schedule in await self._rows.all():
                self._watch(schedule, on_time=ON_TIME)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ticker.serve())
                tasks.create_task(self._consume())
        finally:
            self._ticker = None

    async def refresh(self, schedule_id: str) -> None:
        """Take over a change of a schedule that has just been stored."""
        if self._ticker is None:
            return
        schedule = await self._rows.get(schedule_id)
        if schedule is None or schedule.paused:
            self._ticker.take(schedule_id)
        else:
            self._watch(schedule, on_time=HELD_UP)

    def _watch(self, schedule: Schedule, *, on_time: timedelta) -> None:
        if self._ticker is None or schedule.paused:
            return
        try:
            self._ticker.put(schedule.id, parse(schedule.trigger, schedule.timezone))
        except QuarterdeckError as error:  # a zone may leave the machine's database
            log.error("Schedule cannot be read", extra={"schedule": schedule.id, "error": str(error)})
        else:
            self._on_due(schedule.id, on_time)

    def _on_due(self, schedule_id: str, on_time: timedelta = HELD_UP) -> None:
        self._due[schedule_id] = min(on_time, self._due.get(schedule_id, on_time))
        self._is_due.set()

    async def _consume(self) -> None:
        while True:
            await self._is_due.wait()
            while self._due:
                schedule_id = next(iter(self._due))
                await self._fire_due(schedule_id, self._due.pop(schedule_id))
            self._is_due.clear()

    async def _fire_due(self, schedule_id: str, on_time: timedelta) -> None:
        """Deal with all due times of a schedule; tries until the database answers."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._fire_once(schedule_id, on_time)
                return
            except QuarterdeckError as error:
                log.error("Schedule could not fire", extra={"schedule": schedule_id, "error": str(error)})
                if not _is_passing(error):
                    return
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _fire_once(self, schedule_id: str, on_time: timedelta) -> None:
        schedule = await self._rows.get(schedule_id)
        if schedule is None or schedule.paused:
            return
        now = self._clock.now()
        due = await self._due_times(schedule, now)
        choice = choose(schedule.misfire, due, now, on_time=on_time)
        for planned in choice.fire:
            await self._enqueue(Fire.planned_at(schedule, planned))
        if due:
            await self._rows.record(
                schedule_id,
                fired_ms=[ms_of(planned) for planned in choice.fire],
                missed_ms=[ms_of(planned) for planned in choice.missed],
                now_ms=ms_of(now),
            )
            _report(schedule, choice)

    async def _due_times(self, schedule: Schedule, now: datetime) -> Sequence[datetime]:
        mark = moment_of(schedule.last_at_ms or schedule.created_at_ms)
        if mark > now:  # the clock was set back: what fired once does not fire again, what lies ahead does
            mark = now - ON_TIME
        trigger = parse(schedule.trigger, schedule.timezone)
        due = latest(trigger, after=mark, until=now, limit=MOST_CAUGHT_UP)
        if not due:
            return due
        fired = await self._rows.fired(schedule.id, [ms_of(planned) for planned in due])
        return [planned for planned in due if ms_of(planned) not in fired]

    async def _enqueue(self, fire: Fire) -> None:
        await self._durable.enqueue(
            QUEUE.name, FIRE, fire.json(), run_id=fire.key, conversation=fire.conversation.id
        )

    async def _fire(self, run: Run, payload: Json) -> Json:
        """Be the durable run of one fire."""
        return await run.step("accept", self._post, payload)

    async def _post(self, payload: Json) -> Json:
        event = Fire.from_json(payload).event(self._clock.now())
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return {"accepted": await self._accept(event)}
            except (Busy, ServiceError) as error:
                if not _is_passing(error):
                    raise
                log.warning(
                    "Inbox is not ready for a schedule", extra={"event": event.id, "error": str(error)}
                )
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _is_passing(error: QuarterdeckError) -> bool:
    return isinstance(error, Busy) or (isinstance(error, ServiceError) and error.retryable)


def _report(schedule: Schedule, choice: Choice) -> None:
    if choice.fire:
        metrics.SCHEDULE_FIRES.add(len(choice.fire), outcome="fired")
        log.info("Schedule fired", extra={"schedule": schedule.id, "planned": str(choice.fire[-1])})
    if choice.missed:
        metrics.SCHEDULE_FIRES.add(len(choice.missed), outcome="missed")
        log.warning(
            "Planned times were missed",
            extra={"schedule": schedule.id, "times": len(choice.missed), "rule": schedule.misfire},
        )
