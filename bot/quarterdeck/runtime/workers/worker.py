"""Keep heavy native work in child processes: a crash or a hang there costs its requests, never the bot.

A child is spawned (never forked) at the first request, imports only its target, and knows no secret: its
environment is written from scratch. Requests have ids, so that several can be under way; a request that
nobody waits for any more is taken back from the child, and a child that keeps at one beyond its deadline is
killed. The next request starts a new child, after a growing pause when they keep dying.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from quarterdeck.core.errors import (
    Busy,
    Denied,
    NotFound,
    QuarterdeckError,
    Rejected,
    SetupError,
    Unavailable,
    UsageError,
    UserError,
)
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.workers.process import PIPE_BUFFER_BYTES, Child, Request
from quarterdeck.runtime.workers.protocol import WINDOW, Frame, Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quarterdeck.core.ports import Json

__all__ = ["Limits", "Part", "Worker"]

LONGEST_PAUSE_S = 30.0

PASSED_ON = {known.__name__: known for known in (UserError, UsageError, Denied, NotFound, Busy, SetupError)}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound a child: bytes of address space, seconds of processor time in its life, niceness above ours.

    The first two hold on Linux only; None means no bound.
    """

    memory_bytes: int | None = None
    cpu_s: int | None = None
    niceness: int = 5


