"""Fire each planned time once, whatever crashes in between.

What has been dealt with stands in the database: the mark `last_at_ms`. Everything planned between the mark
and now is due. A time fires in three writes, each of which may be repeated: the durable run
`cron:{schedule}:{planned}` is enqueued (an id that exists stays as it is); its step hands the event
`cron:{schedule}:{planned}` to the inbox (which takes an id once); the mark moves. A crash before the mark has
moved finds the time due again, and both ids taken; so does a second process at work on the same database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from quarterdeck.core.adapter import Accept
from quarterdeck.core.errors import Busy, QuarterdeckError, RunError, ServiceError
from quarterdeck.core.ports import Clock, Json, Schedule
from quarterdeck.runtime.durable import Durable, Queue, Run
from quarterdeck.runtime.observability import metrics
from quarterdeck.schedule.firing import notices
from quarterdeck.schedule.firing.fire import Fire
from quarterdeck.schedule.firing.misfire import MOST_CAUGHT_UP, ON_TIME, Choice, choose
from quarterdeck.schedule.firing.outcomes import Outcomes
from quarterdeck.schedule.moments import moment_of, ms_of
from quarterdeck.schedule.rows import FireRows, ScheduleRows
from quarterdeck.schedule.trigger import latest, parse

if TYPE_CHECKING:
    from quarterdeck.schedule.firing.ticker import Ticker

FIRE = "schedule.fire"  # stands on disk
QUEUE = Queue(name="cron", concurrency=4, poll_s=1.0)
HELD_UP = timedelta(minutes=5)  # a time that comes later than this, while the bot runs, was slept through
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LOOK_AGAIN_S = 5.0  # while a time waits its turn, or a workflow runs that a schedule started
OVER_KEPT = timedelta(days=7)  # a schedule without a time to come is kept so long after its last one
MOST_QUEUED = 100  # times that wait for their turn; more are skipped

log = logging.getLogger(__name__)


class Scheduler:
    """Watch all schedules and fire them. Make it before the durable engine is launched, then `serve`."""

    def __init__(
        self,
        rows: ScheduleRows,
        durable: Durable,
        accept: Accept,
        clock: Clock,
        *,
        fires: FireRows,
        outcomes: Outcomes,
    ) -> None:
        self._rows, self._durable, self._accept, self._clock = rows, durable, accept, clock
        self._fires, self._outcomes = fires, outcomes
        outcomes.wake = self._on_due
        self._due: dict[str, timedelta] = {}
        self._is_due = asyncio.Event()
        self._ticker: Ticker | None = None
        durable.register(FIRE, self._fire)

    async def serve(self) -> None:
        """Make up for what was missed as each schedule says, then fire at planned times, until cancelled."""
        from quarterdeck.schedule.firing.ticker import Ticker

        self._ticker = Ticker(self._clock, self._on_due)
        try:
            for schedule in await self._rows.all():
                self._watch(schedule, on_time=ON_TIME)
                await self._forget_over(schedule)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ticker.serve())
                tasks.create_task(self._consume())
                tasks.create_task(self._look_again())
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

    async def _look_again(self) -> None:
        """Look at schedules that wait for something to end of which nobody tells."""
        while True:
            for schedule_id in await self._fires.busy_schedules():
                schedule = await self._rows.get(schedule_id)
                if schedule is not None:
                    await self._outcomes.running(schedule)
                    self._on_due(schedule_id)
            await self._clock.sleep(LOOK_AGAIN_S)

    async def _forget_over(self, schedule: Schedule) -> None:
        last, now = moment_of(schedule.last_at_ms or schedule.created_at_ms), self._clock.now()
        try:
            is_over = parse(schedule.trigger, schedule.timezone).after(min(last, now)) is None
        except QuarterdeckError:  # `_watch` has said so
            return
        if is_over and last < now - OVER_KEPT:
            await self._rows.remove(schedule.id)

    async def _fire_once(self, schedule_id: str, on_time: timedelta) -> None:
        schedule = await self._rows.get(schedule_id)
        if schedule is None:
            return
        now = self._clock.now()
        await self._fire_waiting(schedule)
        if schedule.paused:
            return
        due = await self._due_times(schedule, now)
        if not due:
            return
        choice = choose(schedule.misfire, due, now, on_time=on_time, lateness_s=schedule.lateness_s)
        outcomes = {ms_of(one): "missed" for one in choice.missed} | {
            ms_of(one): "asked" for one in choice.asked
        }
        outcomes |= await self._fire_each(schedule, choice.fire)
        await self._tell(schedule, choice, made_up=[one for one in choice.fire if now - one >= on_time])
        if outcomes:
            await self._rows.record(schedule_id, outcomes, now_ms=ms_of(now))
            _report(schedule, outcomes)

    async def _fire_each(self, schedule: Schedule, times: Sequence[datetime]) -> dict[int, str]:
        """Fire, or do what the schedule says about an earlier fire that still runs; returns what became of each."""
        if not times:
            return {}
        running = None if schedule.overlap == "parallel" else await self._outcomes.running(schedule)
        if running:  # it may be one of these: fired by another process since they were found due
            fired = await self._rows.fired(schedule.id, [ms_of(one) for one in times])
            times = [one for one in times if ms_of(one) not in fired]
            if not times:
                return {}
        if schedule.overlap == "queue" and (running or await self._fires.waiting(schedule.id, "due")):
            room = MOST_QUEUED - len(await self._fires.waiting(schedule.id, "due"))
            return {ms_of(one): "due" if n < room else "skipped" for n, one in enumerate(times)}
        if schedule.overlap == "cancel" and running:
            await self._outcomes.stop(schedule)
        elif running:
            before = await self._fires.latest(schedule.id, 1)
            if not (before and before[0].outcome == "skipped"):
                notice = notices.skipped(schedule, times, moment_of(running.planned_ms))
                await self._outcomes.post(schedule, notice, key=f"skipped:{schedule.id}:{ms_of(times[0])}")
            return {ms_of(one): "skipped" for one in times}
        for planned in times:
            await self._enqueue(Fire.planned_at(schedule, planned))
        return {ms_of(one): "fired" for one in times}

    async def _fire_waiting(self, schedule: Schedule) -> None:
        """Fire what waits its turn: all of it at once where fires may overlap, else one when none runs."""
        waiting = await self._fires.waiting(schedule.id, "due")
        if waiting and schedule.overlap != "parallel":
            waiting = [] if await self._outcomes.running(schedule) else waiting[:1]
        for planned_ms in waiting:
            await self._enqueue(replace(Fire.planned_at(schedule, moment_of(planned_ms)), not_after=None))
            now_ms = ms_of(self._clock.now())
            await self._rows.record(schedule.id, {planned_ms: "fired"}, now_ms=now_ms, advance=False)
            _report(schedule, {planned_ms: "fired"})

    async def _tell(self, schedule: Schedule, choice: Choice, *, made_up: Sequence[datetime]) -> None:
        if choice.missed:
            key = f"missed:{schedule.id}:{ms_of(choice.missed[-1])}"
            await self._outcomes.post(
                schedule, notices.missed(schedule, choice.missed, made_up=made_up), key=key
            )
        if choice.asked:
            key = f"asked:{schedule.id}:{ms_of(choice.asked[-1])}"
            await self._outcomes.post(schedule, notices.asked(schedule, choice.asked), key=key)

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
        try:
            return await run.step("accept", self._post, payload)
        except RunError as error:
            await run.step("unheard", self._unheard, payload, str(error))
            raise

    async def _post(self, payload: Json) -> Json:
        fire = Fire.from_json(payload)
        event = fire.event(self._clock.now())
        pause_s = FIRST_PAUSE_S
        while True:
            if fire.not_after is not None and self._clock.now() > fire.not_after:
                return await self._too_late(fire)
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

    async def _too_late(self, fire: Fire) -> Json:
        schedule = await self._rows.get(fire.schedule_id)
        if schedule is not None:
            planned_ms = ms_of(fire.planned)
            await self._fires.ended(
                schedule.id, planned_ms, "late", reason="held up too long", now_ms=ms_of(self._clock.now())
            )
            notice = notices.missed(schedule, [fire.planned], made_up=())
            await self._outcomes.post(schedule, notice, key=f"missed:{schedule.id}:{planned_ms}")
        return {"accepted": False}

    async def _unheard(self, payload: Json, reason: str) -> Json:
        fire = Fire.from_json(payload)
        schedule = await self._rows.get(fire.schedule_id)
        if schedule is not None and fire.is_planned:
            await self._outcomes.unheard(schedule, ms_of(fire.planned), reason)
        return None


def _is_passing(error: QuarterdeckError) -> bool:
    return isinstance(error, Busy) or (isinstance(error, ServiceError) and error.retryable)


def _report(schedule: Schedule, outcomes: Mapping[int, str]) -> None:
    for outcome in sorted(set(outcomes.values())):
        times = [planned for planned, became in outcomes.items() if became == outcome]
        metrics.SCHEDULE_FIRES.add(len(times), outcome=outcome)
        level = logging.INFO if outcome == "fired" else logging.WARNING
        log.log(
            level,
            "Planned times were dealt with",
            extra={"schedule": schedule.id, "outcome": outcome, "times": len(times)},
        )
