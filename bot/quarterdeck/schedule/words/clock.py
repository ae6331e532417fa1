"""Read times of day and amounts of time out of a phrase."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from quarterdeck.core.errors import UsageError

CLOCK = r"(?:noon|midday|midnight|\d{1,2}(?:[:.]\d{2})? ?[ap]m|\d{1,2}[:.]\d{2}|\d{1,2}(?![\d:.]| ?(?:st|nd|rd|th)\b))"
CLOCKS = rf"{CLOCK}(?:(?:, ?| and |, and )(?:at )?{CLOCK})*"
NAMED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
NUMBERS = {
    **dict.fromkeys(("a", "an", "one", "other"), 1),
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "eight": 8,
    "ten": 10,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty-five": 45,
    "ninety": 90,
}
UNITS_S = {"minute": 60, "min": 60, "m": 60, "hour": 3600, "hr": 3600, "h": 3600, "day": 86_400, "d": 86_400}
UNITS_S |= {"week": 604_800, "w": 604_800}
AMOUNT = r"(half an hour|an hour and a half|(?:\d{1,6}|[a-z-]+) ?[a-z]+)"


@dataclass(frozen=True, slots=True, order=True)
class TimeOfDay:
    """Hold what a clock on the wall shows."""

    hour: int
    minute: int

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


def time_of_day(text: str) -> TimeOfDay:
    """Read `9`, `9:30`, `9.30 pm`, `noon`.

    Raises:
        UsageError: no clock shows it.
    """
    if text in NAMED:
        return TimeOfDay(*NAMED[text])
    match = re.fullmatch(r"(\d{1,2})(?:[:.](\d{2}))? ?([ap]m)?", text)
    if match is not None:
        hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        elif half:
            hour = 24
        if hour < 24 and minute < 60:
            return TimeOfDay(hour, minute)
    raise UsageError(f"{text!r} is no time of day", hint="write 9, 9:30, 17:00, 5 pm, noon or midnight")


def times_of_day(text: str) -> list[TimeOfDay]:
    """Read times joined by commas and `and`; returns them in order, each once."""
    return sorted(
        {time_of_day(one.removeprefix("at ").strip()) for one in re.split(r", and |, ?| and ", text)}
    )


def amount(text: str) -> timedelta | None:
    """Read `20 minutes`, `an hour`, `half an hour`, `2h`; None when it is no amount of time."""
    if text == "half an hour":
        return timedelta(minutes=30)
    if text == "an hour and a half":
        return timedelta(minutes=90)
    match = re.fullmatch(r"(?:(\d{1,6})|([a-z-]+)) ?([a-z]+)", text)
    if match is None:
        return None
    number = int(match[1]) if match[1] else NUMBERS.get(match[2])
    unit_s = UNITS_S.get(match[3]) or UNITS_S.get(match[3].removesuffix("s"))
    return None if number is None or unit_s is None else timedelta(seconds=number * unit_s)
