"""Prove what becomes of fires that overlap, are late, are asked about, or fail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound
from quarterdeck.core.reply import Reply
from quarterdeck.core.schedule import FireRow
from quarterdeck.schedule.moments import ms_of


async def end_all(bench: Any, status: str = "answered") -> list[Reply | None]:
    """Let every fire that reached the inbox be answered."""
    replies = [
        await bench.ends.answered(event, Reply(text="told", status=status))
        for event in list(bench.inbox.events.values())
    ]
    await bench.settled()
    return replies


def held(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every fire that is not answered yet wait in the inbox."""

    async def is_waiting(platform: str, workspace: str, event_id: str) -> bool:
        return event_id in bench.inbox.events

    monkeypatch.setattr(bench.fires, "is_waiting", is_waiting)


async def outcomes(bench: Any, schedule: Any) -> list[str]:
    """Return what became of the planned times, oldest first."""
    return [row.outcome for row in reversed(await bench.fires.latest(schedule.id, 100))]


@pytest.mark.parametrize(
    ("overlap", "expected", "stopped"),
    [
        ("skip", ["fired", "skipped", "skipped"], 0),
        ("queue", ["fired", "due", "due"], 0),
        ("parallel", ["fired", "fired", "fired"], 0),
        ("cancel", ["fired", "fired", "fired"], 2),
    ],
)
async def test_a_fire_that_still_runs_is_dealt_with_as_the_schedule_says(
    bench: Any, monkeypatch: pytest.MonkeyPatch, overlap: str, expected: list[str], stopped: int
) -> None:
    """U10: three minutes, and nobody answers."""
    held(bench, monkeypatch)
    schedule = await bench.add("* * * * *", overlap=overlap)
    async with bench.serving():
        await bench.pass_minutes(3)

        assert expected == await outcomes(bench, schedule)
        assert stopped == len(bench.cancelled)
        assert (1 if overlap == "skip" else 0) == sum("**Skipped**" in text for text in bench.outbox.texts)


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel"])
async def test_a_time_that_another_process_has_just_fired_is_not_taken_for_an_earlier_fire(
    bench: Any, monkeypatch: pytest.MonkeyPatch, overlap: str
) -> None:
    """Two processes find it due; the slower one neither stops nor skips what the faster one has begun."""
    schedule = await bench.add("1 9 * * *", overlap=overlap)
    planned_ms = ms_of(datetime(2026, 11, 21, 9, 1, tzinfo=UTC))
    asked = asyncio.Event()
    async with bench.serving():

        async def running(_schedule: Any) -> FireRow:
            await bench.rows.record(schedule.id, {planned_ms: "fired"}, now_ms=planned_ms)
            asked.set()
            (row,) = await bench.fires.latest(schedule.id, 1)
            return row

        monkeypatch.setattr(bench.ends, "running", running)
        await bench.clock.advance(60)
        await asked.wait()
        await bench.settled()

        assert ["fired"] == await outcomes(bench, schedule)
        assert ([], [], []) == (bench.cancelled, bench.outbox.texts, bench.inbox.planned)


