"""Leave a provider alone for a while after it failed several times in a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FAILURES: Final = 5
REST_S: Final = 30.0


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
