"""Share a few slots between many people: who has fewest at work goes next, so nobody can take them all for long."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSlots:
    """Hold `count` slots. Of those who wait, the one with the fewest slots comes next; of equals, who waits longest."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def slot(self, who: str) -> AsyncIterator[None]:
        """Hold a slot for `who` while the block runs."""
        await self._take(who)
        try:
            yield
        finally:
            self._give(who)

    async def _take(self, who: str) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            self._held[who] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came just as the wait was given up
                self._give(who)
            else:
                self._leave(who, turn)
            raise

    def _give(self, who: str) -> None:
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
        self._free += 1
        self._next()

    def _leave(self, who: str, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(who)
        if line is not None and turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[who]

    def _next(self) -> None:
        """Hand free slots to those who wait."""
        while self._free and self._waiting:
            who = self._least()
            line = self._waiting[who]
            turn = line.popleft()
            if line:
                self._waiting.move_to_end(who)
            else:
                del self._waiting[who]
            if turn.cancelled():
                continue
            self._free -= 1
            self._held[who] += 1
            turn.set_result(None)

    def _least(self) -> str:
        """Return who of those that wait holds fewest, of equals the first; most hold none, so few are looked at."""
        least, fewest = "", -1
        for who in self._waiting:
            held = self._held.get(who, 0)
            if not held:
                return who
            if fewest < 0 or held < fewest:
                least, fewest = who, held
        return least
