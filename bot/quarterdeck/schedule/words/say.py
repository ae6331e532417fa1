"""Say a trigger in words, so that people see what was understood. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from quarterdeck.schedule.words.days import DAYS, MONTHS

NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth"}
MOST_TIMES = 6  # named one by one; more are counted


def said(trigger: str, zone: ZoneInfo) -> str:
    """Return a sentence without its full stop, such as `at 09:00, Monday to Friday`."""
    if trigger.startswith("every "):
        return f"{_interval(trigger)}, by elapsed time, whatever clocks do"
    if re.match(r"\d{4}-\d", trigger):
        moment = datetime.fromisoformat(trigger).astimezone(zone)
        return f"once, on {moment:%A} {moment.day} {moment:%B %Y} at {moment:%H:%M}"
    by_days: dict[str, list[str]] = {}
    for line in trigger.split(";"):
        minute, hour, *date = line.split()
        by_days.setdefault(_days(*date), []).append(_times(minute, hour))
    return "; ".join(f"{_and(times)}, {days}" for days, times in by_days.items())


def moment_said(moment: datetime) -> str:
    """Write a moment for people, with its offset: `Fri 27 Nov 2026 09:00 (CET, UTC+01:00)`."""
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M} ({moment:%Z}, UTC{moment.isoformat()[-6:]})"


def _interval(trigger: str) -> str:
    match = re.fullmatch(r"every (\d+) ?([a-z])[a-z]*", trigger)
    if match is None:
        return trigger
    unit = {"m": "minute", "h": "hour", "d": "day"}[match[2]]
    return f"every {unit}" if match[1] == "1" else f"every {match[1]} {unit}s"


def _times(minute: str, hour: str) -> str:
    minutes, hours = _numbers(minute), _numbers(hour)
    if minutes is not None and hours is not None:
        if len(minutes) * len(hours) <= MOST_TIMES:
            return "at " + _and([f"{h:02}:{m:02}" for h in hours for m in minutes])
        span = f"from {hours[0]:02}:00 to {hours[-1]:02}:59"
        is_whole = hours == list(range(hours[0], hours[-1] + 1))
        where = span if is_whole else f"in the hours {_and([str(h) for h in hours])}"
        return f"{where} at {_and([f':{m:02}' for m in minutes])}"
    if hour == "*":
        hours_said = "every hour"
    elif match := re.fullmatch(r"\*/(\d+)", hour):
        hours_said = f"every {match[1]} hours from midnight"
    else:
        hours_said = f"in the hours {hour}"
    if minutes is not None:
        return f"{hours_said} at {_and([f':{m:02}' for m in minutes])}"
    every = re.fullmatch(r"\*/(\d+)", minute)
    minutes_said = (
        "every minute" if minute == "*" else f"every {every[1]} minutes" if every else f"at minutes {minute}"
    )
    return minutes_said if hour == "*" else f"{minutes_said}, {hours_said}"


def _days(day: str, month: str, weekday: str) -> str:
    in_month, in_week = _days_of_month(day), _days_of_week(weekday)
    if day.startswith("*") or weekday.startswith("*"):
        named = [one for one in (in_month, in_week) if one] or ["every day"]
        found = " that is also ".join(named) if len(named) > 1 else named[0]
    else:
        found = f"{in_month} and {in_week}, whichever comes"
    months = "" if month == "*" else f" in {_and([_month(one) for one in month.split(',')])}"
    return f"{found}{months}"


def _days_of_month(text: str) -> str:
    if text == "*":
        return ""
    if text.upper() == "L":
        return "on the last day of the month"
    if text.upper() == "LW":
        return "on the last working day of the month"
    return f"on day {_and(text.split(','))} of the month"


def _days_of_week(text: str) -> str:
    if text == "*":
        return ""
    terms = text.split(",")
    if all("#" in term or _is_last(term) for term in terms):
        named = [_nth(term) for term in terms]
        return f"on the {_and(named)} of the month"
    return _and([_span(term) for term in terms])


def _is_last(term: str) -> bool:
    return term.lower().endswith("l") and len(term) > 1


def _nth(term: str) -> str:
    if _is_last(term):
        return f"last {_day(term[:-1])}"
    name, _, which = term.partition("#")
    return f"{NTH.get(which, which)} {_day(name)}"


def _span(term: str) -> str:
    span, slash, step = term.partition("/")
    first, dash, last = span.partition("-")
    named = f"{_day(first)} to {_day(last)}" if dash else f"every {_day(first)}"
    return f"{named}, each {step}th" if slash else named


def _day(name: str) -> str:
    if name.isdigit():
        return DAYS[(int(name) - 1) % 7].title()
    return next((day.title() for day in DAYS if day.startswith(name.lower())), name)


def _month(name: str) -> str:
    if name.isdigit():
        return MONTHS[int(name) - 1].title()
    return next((month.title() for month in MONTHS if month.startswith(name.lower())), name)


def _numbers(text: str) -> list[int] | None:
    """Return the numbers that a field lists, None when it has steps."""
    found: list[int] = []
    for term in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", term)
        if match is None:
            return None
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
