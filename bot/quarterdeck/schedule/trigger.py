"""Say when a schedule fires: five-field cron, `every 10m`, or one moment; cron lines may be joined by `; `.

Cron lines are read as Debian's cron reads them, in the schedule's own time zone:

- Weekdays are 1 to 7 from Monday to Sunday, 0 is Sunday too; names are `mon` … `sun`; ranges may go
  round Sunday (`fri-mon`).
- Day of month and day of week: when both are restricted, either is enough; a field that begins with `*`
  leaves it to the other.
- When clocks go forward, a line that names its minutes and hours fires once, at the first minute after the
  gap, for all of its times inside it; when they go back, it fires once, at the first of the two.
- A line whose minutes or hours begin with `*` goes by elapsed time: it fires at every real minute that
  matches.

Intervals are counted in elapsed time from 1970-01-01T00:00Z, so that they need no memory: `every 10m` is at
:00, :10, :20. All times are aware and in UTC unless something else is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from quarterdeck.core.errors import UsageError
from quarterdeck.core.text import nearest
from quarterdeck.core.value import dataclass

LONGEST = 400  # characters of a trigger
MOST_LINES = 24
LEAST_INTERVAL_S = 60
LONGEST_INTERVAL_S = 366 * 86_400
SECOND = timedelta(seconds=1)
CHANGES_APART = timedelta(days=1)  # no zone changes its offset twice within a day
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEKDAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
UNITS_S = {"m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
HOW = (
    'write five fields such as "0 9 * * mon-fri", "every 10m", or a moment such as 2027-01-31T09:00:00+01:00'
)
WINDOWS = tuple(timedelta(hours=hours) for hours in (1, 24, 24 * 31, 24 * 366, 24 * 366 * 60))


class Trigger(Protocol):
    """Know the planned times of a schedule."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time later than `moment`, or None when there is none."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Fire when the zone's clock matches five fields."""

    line: str
    zone: ZoneInfo
    _expression: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_expression", _expression(self.line))

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time later than `moment`, or None when none comes in 50 years."""
        goes_by_elapsed_time = any(text.startswith("*") for text in self.line.split()[:2])
        return self._by_elapsed_time(moment) if goes_by_elapsed_time else self._by_the_wall(moment)

    def _by_the_wall(self, moment: datetime) -> datetime | None:
        for local in CronSim(self._expression, moment.astimezone(self.zone)):
            planned = local.astimezone(UTC)
            if planned > moment:  # in the second run of a repeated hour, CronSim begins with the first
                return planned
        return None

    def _by_elapsed_time(self, moment: datetime) -> datetime | None:
        """Go from one change of the zone's offset to the next; between them the clock on the wall is even.

        CronSim's own way steps by whole hours, and misses times where clocks change by half of one.
        """
        start = moment.replace(microsecond=0) + SECOND
        while True:
            offset = _offset(self.zone, start)
            wall = (start + offset - SECOND).replace(tzinfo=None)
            local = next(CronSim(self._expression, wall), None)
            if local is None:
                return None
            planned = local.replace(tzinfo=UTC) - offset
            change = _change(self.zone, start, planned)
            if change is None:
                return planned
            start = change


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def clock_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """Return the first second in (`start`, `end`] at which the zone's clocks show another offset, None: no change."""
    return _change(zone, start.replace(microsecond=0), end)


def _change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """Return the first second in (`start`, `end`] at which the zone has another offset than at `start`."""
    offset = _offset(zone, start)
    while start < end:
        following = min(start + CHANGES_APART, end)
        if _offset(zone, following) != offset:
            while following - start > SECOND:
                middle = start + (following - start) // 2 // SECOND * SECOND
                start, following = (middle, following) if _offset(zone, middle) == offset else (start, middle)
            return following
        start = following
    return None


@dataclass(frozen=True, slots=True)
class Interval:
    """Fire at the multiples of `every_s` seconds since the epoch."""

    every_s: int

    def after(self, moment: datetime) -> datetime | None:
        """Return the first multiple later than `moment`."""
        passed = (moment - EPOCH) // timedelta(seconds=self.every_s)
        return EPOCH + timedelta(seconds=self.every_s * (passed + 1))


@dataclass(frozen=True, slots=True)
class Once:
    """Fire at one moment."""

    at: datetime

    def after(self, moment: datetime) -> datetime | None:
        """Return the moment while it lies ahead."""
        return self.at if self.at > moment else None


