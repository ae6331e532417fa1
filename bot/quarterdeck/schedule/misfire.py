"""Decide what becomes of planned times that passed while the bot was down, or fast asleep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.core.errors import UsageError
from quarterdeck.core.text import did_you_mean

RULES = ("skip", "once", "all")
MOST_CAUGHT_UP = 100  # `all` makes up for at most so many, the latest
ON_TIME = timedelta(seconds=60)  # a time that is less late than this was not missed


@dataclass(frozen=True, slots=True)
class Choice:
    """Split due times into those that fire and those that are written down as missed, each in order."""

    fire: tuple[datetime, ...]
    missed: tuple[datetime, ...]


def choose(rule: str, due: Sequence[datetime], now: datetime, *, on_time: timedelta = ON_TIME) -> Choice:
    """Apply `rule` to the times in `due`, which are in order and not later than `now`.

    What is at most `on_time` late always fires. Of the rest, `skip` fires nothing, `all` fires everything,
    and `once` fires the latest alone, unless something on time makes up for it.
    """
    late = tuple(moment for moment in due if now - moment >= on_time)
    punctual = tuple(due[len(late) :])
    match rule:
        case "all":
            return Choice(fire=(*late, *punctual), missed=())
        case "once" if late and not punctual:
            return Choice(fire=late[-1:], missed=late[:-1])
        case _:
            return Choice(fire=punctual, missed=late)


def checked(rule: str) -> str:
    """Return `rule` when it is one.

    Raises:
        UsageError: it is not.
    """
    if rule not in RULES:
        raise UsageError(
            f"{rule!r} says nothing about missed times",
            hint=did_you_mean(rule, RULES) or f"write one of {', '.join(RULES)}",
        )
    return rule
