"""Keep an event loop in a thread of its own, and call over to it and back.

DBOS adopts the event loop that it is launched in: it makes its 16 threads that loop's default executor and
runs the bodies of all runs there. This loop is given to it, so that the bot's own loop stays as it is.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """Run an event loop in a daemon thread, from construction to `stop`."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
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
        """Cancel everything that runs on the loop, and wait until it has ended."""

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
    future: concurrent.futures.Future[T] = asyncio.run_coroutine_threadsafe(function(*args, **kwargs), loop)
    return await asyncio.wrap_future(future)
