"""Run blocking work in threads of our own, and keep long-lived tasks alive.

Our own executor, because the durable engine replaces the event loop's default one by its 16 threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from quarterdeck.core.ports import Clock
from quarterdeck.runtime.clock import SystemClock

THREADS = 8  # blocking calls here are short: file work, password hashing, sqlite backups
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
HEALTHY_AFTER_S = 60.0  # a task that ran this long starts over with the first pause

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_executor = ThreadPoolExecutor(THREADS, thread_name_prefix="quarterdeck")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call blocking `call` in a thread and return its result; context variables travel along.

    Cancelling stops the waiting only: the thread finishes its call.
    """
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(
        _executor, functools.partial(context.run, call, *args, **kwargs)
    )


async def abreast() -> None:
    """Let all else that has arrived come as far as this; then it goes on, one after the other.

    A burst of requests is worked through step by step rather than request by request: the code and data of a step stay
    in the processor's caches. That took 15 % off a command under load (measured on Slack's door, three such places);
    more places cost more than they bring. A request that is alone waits a turn of the loop, some us.
    """
    await asyncio.sleep(0)


@contextmanager
def unwrapped() -> Iterator[None]:
    """Let an error that is the only one of its task group out as itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


async def supervise(name: str, run: Callable[[], Awaitable[None]], *, clock: Clock | None = None) -> None:
    """Await `run()`, and again after each failure, with growing pauses; return when it returns.

    The first failure in a row is logged with its traceback, further ones in one line.
    """
    clock = clock or SystemClock()
    failures = 0
    while True:
        started_s = clock.monotonic()
        try:
            await run()
        except Exception as error:
            if clock.monotonic() - started_s >= HEALTHY_AFTER_S:
                failures = 0
            failures += 1
            pause_s = pause_after(failures)
            log.error(
                "Task failed and starts over",
                extra={"task": name, "failures": failures, "pause_s": pause_s, "error": repr(error)},
                exc_info=error if failures == 1 else None,
            )
            await clock.sleep(pause_s)
        else:
            return


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: doubling, bounded, up to a quarter less by chance."""
    longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30))
    return longest_s * random.uniform(0.75, 1.0)  # noqa: S311  spreads load, guards nothing
