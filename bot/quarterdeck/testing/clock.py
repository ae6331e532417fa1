"""Let a test own the time: nobody who sleeps on this clock wakes before the test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

SETTLE_ROUNDS = (
    20  # loop passes that a woken sleeper gets before time moves on; enough for a few awaits in a row
)


class FakeClock:
    """Stand still until `advance`; sleepers wake in the order of their deadlines, equal ones in the order they came."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return self._now

    def now_ms(self) -> int:
        """Return the present moment in ms since the epoch."""
        return (self._now - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        """Return the seconds that `advance` has passed so far."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has advanced this far; not at all when `seconds` is not positive."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._order), wake))
        self._changed.set()
        await wake

    async def advance(self, seconds: float) -> None:
        """Pass `seconds`, stopping at each deadline on the way until who woke there has had its turn."""
        end_s = self._elapsed_s + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            deadline_s, _, wake = heapq.heappop(self._sleepers)
            if wake.done():
                continue
            self._move_to(deadline_s)
            wake.set_result(None)
            await self._settle()
        self._move_to(end_s)

    async def wait_for_sleepers(self, count: int = 1) -> None:
        """Return once at least `count` tasks sleep on this clock, for code that does real work in between."""
        while sum(not wake.done() for _, _, wake in self._sleepers) < count:
            self._changed.clear()
            await self._changed.wait()

    def _move_to(self, elapsed_s: float) -> None:
        self._now += timedelta(seconds=elapsed_s - self._elapsed_s)
        self._elapsed_s = elapsed_s

    async def _settle(self) -> None:
        for _ in range(SETTLE_ROUNDS):
            await asyncio.sleep(0)
