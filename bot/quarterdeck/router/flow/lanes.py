"""Run work in order within a conversation and side by side across conversations.

A conversation has a task only while it has work, so a thousand quiet ones cost nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Lanes(Generic[T]):
    """Hand items to `work` one after the other for each key. Tasks belong to the group given to `start`.

    Supervises: an item whose work raises is logged and left behind (it is on disk), and the lane goes on.
    """

    def __init__(
        self, name: str, work: Callable[[T], Awaitable[None]], *, lane_limit: int, total_limit: int
    ) -> None:
        self._name, self._work = name, work
        self._lane_limit, self._total_limit = lane_limit, total_limit
        self._lanes: dict[str, deque[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._is_ending = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._held = 0
        self.waiting = 0

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to work, also on what was put before."""
        self._group = group
        for key in self._lanes:
            self._spawn(key)

    def has_room(self, key: str, *, coming_here: int = 0, coming: int = 0) -> bool:
        """Tell whether one more item for `key` fits beside so many that are about to be put."""
        here = len(self._lanes.get(key, ())) + coming_here
        return self.waiting + coming < self._total_limit and here < self._lane_limit

    def is_idle(self, key: str) -> bool:
        """Tell whether nothing of `key` waits or is under way."""
        return key not in self._lanes

    def of(self, key: str) -> list[T]:
        """Return what of `key` waits and is under way, oldest first."""
        return list(self._lanes.get(key, ()))

    def items(self) -> Iterator[T]:
        """Yield what waits and what is under way."""
        for lane in self._lanes.values():
            yield from lane

    def put(self, key: str, item: T) -> None:
        """Queue an item. Limits are the caller's to ask for: what is on disk already must be taken."""
        self.waiting += 1
        self._idle.clear()
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(item)
            return
        self._lanes[key] = deque([item])
        if self._group is not None and not self._is_ending:
            self._spawn(key)

    def hold(self) -> None:
        """Count something beside the lanes that `drained` is to wait for, until `release`."""
        self._held += 1
        self._idle.clear()

    def release(self) -> None:
        """Say that it is over."""
        self._held -= 1
        if not self._lanes and not self._held:
            self._idle.set()

    async def drained(self) -> None:
        """Return once nothing waits or is under way."""
        await self._idle.wait()

    async def finish(self, limit_s: float) -> bool:
        """Begin nothing more and wait for what is under way; after `limit_s` cancel it and return False."""
        self._is_ending = True
        is_done = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=max(0.0, limit_s))
            is_done = not late
        self.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        return is_done

    def cancel(self) -> None:
        """Stop what is under way; what waits stays where it is on disk."""
        self._is_ending = True
        for task in self._tasks:
            task.cancel()

    def _spawn(self, key: str) -> None:
        assert self._group is not None
        task = self._group.create_task(self._run(key), name=f"{self._name}:{key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: str) -> None:
        lane = self._lanes[key]
        while lane and not self._is_ending:
            try:
                await self._work(lane[0])
            except Exception:
                log.exception("Left behind until the next start", extra={"lane": self._name})
            finally:
                lane.popleft()
                self.waiting -= 1
        if not lane:
            del self._lanes[key]
        if not self._lanes and not self._held:
            self._idle.set()
