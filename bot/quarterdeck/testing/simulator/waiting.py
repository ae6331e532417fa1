"""Wake those who wait for the simulated world to be different."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Look again whenever something changed, and never in between; `count` is how often that was."""

    def __init__(self) -> None:
        self.count = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Say that something changed."""
        self.count += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(
        self, look: Callable[[], T | None], *, timeout_s: float, what: Callable[[], str] | str
    ) -> T:
        """Return what `look` finds as soon as that is true: not None, not empty.

        Raises:
            TimeoutError: it found nothing in `timeout_s` real seconds; says `what` was waited for.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    found = look()
                    if found:
                        return found
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
        except TimeoutError as error:
            words = what if isinstance(what, str) else what()
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {words}") from error
