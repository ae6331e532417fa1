"""Prove that planned times are the stated ones, above all where clocks jump."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.errors import UsageError
from quarterdeck.schedule.trigger import latest, parse, preview, times

MINUTE = timedelta(minutes=1)
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINES = (
    "0 9 * * 1-5",
    "30 2 * * *",
    "0,30 1-3 * * *",
    "15 0 * * *",
    "*/10 * * * *",
    "0 * * * *",
    "*/30 2 * * *",
    "0 */2 * * *",
    "0 0 1 * *",
    "59 23 28-31 * *",
    "0 12 13 * 5",
    "5 4 29 2 *",
)
ODD_ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",  # half an hour
    "Africa/Cairo",  # at midnight
    "Asia/Beirut",  # at midnight
    "America/Havana",  # at midnight, back at one
    "Africa/Casablanca",  # twice around Ramadan
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Antarctica/Troll",  # two hours
    "America/Scoresbysund",  # moved zone in 2024
)


def oracle_times(line: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return the times in (`after`, `until`], in UTC, by the stated rules, by looking at every minute."""
    fields = line.split()
    found = _specific if not any(text.startswith("*") for text in fields[:2]) else _elapsed
    return sorted({moment for moment in found(fields, zone, after, until) if after < moment <= until})


def _elapsed(fields: list[str], zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Look at every real minute."""
    moment = after.replace(second=0, microsecond=0)
    while moment <= until:
        local = moment.astimezone(zone)
        if _matches(fields, local):
            yield moment
        moment += MINUTE


def _specific(fields: list[str], zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Look at every minute that the clock on the wall could show; the first real one at or after it."""
    wall = after.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0) - timedelta(days=2)
    end = until.astimezone(zone).replace(tzinfo=None) + timedelta(days=2)
    while wall <= end:
        if not _day_matches(fields, wall.date()):
            wall = datetime.combine(wall.date() + timedelta(days=1), datetime.min.time())
            continue
        if _matches(fields, wall):
            yield _first_real(wall, zone)
        wall += MINUTE


def _first_real(wall: datetime, zone: ZoneInfo) -> datetime:
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += MINUTE


def _matches(fields: list[str], local: datetime) -> bool:
    minute, hour, _, _, _ = (_values(text, *bounds) for text, bounds in zip(fields, BOUNDS, strict=True))
    return local.minute in minute and local.hour in hour and _day_matches(fields, local.date())


def _day_matches(fields: list[str], day: date) -> bool:
    if day.month not in _values(fields[3], *BOUNDS[3]):
        return False
    in_month = day.day in _values(fields[2], *BOUNDS[2])
    in_week = bool({day.isoweekday(), day.isoweekday() % 7} & _values(fields[4], *BOUNDS[4]))
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return in_month and in_week
    return in_month or in_week


_cache: dict[tuple[str, int, int], frozenset[int]] = {}


def _values(text: str, low: int, high: int) -> frozenset[int]:
    key = (text, low, high)
    if key not in _cache:
        _cache[key] = frozenset(value for term in text.split(",") for value in _term(term, low, high))
    return _cache[key]


