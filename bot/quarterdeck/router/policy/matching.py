"""Compare single values with what a rule says: patterns, arguments, times of the week. No regular expression."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from quarterdeck.core.value import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Matches = Callable[[object], bool]


def glob(pattern: str) -> Callable[[str], bool]:
    """Return the test for a pattern in which `*` stands for any text, also none. Linear in the text per star."""
    if "*" not in pattern:
        return pattern.__eq__
    first, *middle, last = pattern.split("*")
    shortest = len(first) + len(last)

    def fits(text: str) -> bool:
        if len(text) < shortest or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return fits


def conversation_glob(pattern: str) -> Callable[[str], bool]:
    """Return the test for conversations: without a star, the conversation itself and its threads."""
    if "*" in pattern:
        return glob(pattern)
    inside = f"{pattern}:"
    return lambda conversation: conversation == pattern or conversation.startswith(inside)


def value_test(wanted: object, *, is_strict: bool) -> Matches:
    """Return the test for one value. `is_strict` compares text exactly; otherwise case and look do not matter.

    Who allows means just this value; who denies means it however it is written.
    """
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    if isinstance(wanted, int | float):
        return lambda value: _is_number(value) and value == wanted
    if is_strict:
        return lambda value: isinstance(value, str) and value == wanted
    folded = fold(str(wanted))
    return lambda value: isinstance(value, str) and fold(value) == folded


def range_test(least: float | None, most: float | None) -> Matches:
    """Return the test for a number between two, both included."""

    def fits(value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (least is None or value >= least) and (most is None or value <= most)

    return fits


def prefix_test(prefix: str, *, is_strict: bool) -> Matches:
    """Return the test for how a text begins."""
    if is_strict:
        return lambda value: isinstance(value, str) and value.startswith(prefix)
    folded = fold(prefix)
    return lambda value: isinstance(value, str) and fold(value).startswith(folded)


def is_given(value: object) -> bool:
    """Tell whether an argument was given: neither left out nor empty."""
    return value is not None and value != "" and value != ()


def over_all(test: Matches, *, is_strict: bool) -> Matches:
    """Return the test for values that may be lists: strict wants every item to fit, otherwise one is enough."""

    def fits(value: object) -> bool:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return bool(value) and (all if is_strict else any)(map(test, value))
        return test(value)

    return fits


def fold(text: str) -> str:
    """Return text as it is compared where case, width and blanks around it must not matter."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hold a time of the week; `until` at or before `since` is over midnight, and belongs to the day it begins on."""

    days: frozenset[int]
    since: timedelta
    until: timedelta
    zone: ZoneInfo
    text: str

    def holds(self, now: datetime) -> bool:
        """Tell whether `now` is inside."""
        local = now.astimezone(self.zone)
        at = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        if self.since < self.until:
            return local.weekday() in self.days and self.since <= at < self.until
        is_evening, is_morning = at >= self.since, at < self.until
        return (is_evening and local.weekday() in self.days) or (
            is_morning and (local.weekday() - 1) % 7 in self.days
        )


def days_of(texts: Sequence[str]) -> frozenset[int] | None:
    """Read `mon`, `mon-fri`, `fri-mon`; None where a word is no day."""
    found: set[int] = set()
    for text in texts:
        first, _, last = text.strip().lower().partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return None
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    return frozenset(found)


def span_of(hours: str) -> tuple[timedelta, timedelta]:
    """Read `09:00-17:30`."""
    first, _, last = hours.partition("-")
    since, until = (timedelta(hours=int(at[:2]), minutes=int(at[3:])) for at in (first, last))
    return since, until
