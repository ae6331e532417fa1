"""Leave a provider alone for a while after it failed several times in a row, and bound how often calls repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FAILURES: Final = 5
REST_S: Final = 30.0
RETRIES: Final = 10.0
RETRIES_PER_CALL: Final = 0.2


class Breaker:
    """Count failures in a row; after `FAILURES` refuse for `REST_S` seconds, then let one call try."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._closed_until_s = 0.0

    def rest_s(self) -> float:
        """Return for how many seconds more calls are refused; 0 when one may try."""
        return max(0.0, self._closed_until_s - self._monotonic())

    def succeeded(self) -> None:
        """Note that the provider answers."""
        self._failures, self._closed_until_s = 0, 0.0

    def failed(self) -> None:
        """Note that it did not."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._closed_until_s = self._monotonic() + REST_S


class RetryBudget:
    """Allow one repeated call for five first ones: a provider in trouble is not called three times as often."""

    def __init__(self) -> None:
        self._left = RETRIES

    def called(self) -> None:
        """Note a first call."""
        self._left = min(RETRIES, self._left + RETRIES_PER_CALL)

    def take(self) -> bool:
        """Return whether a call may be repeated now, and count it."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
