"""Prove that plain words mean what people mean, or are refused with the two ways named."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.errors import UsageError
from quarterdeck.schedule.trigger import parse
from quarterdeck.schedule.words.read import in_words
from quarterdeck.schedule.words.say import said

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 16, 0, 30, tzinfo=UTC)  # a Saturday, 17:00:30 in Berlin
WORDS = (
    "every each on in at the first last monday weekday day month of and between 9 17 :15 9:30 pm noon minutes 15 , "
    "weeks other"
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("every weekday at 9", "0 9 * * mon-fri"),
        ("Every Weekday at 9:00.", "0 9 * * mon-fri"),
        ("weekdays 9:00", "0 9 * * mon-fri"),
        ("each working day at 8 o'clock", "0 8 * * mon-fri"),
        ("every day at 9 and 17:30", "0 9 * * *; 30 17 * * *"),
        ("every weekday at 9, 12 and 15", "0 9,12,15 * * mon-fri"),
        ("every day at 9am and 5pm", "0 9,17 * * *"),
        ("daily at noon", "0 12 * * *"),
        ("daily at 12 am", "0 0 * * *"),
        ("every monday and thursday at 9:30 pm", "30 21 * * mon,thu"),
        ("every monday 9am", "0 9 * * mon"),
        ("mondays at 8", "0 8 * * mon"),
        ("weekly on fri at 8", "0 8 * * fri"),
        ("monday to friday at 7.45", "45 7 * * mon-fri"),
        ("weekends at 10", "0 10 * * sat,sun"),
        ("on the first monday of the month at 10:30", "30 10 * * mon#1"),
        ("every first and third tuesday of the month at 10", "0 10 * * tue#1,tue#3"),
        ("the last friday of the month at 16", "0 16 * * friL"),
        ("on the 1st and 15th of the month at 9", "0 9 1,15 * *"),
        ("monthly on the 1st at 9", "0 9 1 * *"),
        ("the last day of the month at 23:00", "0 23 L * *"),
        ("the last working day of the month at 17", "0 17 LW * *"),
        ("every year on 24 december at 18", "0 18 24 12 *"),
        ("every december 24th at 18", "0 18 24 12 *"),
        ("every 15 minutes between 9 and 17", "0,15,30,45 9-16 * * *; 0 17 * * *"),
        ("every 15 minutes between 9 and 17 on weekdays", "0,15,30,45 9-16 * * mon-fri; 0 17 * * mon-fri"),
        ("every hour between 8:30 and 18:30", "30 8-18 * * *"),
        ("every 30 minutes from 23 to 1", "0,30 0,23 * * *; 0 1 * * *"),
        ("every hour at :15", "15 * * * *"),
        ("every hour", "every 1h"),
        ("every 3 hours", "every 3h"),
        ("every 90 minutes", "every 90m"),
        ("in 20 minutes", "2026-11-21T16:20:30+00:00"),
        ("in half an hour", "2026-11-21T16:30:30+00:00"),
        ("tomorrow at 9", "2026-11-22T09:00:00+01:00"),
        ("at 17:30", "2026-11-21T17:30:00+01:00"),
        ("at 15", "2026-11-22T15:00:00+01:00"),
        ("on saturday at 15", "2026-11-28T15:00:00+01:00"),
        ("next saturday at 18", "2026-11-28T18:00:00+01:00"),
        ("in 3 days at 9", "2026-11-24T09:00:00+01:00"),
        ("on 24 december at 18:00", "2026-12-24T18:00:00+01:00"),
        ("march 3 2027 at 9", "2027-03-03T09:00:00+01:00"),
        ("2027-01-31 at 9", "2027-01-31T09:00:00+01:00"),
        ("28 march 2027 at 2:30", "2027-03-28T03:00:00+02:00"),
        ("31 october 2027 at 2:30", "2027-10-31T02:30:00+02:00"),
    ],
)
def test_words_mean_what_people_mean(words: str, expected: str) -> None:
    """In the zone's days and clocks; a time in the gap is the first one after it."""
    assert expected == in_words(words, BERLIN, NOW)
    parse(expected, "Europe/Berlin")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("every other monday at 9", "from which day it counts"),
        ("every second monday at 9", "from which day it counts"),
        ("every 2 weeks on monday at 9", "from which day it counts"),
        ("every 3 days at 9", "from which day it counts"),
        ("every week", "from which day it counts"),
        ("every day", "at what time"),
        ("tomorrow", "at what time"),
        ("tomorrow at 9 and 10", "several times"),
        ("today at 9", "has passed"),
        ("3 march 2020 at 9", "has passed"),
        ("on feb 30 at 9", "day is out of range"),
        ("at 25", "no time of day"),
        ("every 2 minutes between 0 and 23", "too often"),
        ("soon", "not understood"),
        ("", "at what time"),
    ],
)
def test_what_is_unclear_is_refused_with_a_way_to_write_it(words: str, problem: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError, match=problem) as caught:
        in_words(words, BERLIN, NOW)

    assert caught.value.hint


@given(st.lists(st.sampled_from(WORDS.split()), max_size=9).map(" ".join))
def test_any_order_of_known_words_is_a_trigger_or_a_refusal(words: str) -> None:
    """And what it is can be planned and said."""
    with suppress(UsageError):
        stored = in_words(words, BERLIN, NOW)
        parse(stored, "Europe/Berlin")

        assert said(stored, BERLIN)


@given(st.text(max_size=120))
def test_no_text_breaks_the_reader(text: str) -> None:
    """People paste anything."""
    with suppress(UsageError):
        in_words(text, BERLIN, NOW)


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("0 9 * * mon-fri", "at 09:00, Monday to Friday"),
        ("0 9 * * *; 30 17 * * *", "at 09:00 and at 17:30, every day"),
        ("30 10 * * mon#1", "at 10:30, on the first Monday of the month"),
        ("0 9 1 * mon", "at 09:00, on day 1 of the month and every Monday, whichever comes"),
        ("*/15 * * * *", "every 15 minutes, every day"),
        ("every 1h", "every hour, by elapsed time, whatever clocks do"),
        ("2027-01-31T09:00:00+01:00", "once, on Sunday 31 January 2027 at 09:00"),
        ("0 18 24 12 *", "at 18:00, on day 24 of the month in December"),
    ],
)
def test_a_trigger_is_said_in_words(trigger: str, expected: str) -> None:
    """So that people see what was understood."""
    assert expected == said(trigger, BERLIN)