@dataclass(frozen=True, slots=True)
class Either:
    """Fire when any of several lines does; at a time that several name, once."""

    lines: tuple[Cron, ...]

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time of any line later than `moment`."""
        return min((planned for line in self.lines if (planned := line.after(moment))), default=None)


def parse(text: str, timezone: str) -> Trigger:
    """Read a trigger in its stored form; cron lines go by the clock of `timezone`.

    Raises:
        UsageError: the trigger has another form, fires more often than once a minute, or the zone is unknown.
    """
    zone = zone_of(timezone)
    text = canonical(text)
    if len(text) > LONGEST:
        raise UsageError(f"a trigger has at most {LONGEST} characters", hint=HOW)
    if text.startswith("every"):
        return _interval(text)
    if re.match(r"\d{4}-\d", text):
        return _once(text)
    lines = tuple(Cron(line.strip(), zone) for line in text.split(";"))
    if len(lines) > MOST_LINES:
        raise UsageError(f"a trigger has at most {MOST_LINES} cron lines", hint=HOW)
    return lines[0] if len(lines) == 1 else Either(lines)


def canonical(text: str) -> str:
    """Return the trigger in lower case with single spaces; a moment keeps its letters."""
    text = " ".join(text.split())
    return text if re.match(r"\d{4}-\d", text) else text.lower()


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA time zone.

    Raises:
        UsageError: there is none of this name; the hint names the nearest.
    """
    known = available_timezones()
    if name not in known:
        by_lower = {zone.lower(): zone for zone in known}
        city_of = {zone.rpartition("/")[2].lower(): zone for zone in sorted(known, reverse=True)}
        match = nearest(name, by_lower) or nearest(name.rpartition("/")[2], city_of)
        guess = by_lower.get(match or "") or city_of.get(match or "")
        hint = f"did you mean {guess!r}?" if guess else "write an IANA name such as Europe/Berlin or UTC"
        raise UsageError(f"{name!r} is not a time zone", hint=hint)
    return ZoneInfo(name)


def times(trigger: Trigger, after: datetime) -> Iterator[datetime]:
    """Yield the planned times later than `after`, in order."""
    moment = trigger.after(after)
    while moment is not None:
        yield moment
        moment = trigger.after(moment)


def latest(trigger: Trigger, *, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """Return the last planned times in (`after`, `until`], at most `limit`, in order.

    Looks back from `until` in growing windows, so that years of downtime do not cost years of steps.
    """
    found: list[datetime] = []
    for window in WINDOWS:
        start = max(after, until - window)
        found = list(_until(times(trigger, start), until))
        if len(found) >= limit or start == after:
            break
    return found[-limit:]


def preview(text: str, timezone: str, *, after: datetime, count: int = 5) -> list[datetime]:
    """Return the next planned times, in the zone.

    Raises:
        UsageError: trigger or zone is wrong.
    """
    zone = zone_of(timezone)
    return [moment.astimezone(zone) for moment in islice(times(parse(text, timezone), after), count)]


def _until(moments: Iterator[datetime], until: datetime) -> Iterator[datetime]:
    for moment in moments:
        if moment > until:
            return
        yield moment


def _interval(text: str) -> Interval:
    match = re.fullmatch(r"every (\d{1,9}) ?([a-z]+)", text)
    unit_s = UNITS_S.get(match[2]) or UNITS_S.get(match[2].removesuffix("s")) if match else None
    if match is None or unit_s is None:
        raise UsageError(f"{text!r} is not an interval", hint="write every 10m, every 2h or every 1d")
    every_s = int(match[1]) * unit_s
    if not LEAST_INTERVAL_S <= every_s <= LONGEST_INTERVAL_S:
        raise UsageError(f"{text!r} is out of range", hint="an interval is from one minute to 366 days")
    return Interval(every_s)


def _once(text: str) -> Once:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return Once(moment.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a moment: {error}", hint=HOW) from error
    raise UsageError(f"{text!r} lacks its offset from UTC", hint=f"write {text}+01:00, or {text}Z for UTC")


def _expression(line: str) -> str:
    fields = line.split()
    if len(fields) != 5:
        raise UsageError(f"{line!r} has {len(fields)} fields; cron lines have five", hint=HOW)
    try:
        expression = " ".join([*fields[:4], _weekdays(fields[4])])
        CronSim(expression, EPOCH)
    except (CronSimError, ValueError) as error:
        raise UsageError(f"{line!r} is not a cron line: {str(error).lower()}", hint=HOW) from error
    return expression


def _weekdays(text: str) -> str:
    return ",".join(_weekday_term(term) for term in text.split(","))


def _weekday_term(term: str) -> str:
    """Write one term of the weekday field as CronSim takes it: in numbers, no range going round Sunday."""
    days, slash, step = term.partition("/")
    if days.startswith("*"):
        return term
    name, mark, which = days.partition("#")
    if mark:
        return f"{_weekday(name)}#{which}{slash}{step}"
    first, dash, last = days.partition("-")
    if not dash:
        is_last_of_month = days not in WEEKDAYS and days.endswith("l")
        return f"{_weekday(days[:-1])}L" if is_last_of_month else f"{_weekday(days)}{slash}{step}"
    if slash and not re.fullmatch("[1-7]", step):
        raise ValueError("bad day-of-week")
    start, end = _weekday(first), _weekday(last)
    if end < start:
        end += 7
    chosen = range(start, end + 1, int(step or 1))
    return ",".join(str(day if day <= 7 else day - 7) for day in chosen)


def _weekday(name: str) -> int:
    if name in WEEKDAYS:
        return WEEKDAYS[name]
    if re.fullmatch("[0-7]", name):
        return int(name)
    raise ValueError("bad day-of-week")
