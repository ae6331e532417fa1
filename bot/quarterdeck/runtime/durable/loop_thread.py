"""Keep an event loop in a thread of its own, and call over to it and back.

DBOS adopts the event loop that it is launched in: it makes its 16 threads that loop's default executor and
runs the bodies of all runs there. This loop is given to it, so that the bot's own loop stays as it is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, ParamSpec, TypeVar, TypeVarTuple

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

IN_PLACE: Final = frozenset({"dbos._core", "dbos._outcome", "dbos._sys_db"})
IN_A_ROW: Final = 32  # calls in place before the loop looks at what else there is to do


class _Loop(asyncio.SelectorEventLoop):
    """Be a loop that makes DBOS's short calls itself, where DBOS hands each of them to a thread.

    Such a call reads or writes a row or two, or does nothing at all. There is one connection, so that threads would
    only queue for it, and going over to one and back costs as much as the row.
    """

    def __init__(self) -> None:
        super().__init__()
        self._in_a_row = 0
        self.is_closing = False

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call what belongs to DBOS's own work on runs here and now, all else in a thread as usual.

        While the engine closes, whoever asks is cancelled: an error by which DBOS says that it is gone must not go
        on record as the end of a run, which would never go on then.
        """
        if self.is_closing:
            answer: asyncio.Future[T] = self.create_future()
            answer.cancel()
            return answer
        if executor is not None or _module_of(func) not in IN_PLACE:
            return super().run_in_executor(executor, func, *args)
        answer = self.create_future()
        try:
            found = func(*args)
        except Exception as error:  # noqa: BLE001 - handed on to who waits
            answer.set_exception(error)
            return answer
        self._in_a_row = (self._in_a_row + 1) % IN_A_ROW
        if self._in_a_row:
            answer.set_result(found)
        else:
            self.call_soon(_settle, answer, found)
        return answer


def _settle(answer: asyncio.Future[T], found: T) -> None:
    if not answer.done():  # cancelled meanwhile
        answer.set_result(found)


def _module_of(call: Callable[..., Any]) -> str:
    """Name the module of what `asyncio.to_thread` wraps into a partial of `Context.run`."""
    wrapped = call.args[0] if isinstance(call, partial) and call.args else call
    return str(getattr(wrapped, "__module__", ""))


class LoopThread:
    """Run an event loop in a daemon thread, from construction to `stop`."""

    def __init__(self, name: str) -> None:
        self.loop = _Loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    async def call(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Await `function(…)` on the other loop; cancelling reaches it."""
        return await call_on(self.loop, function, *args, **kwargs)

    async def cancel_tasks(self) -> None:
        """Cancel everything that runs on the loop, wait until it has ended, and cancel what still begins."""
        self.loop.is_closing = True

        async def cancel() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.loop.shutdown_asyncgens()

        await self.call(cancel)

    def stop(self) -> None:
        """End the loop and its thread; what still runs on it is dropped."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10.0)


async def call_on(
    loop: asyncio.AbstractEventLoop,
    function: Callable[P, Coroutine[Any, Any, T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Await `function(…)` on `loop`, which runs in another thread; cancelling reaches it."""
    return await hand_over(loop, function, *args, **kwargs)


def hand_over(
    loop: asyncio.AbstractEventLoop,
    function: Callable[P, Coroutine[Any, Any, T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> asyncio.Future[T]:
    """Begin `function(…)` on `loop`, which runs in another thread, and return its future on this one.

    Cancelling the future cancels the call. One hand-over there and one back, without the locks of a future that any
    thread may wait for: what asyncio brings for this costs twice as much.
    """
    visit: _Visit[T] = _Visit(asyncio.get_running_loop(), loop)
    loop.call_soon_threadsafe(visit.begin, partial(function, *args, **kwargs))
    return visit.answer


class _Visit(Generic[T]):
    """Be one call on another loop. `begin`, `end` and `drop` run there, `settle` and `dropped` here."""

    __slots__ = ("_here", "_task", "_there", "answer")

    def __init__(self, here: asyncio.AbstractEventLoop, there: asyncio.AbstractEventLoop) -> None:
        self._here, self._there = here, there
        self._task: asyncio.Task[T] | None = None
        self.answer: asyncio.Future[T] = here.create_future()
        self.answer.add_done_callback(self.dropped)

    def begin(self, call: Callable[[], Coroutine[Any, Any, T]]) -> None:
        if not self.answer.cancelled():
            self._task = self._there.create_task(call())
            self._task.add_done_callback(self.end)

    def end(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        with suppress(RuntimeError):  # the loop that waited is closed
            self._here.call_soon_threadsafe(self.settle, task, error)

    def settle(self, task: asyncio.Task[T], error: BaseException | None) -> None:
        if self.answer.done():
            return
        if task.cancelled():
            self.answer.cancel()
        elif error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())

    def dropped(self, answer: asyncio.Future[T]) -> None:
        if answer.cancelled() and (self._task is None or not self._task.done()):
            with suppress(RuntimeError):  # as above
                self._there.call_soon_threadsafe(self.drop)

    def drop(self) -> None:
        if self._task is not None:
            self._task.cancel()