def _term(term: str, low: int, high: int) -> range:
    span, _, step = term.partition("/")
    first, _, last = span.partition("-")
    if first == "*":
        return range(low, high + 1, int(step or 1))
    start = int(first)
    end = int(last) if last else (high if step else start)
    return range(start, end + 1, int(step or 1))


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the moments, to the hour, around which the zone's offset changes."""

    def steps(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
        moments = [start + n * step for n in range((end - start) // step + 1)]
        offsets = [_offset(zone, one) for one in moments]
        return [one for one, here, there in zip(moments, offsets, offsets[1:], strict=False) if here != there]

    days = steps(start, end, timedelta(days=1))
    return [hour for day in days for hour in steps(day, day + timedelta(days=1), timedelta(hours=1))]


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def fired(line: str, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """Return what the trigger says for (`after`, `until`]."""
    found = []
    for moment in times(parse(line, zone.key), after):
        if moment > until:
            break
        found.append(moment)
    return found


@pytest.mark.parametrize("zone_name", ODD_ZONES)
def test_around_every_change_of_clocks_the_times_are_those_of_a_walk_over_all_minutes(zone_name: str) -> None:
    """The gap fires once after it, the repeated hour once; intervals go by elapsed time."""
    zone = ZoneInfo(zone_name)
    for change in changes(zone, datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)):
        after, until = change - timedelta(hours=30), change + timedelta(hours=30)
        for line in LINES:
            expected = oracle_times(line, zone, after, until)

            assert expected == fired(line, zone, after, until), (line, change)


@pytest.mark.slow
def test_in_every_zone_the_next_change_of_clocks_loses_and_doubles_nothing() -> None:
    """All zones, a year, a few lines; zones that change at the same moment by the same are one."""
    seen = set()
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for change in changes(zone, datetime(2026, 11, 21, tzinfo=UTC), datetime(2027, 11, 21, tzinfo=UTC)):
            after, until = change - timedelta(hours=26), change + timedelta(hours=26)
            like = (change, _offset(zone, after), _offset(zone, until))
            if like in seen:
                continue
            seen.add(like)
            for line in ("30 2 * * *", "0,30 0-3 * * *", "*/15 * * * *"):
                expected = oracle_times(line, zone, after, until)

                assert expected == fired(line, zone, after, until), (name, line, change)


def test_where_a_count_starts_does_not_change_the_times() -> None:
    """A restart begins to count anywhere, also inside a gap or a repeated hour."""
    chance = random.Random(11)
    for name in ODD_ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
            for line in LINES:
                whole = fired(line, zone, change - timedelta(hours=30), change + timedelta(hours=30))
                start = change + timedelta(seconds=chance.randrange(-8000, 8000))

                rest = fired(line, zone, start, change + timedelta(hours=30))

                assert [moment for moment in whole if moment > start] == rest, (name, line, start)


def test_a_time_in_the_gap_fires_once_at_the_first_minute_after_it() -> None:
    """Berlin, 28 March 2027: 02:00 to 03:00 do not exist."""
    planned = preview("30 2 * * *", "Europe/Berlin", after=datetime(2027, 3, 27, 12, tzinfo=UTC), count=2)

    expected = ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]
    assert expected == [moment.isoformat() for moment in planned]


def test_a_time_in_the_repeated_hour_fires_once_at_the_first_of_the_two() -> None:
    """Berlin, 31 October 2027: 02:00 to 03:00 come twice."""
    planned = preview("30 2 * * *", "Europe/Berlin", after=datetime(2027, 10, 30, 12, tzinfo=UTC), count=2)

    expected = ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"]
    assert expected == [moment.isoformat() for moment in planned]


def test_a_leap_day_comes_in_leap_years_only() -> None:
    """29 February is the date that counts wrong most often."""
    planned = preview("0 12 29 2 *", "UTC", after=NOON, count=3)

    assert [2028, 2032, 2036] == [moment.year for moment in planned]


@pytest.mark.parametrize(
    ("field", "weekdays"),
    [
        ("mon-fri", [1, 2, 3, 4, 5]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("0", [7]),
        ("7", [7]),
        ("sun", [7]),
        ("sat,sun", [6, 7]),
        ("sat-sun", [6, 7]),
        ("fri-mon", [1, 5, 6, 7]),
        ("sun-thu", [1, 2, 3, 4, 7]),
        ("mon-sun/2", [1, 3, 5, 7]),
        ("MON", [1]),
    ],
)
def test_weekdays_count_from_monday_one_to_sunday_seven_and_zero_is_sunday_too(
    field: str, weekdays: list[int]
) -> None:
    """APScheduler counts from Monday zero, other crons differ: here it is stated, and held to."""
    planned = islice(times(parse(f"0 0 * * {field}", "UTC"), NOON), 14)

    assert weekdays == sorted({moment.isoweekday() for moment in planned})


@pytest.mark.parametrize(
    ("line", "days"), [("0 12 * * fril", ["27", "25", "29"]), ("0 12 * * mon#1", ["07", "04", "01"])]
)
def test_the_last_and_the_first_weekday_of_a_month_can_be_named(line: str, days: list[str]) -> None:
    """CronSim knows them by number only."""
    planned = preview(line, "UTC", after=NOON, count=3)

    assert days == [f"{moment:%d}" for moment in planned]


def test_an_interval_counts_elapsed_time_from_the_epoch() -> None:
    """So it needs no memory, and clocks going forward do not stretch it."""
    planned = preview("every 90m", "Europe/Berlin", after=datetime(2027, 3, 28, 0, 10, tzinfo=UTC), count=3)

    expected = ["2027-03-28T03:30:00+02:00", "2027-03-28T05:00:00+02:00", "2027-03-28T06:30:00+02:00"]
    assert expected == [moment.isoformat() for moment in planned]


def test_a_moment_fires_once() -> None:
    """The third form of a trigger."""
    planned = preview("2027-01-31T09:00:00+01:00", "Europe/Berlin", after=NOON)

    assert ["2027-01-31T09:00:00+01:00"] == [moment.isoformat() for moment in planned]


@pytest.mark.parametrize(
    ("trigger", "zone", "words"),
    [
        ("0 9 * *", "UTC", "five"),
        ("0 0 9 * * *", "UTC", "five"),
        ("61 9 * * *", "UTC", "minute"),
        ("0 9 31 2 *", "UTC", "day"),
        ("0 9 * * someday", "UTC", "day-of-week"),
        ("0 9 * * 1-5/0", "UTC", "day-of-week"),
        ("every 30s", "UTC", "interval"),
        ("every 0m", "UTC", "out of range"),
        ("every 400d", "UTC", "out of range"),
        ("2027-01-31T09:00:00", "UTC", "offset"),
        ("2027-13-31T09:00:00Z", "UTC", "moment"),
        ("9999-12-31T23:59:59-12:00", "UTC", "moment"),
        ("0 9 * * *", "Europe/Berln", "time zone"),
        ("0 9 * * *", "../../etc/passwd", "time zone"),
        ("0 9 * * *" + ",1" * 200, "UTC", "at most"),
    ],
)
def test_a_wrong_trigger_is_refused_with_what_is_wrong(trigger: str, zone: str, words: str) -> None:
    """And nothing fires more often than once a minute."""
    with pytest.raises(UsageError, match=words) as caught:
        parse(trigger, zone)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Europe/Berln", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin"), ("Berlin", "Europe/Berlin")],
)
def test_the_nearest_time_zone_is_named(name: str, hint: str) -> None:
    """People write cities."""
    with pytest.raises(UsageError) as caught:
        parse("0 9 * * *", name)

    assert f"did you mean '{hint}'?" == caught.value.hint


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser(text: str) -> None:
    """People type anything: a trigger or a refusal, nothing else."""
    with suppress(UsageError):
        parse(text, "UTC")


def test_the_latest_times_of_years_are_found_without_walking_through_them() -> None:
    """A bot that was down for a year still starts at once."""
    steps = 0

    class Counting:
        def after(self, moment: datetime) -> datetime | None:
            nonlocal steps
            steps += 1
            return parse("* * * * *", "UTC").after(moment)

    found = latest(Counting(), after=datetime(2000, 1, 1, tzinfo=UTC), until=NOON, limit=3)

    assert [NOON - timedelta(minutes=2), NOON - timedelta(minutes=1), NOON] == found
    assert steps < 100


@pytest.mark.parametrize("line", ["0 9 * * *", "0 0 1 * *", "0 0 29 2 *", "every 7d"])
def test_the_latest_times_are_the_last_of_all(line: str) -> None:
    """Looking back in windows must not lose rare ones."""
    start = datetime(2015, 1, 1, tzinfo=UTC)
    everything = fired(line, ZoneInfo("UTC"), start, NOON)

    assert everything[-2:] == latest(parse(line, "UTC"), after=start, until=NOON, limit=2)
