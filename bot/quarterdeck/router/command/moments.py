"""Read moments and durations as people write them, without a model.

    2026-11-21 14:00        tomorrow 9:00       friday 5:30pm       14:00        in 20 minutes       now
    2026-11-21T14:00+01:00  tomorrow 9:00 Europe/Berlin             90s  1h30m  2 days  1 hour 30 minutes

A moment without a zone is meant by the clock of the zone that applies where it is written. One that the clocks skip
in spring is the moment an hour later; of one that comes twice in autumn it is the first.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from quarterdeck.core.duration import LONGEST_S as LONGEST_S
from quarterdeck.core.duration import LONGEST_TEXT as LONGEST_TEXT
from quarterdeck.core.duration import read_duration as read_duration

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK_WORDS = {"noon": time(12), "midnight": time(0)}


def read_moment(text: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the aware moment in its zone, or None when `text` is none, lacks its time, or lies out of all range."""
    text = text.strip()
    if len(text) > LONGEST_TEXT or not text.isascii():
        return None
    words = text.split()
    if len(words) > 1 and (named := _zone(words[-1])):
        zone, words = named, words[:-1]
    try:
        return _moment(words, now.astimezone(zone), zone)
    except (OverflowError, ValueError):
        return None


def _moment(words: list[str], now: datetime, zone: ZoneInfo) -> datetime | None:
    text = " ".join(words).lower()
    if text == "now":
        return now
    if text.startswith("in "):
        seconds = read_duration(text.removeprefix("in "))
        return None if seconds is None else _later(now, seconds, zone)
    written = _written(" ".join(words))
    if written is not None:
        return _on_the_clock(written, zone)
    return _spoken([word for word in text.split() if word not in ("at", "on")], now, zone)


def _written(text: str) -> datetime | None:
    """Read ISO 8601 with a time of day."""
    try:
        moment = datetime.fromisoformat(text.upper() if "t" in text or "z" in text else text)
    except ValueError:
        return None
    return moment if ":" in text else None


def _spoken(words: list[str], now: datetime, zone: ZoneInfo) -> datetime | None:
    """Read `[DAY] TIME`; without a day, the next time that the clock shows it."""
    day = words[0] if words and not words[0][0].isdigit() and words[0] not in _CLOCK_WORDS else ""
    clock = _clock("".join(words[1:] if day else words))
    if clock is None:
        return None
    days = {"": 0, "today": 0, "tomorrow": 1}
    if day in days:
        moment = _at(now.date(), days[day], clock, zone)
        return _at(now.date(), 1, clock, zone) if not day and moment <= now else moment
    weekday = next((n for n, name in enumerate(_DAYS) if day in (name, name[:3])), None)
    if weekday is None:
        return None
    ahead = (weekday - now.weekday()) % 7
    moment = _at(now.date(), ahead, clock, zone)
    return moment if moment > now else _at(now.date(), ahead + 7, clock, zone)


def _clock(text: str) -> time | None:
    """Read 9:00, 17:30:15, 9am, 5:30pm, noon, midnight."""
    if text in _CLOCK_WORDS:
        return _CLOCK_WORDS[text]
    half = text[-2:] if text[-2:] in ("am", "pm") else ""
    parts = text.removesuffix(half).split(":")
    if not all(part.isdecimal() and len(part) <= 2 for part in parts) or len(parts) > 3:
        return None
    numbers = [int(part) for part in parts]
    if not half and len(numbers) == 1:
        return None  # a bare number says no time
    if half:
        if not 1 <= numbers[0] <= 12:
            return None
        numbers[0] = numbers[0] % 12 + (12 if half == "pm" else 0)
    hour, minute, second = [*numbers, 0, 0][:3]
    return time(hour, minute, second)


def _at(day: date, ahead: int, clock: time, zone: ZoneInfo) -> datetime:
    return _on_the_clock(datetime.combine(day + timedelta(days=ahead), clock), zone)


def _on_the_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """Give a naive moment its zone; going by UTC and back moves one out of the gap in spring."""
    if moment.tzinfo is not None:
        return moment
    return datetime.fromtimestamp(moment.replace(tzinfo=zone).timestamp(), zone)


def _later(now: datetime, seconds: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(now.timestamp() + seconds, zone)


def _zone(word: str) -> ZoneInfo | None:
    named = _zones().get(word.lower())
    return ZoneInfo(named) if named else None


@cache
def _zones() -> dict[str, str]:
    names = {name.lower(): name for name in available_timezones() if "/" in name}
    return names | {"utc": "UTC", "gmt": "UTC"}
