"""Turn what people type into typed values, and say what is allowed when it does not fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from quarterdeck.core.command import Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.text import did_you_mean

YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = 64 * 1024  # characters of one value; more is a file
DIGITS = 30


def read_value(command: str, option: Option, given: object) -> object:
    """Return `given` in the option's type: text, int, float, bool, aware datetime, or seconds for a duration.

    Raises:
        UsageError: names the option, the value and what is allowed.
    """
    reader = READERS.get(option.kind, _string)
    try:
        value = reader(option, given)
    except _Unfit as unfit:
        raise UsageError(
            f"/{command}: {option.name} cannot be {str(given)[:60]!r}", hint=f"write {unfit.allowed}"
        ) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_bounds(command, option, value)
    return value


class _Unfit(Exception):
    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


def _check_bounds(command: str, option: Option, value: float) -> None:
    too_small = option.minimum is not None and value < option.minimum
    too_large = option.maximum is not None and value > option.maximum
    if too_small or too_large:
        low = "" if option.minimum is None else f" from {option.minimum:g}"
        high = "" if option.maximum is None else f" up to {option.maximum:g}"
        raise UsageError(
            f"/{command}: {option.name} cannot be {str(value)[:60]}", hint=f"write a number{low}{high}"
        )


def _string(option: Option, given: object) -> str:
    if not isinstance(given, str):
        raise _Unfit("text")
    longest = option.max_length or LONGEST
    if len(given) > longest:
        raise _Unfit(f"at most {longest} characters; this has {len(given)}")
    return given


def _integer(option: Option, given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    text = given.strip() if isinstance(given, str) else ""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > DIGITS:
        raise _Unfit("a whole number, such as 3")
    return int(text)


def _number(option: Option, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise _Unfit("a number, such as 2.5")
    try:
        value = float(given)
    except (ValueError, OverflowError):
        raise _Unfit("a number, such as 2.5") from None
    if not math.isfinite(value):
        raise _Unfit("a number, such as 2.5")
    return value


def _boolean(option: Option, given: object) -> bool:
    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in YES or word in NO:
        return word in YES
    raise _Unfit("yes or no")


def _choice(option: Option, given: object) -> str:
    word = given.strip() if isinstance(given, str) else ""
    by_lower = {choice.lower(): choice for choice in option.choices}
    if word.lower() in by_lower:
        return by_lower[word.lower()]
    near = did_you_mean(word, option.choices)
    raise _Unfit(f"one of {', '.join(option.choices)}" + (f" ({near})" if near else ""))


def _datetime(option: Option, given: object) -> datetime:
    text = given.strip() if isinstance(given, str) else ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _Unfit("a moment with its offset, such as 2027-01-31T09:00:00+01:00")
    return moment


def _duration(option: Option, given: object) -> int:
    text = given.replace(" ", "").lower() if isinstance(given, str) else ""
    seconds, digits = 0, ""
    for character in text:
        if character.isascii() and character.isdecimal() and len(digits) < 9:
            digits += character
        elif character in UNITS_S and digits:
            seconds += int(digits) * UNITS_S[character]
            digits = ""
        else:
            _refuse_duration()
    if digits or not text:
        _refuse_duration()
    return seconds


def _refuse_duration() -> NoReturn:
    raise _Unfit("a duration such as 90s, 20m, 1h30m or 2d")


READERS: dict[str, Callable[[Option, object], object]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "datetime": _datetime,
    "duration": _duration,
}