class Worker:
    """Run `target` (`module:function`) in a child process and send it requests.

    `threads` is how many requests the child works on at once; others wait there, oldest first.
    """

    def __init__(
        self,
        name: str,
        target: str,
        *,
        options: Json = None,
        limits: Limits = Limits(),  # noqa: B008 - cannot be changed
        threads: int = 1,
        start_timeout_s: float = 60.0,
        queue_limit: int = 1000,
        environment: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._target, self._options, self._limits = name, target, options, limits
        self._threads, self._start_timeout_s, self._queue_limit = threads, start_timeout_s, queue_limit
        self._environment, self._monotonic = dict(environment or {}), monotonic
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._is_stopped = False
        self._deaths = 0
        self._not_before_s = 0.0

    @property
    def pid(self) -> int | None:
        """Return the process id of the running child, None where none runs."""
        return self._child.pid if self._child and not self._child.gone.is_set() else None

    @property
    def open_requests(self) -> int:
        """Return how many requests the child has, being worked on or waiting."""
        return len(self._child.requests) if self._child else 0

    async def call(
        self, method: str, value: Json = None, blob: bytes = b"", *, timeout_s: float = 60.0
    ) -> Part:
        """Have the child do one job and return its result; `timeout_s` includes waiting in the child's queue.

        Raises:
            Busy: `queue_limit` requests are open.
            Unavailable: the child died, hangs, or did not finish in time.
            ValueError: `value` is no JSON.
            QuarterdeckError: as the method raised it; what is none of ours becomes `Rejected`.
        """
        child = await self._running()
        request = await child.ask("call", method, Part(value, blob), timeout_s)
        try:
            frame = await self._next(request, timeout_s)
        finally:
            child.take_back(request)
        return Part(frame.value, frame.blob)

    async def stream(
        self,
        method: str,
        value: Json = None,
        blob: bytes = b"",
        *,
        timeout_s: float = 180.0,
        idle_s: float = 60.0,
    ) -> AsyncGenerator[Part, None]:
        """Yield what the child's generator yields; close this iterator (`aclosing`) to stop it early.

        `timeout_s` bounds the whole, `idle_s` the wait for each item.

        Raises:
            Busy, Unavailable, QuarterdeckError: as `call`.
        """
        child = await self._running()
        request = await child.ask("stream", method, Part(value, blob), timeout_s)
        taken = 0
        try:
            while (frame := await self._next(request, idle_s)).kind == "item":
                yield Part(frame.value, frame.blob)
                taken += 1
                if taken % (WINDOW // 2) == 0:
                    child.want_more(request, WINDOW // 2)
        finally:
            child.take_back(request)

    async def stop(self) -> None:
        """End the child; open requests fail with `Unavailable`, and so do later ones."""
        self._is_stopped = True
        if self._child:
            await self._child.stop()
        async with self._starting:  # whoever was starting it has seen its end
            self._child = None

    async def _next(self, request: Request, wait_s: float) -> Frame:
        """Wait for the request's next frame and raise what it reports."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(request.deadline, loop.time() + wait_s)):
                frame = await request.frames.get()
        except TimeoutError:
            request.deadline = min(request.deadline, loop.time())
            raise Unavailable(
                f"the {self._name} worker gave no answer in {wait_s:g} s", service=self._name
            ) from None
        if frame.kind == "error":
            raise self._error(frame)
        return frame

    def _error(self, frame: Frame) -> QuarterdeckError:
        """Make the exception that an error frame tells of."""
        told = cast("Mapping[str, str]", frame.value)
        message, hint = told["message"], told["hint"]
        if frame.name in ("MemoryError", "Unavailable"):
            message = message or f"the {self._name} worker ran out of memory"
            return Unavailable(message, service=self._name, hint=hint)
        if frame.name in PASSED_ON:
            return PASSED_ON[frame.name](message, hint=hint)
        detail = f"{frame.name}: {message}"
        text = f"the {self._name} worker failed: {detail}"
        return Rejected(text, service=self._name, status=500, detail=detail)

    async def _running(self) -> Child:
        """Return the child, starting one where none runs."""
        async with self._starting:
            if self._is_stopped:
                raise Unavailable(f"the {self._name} worker was stopped", service=self._name)
            if self._child and (self._child.is_doomed or self._child.gone.is_set()):
                await self._bury(self._child)
            if self._child is None:
                await self._start()
            child = cast("Child", self._child)
            if len(child.requests) >= self._queue_limit:
                message = f"the {self._name} worker has {self._queue_limit} requests waiting"
                raise Busy(message, hint="try again in a moment")
            return child

    async def _bury(self, child: Child) -> None:
        """Forget a dead child; the more die in a row without an answer, the longer the next waits."""
        await child.stop()
        self._child = None
        metrics.WORKER_RESTARTS.add(worker=self._name)
        self._deaths = 1 if child.answered > 1 else self._deaths + 1  # its `ready` is the first
        self._pause()

    def _pause(self) -> None:
        pause_s = 0.0 if self._deaths < 2 else min(LONGEST_PAUSE_S, 0.5 * 2.0 ** min(self._deaths - 1, 10))
        self._not_before_s = self._monotonic() + pause_s

    async def _start(self) -> None:
        left_s = self._not_before_s - self._monotonic()
        if left_s > 0:
            message = f"the {self._name} worker died {self._deaths} times in a row and rests {left_s:.1f} s"
            raise Unavailable(message, service=self._name, retry_after_s=left_s)
        child = self._child = Child(self._name, await self._spawn())
        try:
            request = await child.ask("start", "", Part(self._order()), self._start_timeout_s)
            await self._next(request, self._start_timeout_s)
        except BaseException:
            child.kill()
            await child.stop()
            self._child = None
            self._deaths += 1
            self._pause()
            raise
        log.info("Worker started", extra={"worker": self._name, "pid": child.pid})

    def _order(self) -> Json:
        return {
            "target": self._target,
            "options": self._options,
            "limits": asdict(self._limits),
            "threads": self._threads,
            "parent_pid": os.getpid(),
        }

    async def _spawn(self) -> asyncio.subprocess.Process:
        environment = {
            "PATH": os.defpath,
            "HOME": str(Path.home()),
            "TMPDIR": tempfile.gettempdir(),
            "PYTHONUTF8": "1",
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            **self._environment,
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "quarterdeck.runtime.workers.main", self._name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            limit=PIPE_BUFFER_BYTES,
        )
