"""Let nobody be at work in many places at once: who floods the bot waits for themselves, not others for them.

Conversations are handled side by side, so one person in forty of them would be forty of fifty who want the processor.
Each person therefore has `AT_ONCE` events under way; the next begins when one of theirs is answered, or goes on to wait
for something slow in a lane of its own. What somebody has waiting is bounded, too, so that nobody fills the queue.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Final

AT_ONCE: Final = 2
SHARE: Final = 4  # times what may wait in one conversation: what one person may have waiting in all of theirs


class Turns:
    """Give turns to people, by account; `conversation_limit` is what may wait in one conversation."""

    def __init__(self, conversation_limit: int) -> None:
        self._most = SHARE * conversation_limit
        self._present: Counter[str] = Counter()  # what each has waiting and under way
        self._under_way: Counter[str] = Counter()
        self._holders: dict[str, str] = {}  # who has a turn, by event
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._free: set[str] = set()

    def has_room(self, who: str) -> bool:
        """Tell whether one more event of this account may wait."""
        return self._present[who] < self._most if who in self._present else True

    def came(self, who: str) -> None:
        """Count an event that waits from now on."""
        self._present[who] += 1

    def went(self, who: str) -> None:
        """Count an event that is over."""
        _take_one(self._present, who)

    def free(self, key: str) -> None:
        """Let the event of this key need no turn: it stops another one, say."""
        self._free.add(key)

    async def begin(self, key: str, who: str) -> None:
        """Return when the event of this key may be worked on; end the turn with `end`."""
        if key in self._free:
            self._free.discard(key)
            return
        if self._under_way[who] >= AT_ONCE:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(who, deque()).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # it came just as the wait was given up
                    self._next(who)
                raise
        else:
            self._under_way[who] += 1
        self._holders[key] = who

    def end(self, key: str) -> None:
        """End the turn of an event; twice is once."""
        who = self._holders.pop(key, None)
        if who is not None:
            self._next(who)

    def _next(self, who: str) -> None:
        """Hand a turn that is free again to the next event of the same account."""
        line = self._waiting.get(who)
        while line:
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        else:
            _take_one(self._under_way, who)
        if not line:
            self._waiting.pop(who, None)


def _take_one(counted: Counter[str], who: str) -> None:
    counted[who] -= 1
    if counted[who] <= 0:
        del counted[who]
