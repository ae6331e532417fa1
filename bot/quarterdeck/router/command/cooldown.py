"""Say when a command comes too soon: its own cooldown, and how many heavy ones a person and a conversation may start.

An event that is handled again after a failure is the same run, and not counted twice. What is counted lives in
memory: a restart forgives.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Protocol

from quarterdeck.core.command import Command
from quarterdeck.core.errors import Busy
from quarterdeck.core.ports import Clock
from quarterdeck.core.text import spell_duration
from quarterdeck.core.value import dataclass

MINUTE_S = 60.0
MOST_COUNTED = 10_000  # people and conversations; the ones longest silent are forgotten first


class Rates(Protocol):
    """Say how many heavy commands may start in a minute; 0 stands for any number."""

    @property
    def person_per_minute(self) -> int: ...
    @property
    def conversation_per_minute(self) -> int: ...


@dataclass(slots=True)
class _Bucket:
    """Hold what may still start; it fills up again evenly."""

    tokens: float
    filled_at_s: float
    last_event: str = ""


class Cooldowns:
    """Count starts. `rates` None: only the commands' own cooldowns apply."""

    def __init__(self, clock: Clock, rates: Rates | None = None) -> None:
        self._clock, self._rates = clock, rates
        self._runs: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def start(self, command: Command, *, person_id: str, conversation_id: str, event_key: str) -> None:
        """Count one start.

        Raises:
            Busy: it comes too soon; the hint says how long to wait. Nothing was counted.
        """
        if command.cooldown_s:
            self._check_cooldown(command, person_id, event_key)
        if command.lane == "heavy" and self._rates is not None:
            limits = [
                (f"person {person_id}", self._rates.person_per_minute, "you"),
                (f"conversation {conversation_id}", self._rates.conversation_per_minute, "this conversation"),
            ]
            buckets = [(self._bucket(key, limit), limit, whose) for key, limit, whose in limits if limit > 0]
            fresh = [one for one in buckets if one[0].last_event != event_key]
            for bucket, limit, whose in fresh:
                _refuse_empty(bucket, limit, whose)
            for bucket, _, _ in fresh:
                bucket.tokens -= 1
                bucket.last_event = event_key
        if command.cooldown_s:
            self._runs[person_id, command.name] = (self._clock.monotonic(), event_key)
            self._runs.move_to_end((person_id, command.name))
            _trim(self._runs)

    def _check_cooldown(self, command: Command, person_id: str, event_key: str) -> None:
        ran_at_s, last_event = self._runs.get((person_id, command.name), (-math.inf, ""))
        wait_s = ran_at_s + command.cooldown_s - self._clock.monotonic()
        if wait_s > 0 and last_event != event_key:
            raise Busy(
                f"/{command.name} may run once in {spell_duration(command.cooldown_s)} for each person",
                hint=f"try again in {_rounded(wait_s)}",
            )

    def _bucket(self, key: str, limit: int) -> _Bucket:
        now_s = self._clock.monotonic()
        bucket = self._buckets.setdefault(key, _Bucket(float(limit), now_s))
        bucket.tokens = min(limit, bucket.tokens + (now_s - bucket.filled_at_s) * limit / MINUTE_S)
        bucket.filled_at_s = now_s
        self._buckets.move_to_end(key)
        _trim(self._buckets)
        return bucket


def _refuse_empty(bucket: _Bucket, limit: int, whose: str) -> None:
    if bucket.tokens < 1:
        wait_s = (1 - bucket.tokens) * MINUTE_S / limit
        raise Busy(
            f"that is more than {limit} commands a minute from {whose}",
            hint=f"try again in {_rounded(wait_s)}",
        )


def _rounded(seconds: float) -> str:
    return spell_duration(max(1, math.ceil(seconds)))


def _trim(counted: OrderedDict[str, _Bucket] | OrderedDict[tuple[str, str], tuple[float, str]]) -> None:
    while len(counted) > MOST_COUNTED:
        counted.popitem(last=False)
