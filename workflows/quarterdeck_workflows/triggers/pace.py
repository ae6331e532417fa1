"""Let each webhook be called so often a minute, in bursts of as much."""

from __future__ import annotations

from quarterdeck.core.ports import Clock


class Pace:
    """Count calls by name; the names are those of files, so that there are few."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock, self._per_minute = clock, per_minute
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Take one; returns the seconds to wait where there is none left, else 0. At 0 a minute there is no limit."""
        if not self._per_minute:
            return 0.0
        now_s, rate = self._clock.monotonic(), self._per_minute / 60
        left, at_s = self._left.get(name, (float(self._per_minute), now_s))
        left = min(float(self._per_minute), left + (now_s - at_s) * rate)
        wait_s = 0.0 if left >= 1 else (1 - left) / rate
        self._left[name] = (left if wait_s else left - 1, now_s)
        return wait_s
