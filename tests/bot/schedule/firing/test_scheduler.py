"""Prove that each planned time fires once: on time, late, after downtime, and when things break in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from quarterdeck.core.errors import Busy, Denied, Unavailable
from quarterdeck.runtime import faults


async def test_a_planned_time_says_the_line_in_the_owners_name(bench: Any) -> None:
    """It goes the ordinary way, so it must look like something said, and say where it comes from."""
    schedule = await bench.add("1 9 * * *")
    async with bench.serving():
        await bench.clock.advance(60)
        (event,) = await bench.inbox.until(1)

    assert f"cron:{schedule.id}:2026-11-21T09:01:00+00:00" == event.id
    assert ("/digest", schedule.owner, schedule.conversation, False) == (
        event.message.text,
        event.actor,
        event.conversation,
        event.is_bot,
    )
    assert f"schedule:{schedule.id}" == event.origin
    assert {"schedule": schedule.id, "planned": "2026-11-21T09:01:00+00:00"} == event.message.raw


async def test_every_minute_fires_once(bench: Any) -> None:
    """The plainest schedule."""
    await bench.add("* * * * *")
    async with bench.serving():
        await bench.pass_minutes(5)

    assert ["09:01", "09:02", "09:03", "09:04", "09:05"] == bench.inbox.planned


async def test_restarts_at_the_firing_instant_lose_and_double_nothing(bench: Any) -> None:
    """Stopped and started around each planned time, at another moment each time."""
    await bench.add("* * * * *")
    for restart in range(12):
        async with bench.serving():
            await bench.clock.advance(30)
            for _ in range(restart):
                await asyncio.sleep(0.002)
    async with bench.serving():
        await bench.settled()

    assert [f"09:{minute:02}" for minute in range(1, 7)] == bench.inbox.planned


@pytest.mark.parametrize(
    ("misfire", "planned"),
    [("skip", []), ("once", ["09:10"]), ("all", [f"09:{minute:02}" for minute in range(1, 11)])],
)
async def test_after_downtime_missed_times_are_made_up_for_as_the_schedule_says(
    bench: Any, misfire: str, planned: list[str]
) -> None:
    """Ten minutes of downtime, and a restart 90 s after the last planned time."""
    await bench.add("1-10 9 * * *", misfire=misfire)
    await bench.clock.advance(11 * 60)
    async with bench.serving():
        await bench.settled()

    assert planned == bench.inbox.planned


async def test_missed_times_are_written_down_as_missed(bench: Any) -> None:
    """So that somebody can see what did not happen."""
    schedule = await bench.add("1-3 9 * * *", misfire="skip")
    await bench.clock.advance(11 * 60)
    async with bench.serving():
        await bench.settled()

    stored = await bench.rows.get(schedule.id)
    minutes = [bench.clock.now().replace(minute=minute, second=0) for minute in (1, 2, 3)]
    assert set() == await bench.outcomes(schedule, minutes)
    assert int(minutes[-1].timestamp() * 1000) == stored.last_at_ms


async def test_a_long_sleep_of_the_machine_is_downtime(bench: Any) -> None:
    """A laptop that was closed for a night posts once, not 480 times."""
    await bench.add("* * * * *")
    async with bench.serving():
        bench.clock._now += timedelta(hours=8)
        await bench.clock.advance(30)
        await bench.settled()
        late = bench.inbox.planned

    assert ["16:57", "16:58", "16:59", "17:00", "17:01"] == late[-5:]
    assert len(late) <= 6


async def test_a_short_hold_up_is_not_downtime(bench: Any) -> None:
    """The disk was slow for two minutes: both times still come."""
    await bench.add("* * * * *", misfire="skip")
    async with bench.serving():
        await bench.settled()
        bench.clock._now += timedelta(minutes=2)
        await bench.clock.advance(30)
        await bench.settled()

    assert ["09:01", "09:02", "09:03"] == bench.inbox.planned


async def test_a_clock_that_is_set_back_repeats_nothing_and_goes_on(bench: Any) -> None:
    """An hour forward by mistake, and back again."""
    await bench.add("*/10 * * * *")
    async with bench.serving():
        bench.clock._now += timedelta(hours=1)
        await bench.clock.advance(30)
        await bench.settled()
        ahead = bench.inbox.planned
        bench.clock._now -= timedelta(hours=1)
        for _ in range(122):
            await bench.clock.advance(30)
            await asyncio.sleep(0.01)
        await bench.inbox.until(6)

    assert ["10:00"] == ahead
    assert ["09:10", "09:20", "09:30", "09:40", "09:50", "10:00"] == bench.inbox.planned[:6]
    assert len(set(bench.inbox.planned)) == len(bench.inbox.planned)


async def test_a_paused_schedule_neither_fires_nor_catches_up(bench: Any) -> None:
    """Paused is paused, also across a restart."""
    schedule = await bench.add("* * * * *", misfire="all")
    async with bench.serving():
        await bench.pass_minutes(1)
        await bench.orders.pause(schedule.id, paused=True)
        await bench.pass_minutes(3)
    async with bench.serving():
        await bench.pass_minutes(2)
        await bench.orders.pause(schedule.id, paused=False)
        await bench.pass_minutes(1)

    assert ["09:01", "09:07"] == bench.inbox.planned


async def test_a_change_takes_effect_at_once(bench: Any) -> None:
    """Added and removed while it runs."""
    async with bench.serving():
        await bench.pass_minutes(1)
        schedule = await bench.add("* * * * *")
        await bench.pass_minutes(2)
        await bench.orders.remove(schedule.id)
        await bench.pass_minutes(2)

    assert ["09:02", "09:03"] == bench.inbox.planned


async def test_one_moment_fires_once_and_stays_quiet(bench: Any) -> None:
    """A date has no next time; a restart must not find it again."""
    await bench.add("2026-11-21T09:02:00Z")
    async with bench.serving():
        await bench.pass_minutes(5)
    async with bench.serving():
        await bench.pass_minutes(2)

    assert ["09:02"] == bench.inbox.planned


async def test_a_full_inbox_is_tried_again(bench: Any) -> None:
    """The fire is on disk; it waits for room."""
    bench.inbox.refusals = [Busy("full"), Unavailable("slow", service="database")]
    await bench.add("1 9 * * *")
    async with bench.serving():
        await bench.clock.advance(60)
        await bench.clock.wait_for_sleepers(2)
        for _ in range(200):
            if bench.inbox.events:
                break
            await bench.clock.advance(1)
            await asyncio.sleep(0.01)

    assert ["09:01"] == bench.inbox.planned


async def test_a_fire_that_is_refused_for_good_fails_its_run(bench: Any) -> None:
    """It shows in `workflow runs`, and the next one comes."""
    bench.inbox.refusals = [Denied("no")]
    await bench.add("* * * * *")
    async with bench.serving():
        await bench.clock.advance(60)
        while not [run for run in await bench.durables[-1].list() if run.state == "failed"]:
            await asyncio.sleep(0.02)
        await bench.clock.advance(60)
        await bench.inbox.until(1)

    assert ["09:02"] == bench.inbox.planned


@pytest.mark.parametrize(
    "point", ["run.enqueued.before", "run.enqueued", "schedule.fired.before", "schedule.fired"]
)
async def test_a_failure_at_any_write_loses_and_doubles_nothing(bench: Any, point: str) -> None:
    """The supervisor starts the scheduler again; the mark says where to go on."""
    await bench.add("* * * * *")
    faults.arm(f"{point}:2:raise", testing=True)
    try:
        async with bench.serving():
            await bench.pass_minutes(1)
            await bench.clock.advance(60)
            await asyncio.sleep(0.3)
    finally:
        faults.arm("", testing=True)
    async with bench.serving():
        await bench.settled()
        await bench.pass_minutes(1)

    assert 1 == len(bench.failures)
    bench.failures.clear()
    assert ["09:01", "09:02", "09:03"] == bench.inbox.planned


async def test_a_schedule_that_cannot_be_read_does_not_stop_the_others(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zone may leave the time zone database with an update of the machine."""
    await bench.add("* * * * *")
    broken = await bench.add("* * * * *")
    monkeypatch.setattr("quarterdeck.schedule.trigger.available_timezones", lambda: {"UTC"})
    await bench.store.write("schedule.added", lambda connection: _break(connection, broken.id))
    async with bench.serving():
        await bench.clock.advance(60)
        await bench.inbox.until(1)

    assert ["09:01"] == bench.inbox.planned


def _break(connection: Any, schedule_id: str) -> None:
    from sqlalchemy import update

    from quarterdeck.store.tables import schedules

    connection.execute(
        update(schedules).where(schedules.c.id == schedule_id).values(timezone="Atlantis/Capital")
    )


async def test_a_thousand_edits_at_once_leave_one_truth(bench: Any) -> None:
    """Chat, dashboard and command line edit the same schedule: what is stored is what fires."""
    schedule = await bench.add("* * * * *")
    async with bench.serving():
        edits = [bench.orders.pause(schedule.id, paused=bool(number % 2)) for number in range(1000)]
        await asyncio.gather(*edits)
        await bench.orders.pause(schedule.id, paused=False)
        await bench.pass_minutes(3)

    assert ["09:01", "09:02", "09:03"] == bench.inbox.planned
