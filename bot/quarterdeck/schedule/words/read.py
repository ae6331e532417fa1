"""Read a trigger in plain words, without a model: "every weekday at 9", "in 20 minutes".

What is meant once becomes a moment, what comes again a cron line (or several, joined by `; `) or an interval. What
could be meant in two ways is refused, with the two ways named: nothing is guessed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

from quarterdeck.core.errors import UsageError
from quarterdeck.schedule.words.clock import (
    AMOUNT,
    CLOCK,
    CLOCKS,
    TimeOfDay,
    amount,
    time_of_day,
    times_of_day,
)
from quarterdeck.schedule.words.days import DAY, fields_of, month_and_day

EXAMPLES = (
    '"every weekday at 9", "every 15 minutes between 9 and 17", "on the first monday of the month at 10:30"'
)
HOW = f"write {EXAMPLES}, a cron line such as 0 9 * * mon-fri, every 10m, or 2027-01-31T09:00:00+01:00"
DAY_MIN = 1440
LONGEST_GAP = timedelta(hours=25)  # a zone may skip a day, as Samoa did in 2011
MOST_TIMES = 288  # in a day: every five minutes
_WINDOW = re.compile(
    rf"\b(?:between|from) (?:the hours of )?({CLOCK}) (?:and|to|until|till) ({CLOCK})(?=$|[ ,])"
)
_AT = re.compile(rf"(?:^|,? )at ({CLOCKS})(?=$|[ ,])")
_BARE = re.compile(rf"(?:^|(?<=[a-z]) )({CLOCK}(?:(?:, ?| and ){CLOCK})*)$")
_PAST = re.compile(r"(?:^|,? )(?:at )?(?::(\d{2})|(quarter past|half past|quarter to))(?=$| )")
_SPACED = re.compile(
    r"\bother\b|\bweeks\b|every week$|every second [a-z]+day$"
)  # of what there are two ways to count
_QUARTERS = {"quarter past": 15, "half past": 30, "quarter to": 45}


def in_words(text: str, zone: ZoneInfo, now: datetime) -> str:
    """Return the trigger that a phrase means, in its stored form; days and times are those of `zone`.

    Raises:
        UsageError: it is not understood, could be meant in two ways, or lies in the past.
    """
    phrase = _plain(text)
    if match := re.fullmatch(rf"in {AMOUNT}", phrase):
        return _later(phrase, match[1], now)
    window, phrase = _window(phrase)
    if window is not None:
        return _spread(text, phrase, window)
    if found := _hourly(phrase):
        return found
    times, days = _times(phrase)
    if _SPACED.search(days):
        raise _uncounted(text)
    if match := re.fullmatch(r"every (.+)", days):
        every = amount(match[1]) or (amount(f"1 {match[1]}") if match[1] in ("hour", "minute") else None)
        if every is not None:
            return _interval(text, every, times)
    fields = fields_of(days)
    if fields is not None:
        return _lines(times or _lacking_time(text), fields)
    return _once(text, days, times, zone, now)


def _plain(text: str) -> str:
    phrase = re.sub(r"[“”\"'’]", "", " ".join(text.lower().split())).strip(" .!")
    phrase = re.sub(r"\bo ?clock\b|\bplease\b|\bsharp\b|^(?:run|repeat|do it) ", "", phrase)
    phrase = re.sub(r"^hourly\b", "every hour", re.sub(r"\b(every|each) (?:(?:1|one) )?", "every ", phrase))
    return " ".join(phrase.split())


def _later(phrase: str, words: str, now: datetime) -> str:
    after = amount(words)
    if after is None:
        raise _unclear(phrase)
    try:
        return (now.astimezone(UTC).replace(microsecond=0) + after).isoformat()
    except OverflowError as error:
        raise UsageError(f"{phrase!r} is too far away", hint="write a moment within 50 years") from error


def _window(phrase: str) -> tuple[tuple[TimeOfDay, TimeOfDay] | None, str]:
    match = _WINDOW.search(phrase)
    if match is None:
        return None, phrase
    rest = " ".join((phrase[: match.start()] + " " + phrase[match.end() :]).split()).strip(" ,")
    return (time_of_day(match[1]), time_of_day(match[2])), rest


def _spread(text: str, phrase: str, window: tuple[TimeOfDay, TimeOfDay]) -> str:
    """Return the times from the first to the last of the window, both included, a step apart."""
    match = re.match(rf"every {AMOUNT}(?:,? (.*))?$", phrase) or re.match(r"every ()?()$", phrase)
    days, step = (match[2] or "every day", amount(match[1] or "")) if match else ("", None)
    if match and step is None and (shorter := re.match(r"every (minute|hour)(?:,? (.*))?$", phrase)):
        days, step = shorter[2] or "every day", amount(f"1 {shorter[1]}")
    fields = fields_of(days) or fields_of(f"on {days}")
    if step is None or fields is None:
        raise _unclear(text)
    start, end = (one.hour * 60 + one.minute for one in window)
    end += DAY_MIN if end <= start else 0
    step_min = int(step.total_seconds() // 60)
    moments = [TimeOfDay(*divmod(minute % DAY_MIN, 60)) for minute in range(start, end + 1, step_min)]
    if len(moments) > MOST_TIMES:
        raise UsageError(
            f"{text!r} is too often", hint="from five minutes on; write * 9-16 * * * for every minute"
        )
    return _lines(moments, fields)


def _hourly(phrase: str) -> str | None:
    """Read `every hour at :15`, `every hour at quarter past`."""
    match = _PAST.search(phrase)
    if match is None or " ".join((phrase[: match.start()] + phrase[match.end() :]).split()) != "every hour":
        return None
    minute = int(match[1]) if match[1] else _QUARTERS[match[2]]
    if minute > 59:
        raise UsageError(f":{minute} is no minute of an hour", hint="write :00 to :59")
    return f"{minute} * * * *"


def _times(phrase: str) -> tuple[list[TimeOfDay], str]:
    """Split off the times of day; returns them, in order, and the rest."""
    match = _AT.search(phrase) or _BARE.search(phrase)
    if match is None:
        return [], phrase
    if not match[0].lstrip(", ").startswith("at ") and re.search(
        r"\b(?:every|in|the|on|the day) $", phrase[: match.start(1)]
    ):
        return [], phrase
    rest = (phrase[: match.start()] + " " + phrase[match.end() :]).replace(" ,", ",")
    return times_of_day(match[1]), " ".join(rest.split()).strip(" ,")


def _interval(text: str, every: timedelta, times: Sequence[TimeOfDay]) -> str:
    minutes = int(every.total_seconds() // 60)
    if times:
        raise _uncounted(text)
    for unit, size in (("d", DAY_MIN), ("h", 60), ("m", 1)):
        if minutes % size == 0:
            return f"every {minutes // size}{unit}"
    return f"every {minutes}m"


def _lacking_time(text: str) -> list[TimeOfDay]:
    raise UsageError(f"{text!r} does not say at what time", hint=f"write {text} at 9, or {text} at 17:30")


def _lines(times: Iterable[TimeOfDay], fields: str) -> str:
    """Write times as cron lines, hours of the same minutes in one."""
    hours: dict[int, list[int]] = defaultdict(list)
    for one in times:
        hours[one.hour].append(one.minute)
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for hour in sorted(hours):
        alike[tuple(sorted(set(hours[hour])))].append(hour)
    return "; ".join(f"{_joined(minutes)} {_ranges(same)} {fields}" for minutes, same in alike.items())


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _ranges(numbers: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ",".join(f"{span[0]}-{span[-1]}" if len(span) > 2 else _joined(span) for span in spans)


def _once(text: str, days: str, times: Sequence[TimeOfDay], zone: ZoneInfo, now: datetime) -> str:
    """Read one day: today, tomorrow, on friday, on 24 december, in 3 days, or a time of day alone."""
    today = now.astimezone(zone).date()
    day = _day(text, days, today)
    if not times:
        _lacking_time(text)
    if len(times) > 1:
        raise UsageError(
            f"{text!r} names several times of one day", hint="make a schedule for each, or: every day at …"
        )
    moment = _moment(day or today, times[0], zone)
    if day is None and moment <= now:
        moment = _moment(today + timedelta(days=1), times[0], zone)
    elif moment <= now and (days in DAY or days.removeprefix("on ") in DAY):
        moment = _moment(today + timedelta(days=7), times[0], zone)
    if moment <= now:
        raise UsageError(f"{text!r} has passed", hint="name a time to come")
    return moment.astimezone(zone).isoformat()


def _day(text: str, days: str, today: date) -> date | None:
    """Return the day that is meant; None when none was named."""
    words = re.sub(r"^on ", "", days)
    plain = {"": None, "today": today, "tomorrow": today + timedelta(days=1)}
    plain["the day after tomorrow"] = plain["day after tomorrow"] = today + timedelta(days=2)
    if words in plain:
        return plain[words]
    if match := re.fullmatch(rf"in {AMOUNT}", words):
        after = amount(match[1])
        if after is not None and not after % timedelta(days=1):
            return today + after
    if (match := re.fullmatch(r"(?:this |next |coming )?([a-z]+)", words)) and match[1] in DAY:
        ahead = (DAY[match[1]] - today.isoweekday()) % 7
        return today + timedelta(days=ahead or (7 if words.startswith(("next", "coming")) else 0))
    return _date(text, words, today)


def _date(text: str, words: str, today: date) -> date:
    match = re.fullmatch(r"(.*?),? (\d{4})", words)
    found = month_and_day(match[1] if match else words)
    try:
        if found is None:
            return date.fromisoformat(words)
        if match:
            return date(int(match[2]), *found)
        day = date(today.year, *found)
        return day if day >= today else date(today.year + 1, *found)
    except ValueError as error:
        raise (
            _unclear(text) if found is None else UsageError(f"{text!r}: {error}", hint="look at the calendar")
        ) from error


def _moment(day: date, time: TimeOfDay, zone: ZoneInfo) -> datetime:
    """Return the first moment at which the zone's clocks show that, or the first after a gap that swallows it."""
    wall = datetime.combine(day, clock(time.hour, time.minute))
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    moment -= LONGEST_GAP
    while moment.astimezone(zone).replace(tzinfo=None) < wall:
        moment += timedelta(minutes=1)
    return moment


def _uncounted(text: str) -> UsageError:
    return UsageError(
        f"{text!r} does not say from which day it counts",
        hint="write every 14d (counted from 1 January 1970), or name the days: every monday at 9",
    )


def _unclear(text: str) -> UsageError:
    return UsageError(f"{text!r} is not understood as a time", hint=HOW)
