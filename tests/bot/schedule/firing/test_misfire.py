"""Prove what becomes of times that were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.errors import UsageError
from quarterdeck.schedule.firing.misfire import RULES, checked, choose

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)


def ago(*minutes: int) -> tuple[datetime, ...]:
    """Return the moments so many minutes before now."""
    return tuple(NOW - timedelta(minutes=minute) for minute in minutes)


@pytest.mark.parametrize(
    ("rule", "fire", "missed"),
    [("skip", (), (3, 2, 1)), ("once", (1,), (3, 2)), ("all", (3, 2, 1), ())],
)
def test_after_downtime_the_rule_decides(rule: str, fire: tuple[int, ...], missed: tuple[int, ...]) -> None:
    """The words of the settings, literally."""
    choice = choose(rule, ago(3, 2, 1), NOW)

    assert (ago(*fire), ago(*missed)) == (choice.fire, choice.missed)


@pytest.mark.parametrize("rule", RULES)
def test_a_time_less_than_a_minute_ago_was_not_missed(rule: str) -> None:
    """A restart at the firing instant is no downtime, whatever the rule."""
    just_now = NOW - timedelta(seconds=59)

    assert (just_now,) == choose(rule, [just_now], NOW).fire


def test_what_comes_on_time_makes_up_for_what_was_missed() -> None:
    """`once` after a night gives one digest, not one for the night and one for the minute."""
    choice = choose("once", ago(3, 2, 0), NOW)

    assert (ago(0), ago(3, 2)) == (choice.fire, choice.missed)


@given(
    rule=st.sampled_from((*RULES, "all <= 2")),
    seconds=st.lists(st.integers(0, 10_000), unique=True).map(sorted),
)
def test_each_time_fires_or_is_missed_and_never_both(rule: str, seconds: list[int]) -> None:
    """Nothing is lost in between, and order is kept."""
    due = [NOW - timedelta(seconds=second) for second in reversed(seconds)]

    choice = choose(rule, due, NOW)

    assert due == sorted((*choice.fire, *choice.missed, *choice.asked))


def test_an_unknown_rule_is_refused_with_the_nearest() -> None:
    """`onse` must not quietly mean something."""
    with pytest.raises(UsageError) as caught:
        checked("onse")

    assert "did you mean 'once'?" == caught.value.hint
