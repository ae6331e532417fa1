"""Bound many short waits by one moment, for the price of one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """End any wait that is under way at the moment; unlike `asyncio.timeout` it may stay open while others run.

    A stream of a thousand pieces would set and clear a thousand timers otherwise.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False
        self._waiting: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Deadline:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Return what `awaitable` returns.

        Raises:
            TimeoutError: the moment came before.
        """
        task = self._waiting = asyncio.current_task()
        try:
            if self._is_over and task is not None:
                task.cancel()
            return await awaitable
        except asyncio.CancelledError:
            if self._is_over and task is not None and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def _end(self) -> None:
        self._is_over = True
        if self._waiting is not None:
            self._waiting.cancel()
