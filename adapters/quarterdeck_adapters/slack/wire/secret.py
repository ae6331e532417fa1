"""Resolve a secret anew every second: one that was changed holds from then on, and a request costs no look-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quarterdeck.core.ports import Clock

FRESH_S: Final = 1.0


class Secret:
    """Hold a secret for a second. `resolve` returns its present value."""

    def __init__(self, resolve: Callable[[], str], clock: Clock) -> None:
        self._resolve, self._clock = resolve, clock
        self._value, self._until_s = "", float("-inf")

    def value(self) -> str:
        """Return it.

        Raises:
            SetupError: it is missing or blank now.
        """
        now_s = self._clock.monotonic()
        if now_s >= self._until_s:
            self._value = self._resolve()
            self._until_s = now_s + FRESH_S
        return self._value