async def test_what_waits_its_turn_fires_when_the_one_before_has_ended(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time, in order, none lost."""
    held(bench, monkeypatch)
    schedule = await bench.add("1-3 9 * * *", overlap="queue")
    async with bench.serving():
        await bench.pass_minutes(3)
        seen = []
        for _ in range(3):
            seen.append(bench.inbox.planned[-1])
            await end_all(bench)
            async with asyncio.timeout(20):
                while len(bench.inbox.events) == len(seen) and len(seen) < 3:
                    await bench.clock.advance(5)
                    await asyncio.sleep(0.01)

        assert ["09:01", "09:02", "09:03"] == seen
        assert ["fired"] * 3 == await outcomes(bench, schedule)


async def test_missed_times_wait_for_a_person_and_the_first_word_counts(bench: Any) -> None:
    """Asked once, over restarts; two presses are one decision."""
    schedule = await bench.add("1-3 9 * * *", misfire="ask")
    await bench.clock.advance(11 * 60)
    for _ in range(2):
        async with bench.serving():
            await bench.settled()
    (asked,) = bench.outbox.sent.values()
    values = [button.value for button in asked.card.buttons]
    last_ms = int(values[0].split()[-1])
    async with bench.serving():
        decided = await bench.orders.catch_up(schedule.id, "once", up_to_ms=last_ms)
        with pytest.raises(NotFound, match="decided already"):
            await bench.orders.catch_up(schedule.id, "all", up_to_ms=last_ms)
        await bench.inbox.until(1)

    assert ["once", "all", "skip"] == [value.split()[3] for value in values]
    assert (1, 2) == decided
    assert ["09:03"] == bench.inbox.planned
    assert ["missed", "missed", "fired"] == await outcomes(bench, schedule)


async def test_what_is_later_than_the_limit_is_missed_whatever_the_rule(bench: Any) -> None:
    """Ten minutes of downtime, five allowed."""
    await bench.add("1-10 9 * * *", misfire="all", lateness_s=300)
    await bench.clock.advance(11 * 60)
    async with bench.serving():
        await bench.settled()

    assert ["09:07", "09:08", "09:09", "09:10"] == bench.inbox.planned
    assert ["**Missed**" in text for text in bench.outbox.texts] == [True]


async def test_at_most_so_many_missed_times_are_made_up_for(bench: Any) -> None:
    """`all <= 2`: the latest two, and the rest is posted as missed."""
    await bench.add("1-10 9 * * *", misfire="all ≤ 2")
    await bench.clock.advance(12 * 60)
    async with bench.serving():
        await bench.settled()

    assert ["09:09", "09:10"] == bench.inbox.planned
    assert "and 7 more times" in bench.outbox.texts[0]


async def test_a_row_of_failures_is_one_alert_and_one_recovery(bench: Any) -> None:
    """U4, and the same end told twice after a crash is the same."""
    schedule = await bench.add("1-9 9 * * *")
    async with bench.serving():
        said = []
        for minute in range(1, 10):
            await bench.pass_minutes(1)
            event = next(one for one in bench.inbox.events.values() if f"09:0{minute}" in one.id)
            status = "answered" if minute == 9 else "error"
            for _ in range(2):
                said.append(await bench.ends.answered(event, Reply(text="text", status=status)))
        shown = await bench.rows.get(schedule.id)

    assert ["I say so once" in said[0].text, "I say so once" in said[1].text] == [True, True]
    assert [None] * 14 == said[2:16]
    assert ["text", "text"] == [reply.text for reply in said[16:]]
    assert ["failed 8 times since" in text for text in bench.outbox.texts] == [True]
    assert (None, 0) == (shown.failing_since_ms, shown.failures)


async def test_a_change_of_the_trigger_fires_nothing_that_has_passed(bench: Any) -> None:
    """The new order counts from now."""
    from quarterdeck.core.schedule import Changes

    schedule = await bench.add("0 12 * * *", misfire="all")
    await bench.clock.advance(30 * 60)
    await bench.orders.edit(schedule.id, Changes(trigger="*/10 * * * *"), by=schedule.owner)
    async with bench.serving():
        await bench.pass_minutes(10)

    assert ["09:40"] == bench.inbox.planned


async def test_of_a_thousand_edits_of_one_version_one_wins(bench: Any) -> None:
    """F30: compare and set; all others are told."""
    from quarterdeck.core.errors import UsageError
    from quarterdeck.core.schedule import Changes

    schedule = await bench.add("* * * * *")
    edits = [
        bench.orders.edit(
            schedule.id, Changes(what=f"/ping {number}"), by=schedule.owner, version=schedule.version
        )
        for number in range(1000)
    ]
    results = await asyncio.gather(*edits, return_exceptions=True)
    stored = await bench.orders.get(schedule.id)

    won = [one for one in results if not isinstance(one, UsageError)]
    assert [stored] == won
    assert 2 == stored.version


async def test_a_one_time_schedule_is_forgotten_a_week_later(bench: Any) -> None:
    """The list shows what is to come."""
    await bench.add("2026-11-21T09:02:00Z")
    async with bench.serving():
        await bench.pass_minutes(3)
    bench.clock._now += timedelta(days=8)
    async with bench.serving():
        await bench.settled()

    assert [] == await bench.rows.all()
    assert ms_of(bench.clock.now())
