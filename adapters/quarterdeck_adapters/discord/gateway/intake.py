"""Hand events over so that none is lost: the session's number moves on only past what is on disk.

After a kill Discord sends everything after that number again, and the inbox knows what it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, Final

from quarterdeck.core.adapter import Accept
from quarterdeck.core.errors import Busy, ServiceError
from quarterdeck.core.event import Event
from quarterdeck.core.ports import Clock

MOST_AT_ONCE: Final = 2_000  # events on their way to disk; then we stop reading and Discord waits
PAUSE_S: Final = 1.0

log = logging.getLogger(__name__)


class Intake:
    """Accept events side by side, in order within a conversation. What finds no room is tried again."""

    def __init__(self, accept: Accept, clock: Clock) -> None:
        self._accept, self._clock = accept, clock
        self._order: deque[list[int]] = deque()  # [number, how many of its events are not on disk yet]
        self._held: dict[str, deque[tuple[Event, list[int]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._open = 0
        self.number: int | None = None  # everything up to here is on disk

    def take(self, number: int, events: Sequence[Event]) -> None:
        """Accept what came under `number`; returns at once."""
        if not events and not self._order:
            self.number = number
            return
        ticket = [number, len(events)]
        self._order.append(ticket)
        for event in events:
            self._spawn(self._take(event, ticket))

    def run(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` accept what came under `number`."""
        ticket = [number, 1]
        self._order.append(ticket)
        self._spawn(self._run(work, ticket))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._open += 1
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._open >= MOST_AT_ONCE:
            self._room.clear()

    async def _run(self, work: Coroutine[Any, Any, None], ticket: list[int]) -> None:
        try:
            await work
        finally:
            self._done(ticket)

    async def room(self) -> None:
        """Return when more may be read."""
        await self._room.wait()

    @property
    def has_room(self) -> bool:
        """Tell whether more may be read now."""
        return self._room.is_set()

    def forget(self) -> None:
        """Begin to count anew: the numbers of another session follow."""
        self._order.clear()
        self.number = None

    async def drain(self, limit_s: float) -> None:
        """Wait for what is on its way to disk; what does not get there is sent again after the next start."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limit_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self, conversation_ids: Iterable[str]) -> None:
        """Let what comes in these conversations wait until `release`: something older is still to come."""
        for conversation in conversation_ids:
            self._held.setdefault(conversation, deque())

    async def late(self, event: Event) -> None:
        """Accept what was read from the history, ahead of what is held; returns when it is on disk."""
        while not await self._try(event):
            await self._clock.sleep(PAUSE_S)

    async def release(self, conversation: str) -> None:
        """Accept what was held; returns when it is on disk."""
        queue = self._held.get(conversation, deque())
        while queue:
            event, ticket = queue.popleft()
            if await self._try(event):
                self._done(ticket)
            else:
                queue.appendleft((event, ticket))
                await self._clock.sleep(PAUSE_S)
        self._held.pop(conversation, None)

    async def _take(self, event: Event, ticket: list[int]) -> None:
        conversation = event.conversation.id
        if (waiting := self._held.get(conversation)) is not None:
            waiting.append((event, ticket))
            return
        if await self._try(event):
            self._done(ticket)
            return
        if (waiting := self._held.get(conversation)) is not None:  # one that came earlier failed meanwhile
            waiting.append((event, ticket))
            return
        self._held[conversation] = deque([(event, ticket)])
        await self._clock.sleep(PAUSE_S)
        await self.release(conversation)

    async def _try(self, event: Event) -> bool:
        """Accept; False where there is no room, or no disk, just now."""
        try:
            await self._accept(event)
        except Busy:
            return False
        except ServiceError as error:
            if error.retryable:
                log.error("Event not stored; trying again", extra={"error": error.message})
                return False
            log.error("Event refused by the store", extra={"event": event.key, "error": error.message})
        return True

    def _done(self, ticket: list[int]) -> None:
        self._open -= 1
        ticket[1] -= 1
        while self._order and self._order[0][1] == 0:
            self.number = self._order.popleft()[0]
        if self._open < MOST_AT_ONCE // 2:
            self._room.set()
