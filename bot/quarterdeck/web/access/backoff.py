"""Slow guessing down: after a few failures a key must wait, longer each time, and is not even looked at meanwhile."""

from __future__ import annotations

from collections import OrderedDict

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass

FREE = 5  # failures without a wait: people mistype
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 900.0
FORGET_S = 3600.0  # without a failure
MOST_KEYS = 20_000


@dataclass(slots=True)
class _Record:
    failures: int
    at_s: float


class Backoff:
    """Count failures by key: an account, an address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait_s(self, *keys: str) -> float:
        """Return the seconds until the next try of these keys is looked at; 0 when it is now."""
        now_s = self._clock.monotonic()
        return max((self._wait_of(key, now_s) for key in keys), default=0.0)

    def begin(self, *keys: str) -> None:
        """Count a try as failed beforehand, so that tries at the same time count too; `clear` takes it back."""
        now_s = self._clock.monotonic()
        for key in keys:
            record = self._records.pop(key, None)
            if record is None or now_s - record.at_s > FORGET_S:
                record = _Record(0, now_s)
            record.failures, record.at_s = record.failures + 1, now_s
            self._records[key] = record
        while len(self._records) > MOST_KEYS:
            self._records.popitem(last=False)

    def clear(self, *keys: str) -> None:
        """Forget the failures of these keys: the last try was right."""
        for key in keys:
            self._records.pop(key, None)

    def _wait_of(self, key: str, now_s: float) -> float:
        record = self._records.get(key)
        if record is None or record.failures < FREE:
            return 0.0
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(record.failures - FREE, 20))
        return max(0.0, record.at_s + wait_s - now_s)


class Pace:
    """Let each key do so much a minute, in bursts of as much."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock, self._per_minute = clock, per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one; returns the seconds to wait where there is none left, else 0."""
        if not self._per_minute:
            return 0.0
        now_s, rate = self._clock.monotonic(), self._per_minute / 60
        left, at_s = self._left.pop(key, (float(self._per_minute), now_s))
        left = min(float(self._per_minute), left + (now_s - at_s) * rate)
        wait_s = 0.0 if left >= 1 else (1 - left) / rate
        self._left[key] = (left if wait_s else left - 1, now_s)
        while len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
        return wait_s
