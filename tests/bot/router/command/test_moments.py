"""Moments and durations are read as people write them, by the clock that applies."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.text import spell_duration
from quarterdeck.router.command.moments import LONGEST_S, read_duration, read_moment

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)  # a Saturday; 10:00 in Berlin
BERLIN = ZoneInfo("Europe/Berlin")


def read(text: str, now: datetime = NOW) -> str | None:
    """Read `text` as somebody in Berlin means it."""
    moment = read_moment(text, now=now, zone=BERLIN)
    return moment.isoformat(timespec="minutes") if moment else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21 14:00", "2026-11-21T14:00+01:00"),
        ("2026-07-01 14:00:30", "2026-07-01T14:00+02:00"),
        ("2026-11-21T14:00", "2026-11-21T14:00+01:00"),
        ("2027-01-31T09:00:00+05:00", "2027-01-31T09:00+05:00"),
        ("2027-01-31t09:00:00z", "2027-01-31T09:00+00:00"),
        ("2026-11-21 14:00 America/New_York", "2026-11-21T14:00-05:00"),
        ("tomorrow 9:00", "2026-11-22T09:00+01:00"),
        ("Tomorrow at 9:00 UTC", "2026-11-22T09:00+00:00"),
        ("today 8:00", "2026-11-21T08:00+01:00"),
        ("14:00", "2026-11-21T14:00+01:00"),
        ("9:00", "2026-11-22T09:00+01:00"),
        ("5:30pm", "2026-11-21T17:30+01:00"),
        ("5 pm", "2026-11-21T17:00+01:00"),
        ("12am", "2026-11-22T00:00+01:00"),
        ("noon", "2026-11-21T12:00+01:00"),
        ("monday 9:00", "2026-11-23T09:00+01:00"),
        ("on sat 9:00", "2026-11-28T09:00+01:00"),
        ("saturday 11:00", "2026-11-21T11:00+01:00"),
        ("in 20 minutes", "2026-11-21T10:20+01:00"),
        ("in 1h30m", "2026-11-21T11:30+01:00"),
        ("now", "2026-11-21T10:00+01:00"),
    ],
)
def test_a_moment_is_read_by_the_clock_of_the_zone(text: str, expected: str) -> None:
    """Without a model, and the same on every platform."""
    assert expected == read(text)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-11-21", "20261121", "25:00", "9", "13pm", "0pm", "9:00:00:00", "soon", "in a while",
     "in 5", "someday 9:00", "2026-02-30 9:00", "in 99999999 weeks", "9999-12-31 23:59 America/New_York 1",
     "monday", "9:\uff10\uff10", "x" * 200, "tomorrow 9:00 Mars/Olympus", "0001-01-01 00:00"],
)  # fmt: skip
def test_what_names_no_moment_is_not_guessed(text: str) -> None:
    """A day without a time could mean any of them."""
    assert read(text) is None


def test_clocks_that_change_are_minded() -> None:
    """The skipped half hour is an hour later, the repeated one is the first; elapsed time is elapsed time."""
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)

    assert "2026-03-29T03:30+02:00" == read("tomorrow 2:30", spring)
    assert "2026-10-25T02:30+02:00" == read("tomorrow 2:30", autumn)
    assert "2026-03-29T14:00+02:00" == read("in 24h", spring)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1h30m", 5400),
        ("1 hour 30 minutes", 5400),
        ("2 days", 172_800),
        ("1.5h", 5400),
        ("1W", 604_800),
        (" 5  min ", 300),
        ("", None),
        ("90", None),
        ("h", None),
        ("1.2.3h", None),
        (".h", None),
        ("1 month", None),
        ("-5m", None),
        ("9" * 90 + "w", None),
        ("1h and 2m", None),
        ("\uff15m", None),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float | None) -> None:
    """A bare number would be read as minutes by one and as seconds by the next."""
    assert seconds == read_duration(text)


@given(st.integers(min_value=0, max_value=int(LONGEST_S)))
def test_a_spelt_duration_is_read_back(seconds: int) -> None:
    """What a message tells people to write is understood."""
    assert seconds == read_duration(spell_duration(seconds))


@given(st.text(max_size=120))
def test_no_text_breaks_anything(text: str) -> None:
    """It is read or it is not."""
    for line in (text, f"in {text}", f"tomorrow {text}", f"{text} 9:00", f"9:00 {text}"):
        moment = read_moment(line, now=NOW, zone=BERLIN)
        assert moment is None or moment.tzinfo is not None
    read_duration(text)
