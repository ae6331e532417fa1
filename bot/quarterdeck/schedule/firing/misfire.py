"""Decide what becomes of planned times that passed while the bot was down, or fast asleep."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.core.errors import UsageError
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass

RULES = ("skip", "once", "all", "ask")
OVERLAPS = ("skip", "queue", "parallel", "cancel")
MOST_CAUGHT_UP = 100  # `all` makes up for at most so many, the latest
ON_TIME = timedelta(seconds=60)  # a time that is less late than this was not missed
_ALL = re.compile(r"all(?: ?(?:<=|≤|up to) ?(\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Choice:
    """Split due times into those that fire, those written down as missed, those a person decides; each in order."""

    fire: tuple[datetime, ...]
    missed: tuple[datetime, ...]
    asked: tuple[datetime, ...] = ()


def choose(
    rule: str,
    due: Sequence[datetime],
    now: datetime,
    *,
    on_time: timedelta = ON_TIME,
    lateness_s: int | None = None,
) -> Choice:
    """Apply `rule` to the times in `due`, which are in order and not later than `now`.

    What is at most `on_time` late always fires. Of the rest, what is later than `lateness_s` is missed whatever the
    rule says; `skip` fires nothing, `all` everything (`all <= N` the latest N), `once` the latest alone, unless
    something on time makes up for it, and `ask` leaves them to a person.
    """
    late = tuple(moment for moment in due if now - moment >= on_time)
    punctual = tuple(due[len(late) :])
    limit = now - timedelta(seconds=lateness_s) if lateness_s is not None else None
    gone = tuple(moment for moment in late if limit is not None and moment < limit)
    late = late[len(gone) :]
    if rule.startswith("all"):
        kept = late[-_most(rule) :]
        return Choice(fire=(*kept, *punctual), missed=(*gone, *late[: len(late) - len(kept)]))
    if rule == "once" and late and not punctual:
        return Choice(fire=late[-1:], missed=(*gone, *late[:-1]))
    if rule == "ask" and late:
        return Choice(fire=punctual, missed=gone, asked=late)
    return Choice(fire=punctual, missed=(*gone, *late))


def checked(rule: str) -> str:
    """Return the stored form of `rule` when it is one.

    Raises:
        UsageError: it is not.
    """
    text = " ".join(rule.lower().split())
    if text in RULES:
        return text
    match = _ALL.fullmatch(text)
    if match and match[1] and 1 <= int(match[1]) <= MOST_CAUGHT_UP:
        return f"all <= {int(match[1])}"
    hint = (
        did_you_mean(text, RULES)
        or f"write skip, once, all, ask, or all <= N with N from 1 to {MOST_CAUGHT_UP}"
    )
    raise UsageError(f"{rule!r} says nothing about missed times", hint=hint)


def checked_overlap(policy: str) -> str:
    """Return `policy` when it is one.

    Raises:
        UsageError: it is not.
    """
    if policy not in OVERLAPS:
        hint = did_you_mean(policy, OVERLAPS) or f"write one of {', '.join(OVERLAPS)}"
        raise UsageError(f"{policy!r} says nothing about a fire that still runs", hint=hint)
    return policy


def _most(rule: str) -> int:
    match = _ALL.fullmatch(rule)
    return int(match[1]) if match and match[1] else MOST_CAUGHT_UP
