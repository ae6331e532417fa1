"""Hold one child process of a `Worker`: its pipe, its open requests, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import cast

from quarterdeck.core.errors import Unavailable
from quarterdeck.runtime.workers.protocol import LENGTHS, Frame, Kind, Part, lengths

GRACE_S = 2.0  # a child that works gives an overdue request back at once, or at its next item
STOP_TIMEOUT_S = 5.0
LAST_WORDS_S = 0.5  # to read why a child died
PIPE_BUFFER_BYTES = 1024 * 1024
STDERR_TAIL_BYTES = 4000

log = logging.getLogger(__name__)


class Request:
    """Wait for the frames of one request; `deadline` is in the loop's time."""

    def __init__(self, id_: int, deadline: float) -> None:
        self.id, self.deadline = id_, deadline
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.is_over = False
        self.killer: asyncio.TimerHandle | None = None


class Child:
    """Be one running child process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._name, self._process = name, process
        self._next_id = 0
        self._is_stopping = False
        self.requests: dict[int, Request] = {}
        self.stderr_tail = b""
        self.answered = 0
        self.is_doomed = False
        self.gone = asyncio.Event()
        self._reading = asyncio.create_task(self._read(), name=f"worker {name}")
        self._listening = asyncio.create_task(self._listen(), name=f"worker {name} stderr")

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    async def ask(self, kind: Kind, method: str, part: Part, timeout_s: float) -> Request:
        """Send a request and wait until the pipe has taken it; the first is the start itself.

        Raises:
            ValueError: `part` is no JSON or too long; nothing was sent.
        """
        frame = Frame(kind=kind, id=self._next_id, name=method, value=part.value, blob=part.blob)
        packed = frame.pack()
        request = Request(self._next_id, asyncio.get_running_loop().time() + timeout_s)
        self._next_id += 1
        self.requests[request.id] = request
        if self.gone.is_set():
            self._end(request, self._gone_frame(request.id))
            return request
        try:
            await self._send(packed)
        except asyncio.CancelledError:
            self.take_back(request)
            raise
        return request

    async def _send(self, packed: bytes) -> None:
        stdin = cast("asyncio.StreamWriter", self._process.stdin)
        with contextlib.suppress(ConnectionError):  # the reader notices, and ends every request
            stdin.write(packed)
            await stdin.drain()

    def _post(self, frame: Frame) -> None:
        """Write a small frame without waiting."""
        stdin = cast("asyncio.StreamWriter", self._process.stdin)
        if not self.gone.is_set() and not stdin.is_closing():
            stdin.write(frame.pack())

    def want_more(self, request: Request, count: int) -> None:
        """Let a stream produce `count` further items."""
        self._post(Frame(kind="more", id=request.id, value=count))

    def take_back(self, request: Request) -> None:
        """Tell the child that nobody waits for `request`; kill it when it keeps at it beyond the deadline."""
        if request.is_over:
            return
        self._post(Frame(kind="cancel", id=request.id))
        loop = asyncio.get_running_loop()
        request.killer = loop.call_at(max(request.deadline, loop.time()) + GRACE_S, self._kill_hung)

    def _kill_hung(self) -> None:
        log.warning("Worker hung and was killed", extra={"worker": self._name, "pid": self.pid})
        self.kill()

    def kill(self) -> None:
        """End the process at once; it takes no further request."""
        self.is_doomed = True
        if self._process.returncode is None:  # `Process.kill` would reap it, and asyncio lose its exit status
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Close the pipe, wait for the child to leave, kill it when it does not."""
        self._is_stopping = True
        stdin = cast("asyncio.StreamWriter", self._process.stdin)
        stdin.close()
        try:
            await asyncio.wait({self._reading}, timeout=STOP_TIMEOUT_S)
        finally:
            self.kill()
            await self._reading

    async def _read(self) -> None:
        stdout = cast("asyncio.StreamReader", self._process.stdout)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            while True:
                head_bytes, blob_bytes = lengths(await stdout.readexactly(LENGTHS.size))
                head = await stdout.readexactly(head_bytes)
                blob = await stdout.readexactly(blob_bytes) if blob_bytes else b""
                self._deliver(Frame.unpack(head, blob))
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await asyncio.gather(self._process.wait(), asyncio.shield(self._listening))
        except TimeoutError:  # it lives without its pipe
            self.kill()
        await self._mourn()

    async def _listen(self) -> None:
        stderr = cast("asyncio.StreamReader", self._process.stderr)
        while piece := await stderr.read(PIPE_BUFFER_BYTES):
            self.stderr_tail = (self.stderr_tail + piece)[-STDERR_TAIL_BYTES:]

    def _deliver(self, frame: Frame) -> None:
        request = self.requests.get(frame.id)
        if request is None:
            return
        if frame.kind == "item":
            request.frames.put_nowait(frame)
        else:
            self.answered += frame.kind in ("ready", "end")
            self._end(request, frame)

    def _end(self, request: Request, frame: Frame) -> None:
        request.is_over = True
        request.frames.put_nowait(frame)
        self.requests.pop(request.id, None)
        if request.killer:
            request.killer.cancel()

    async def _mourn(self) -> None:
        """End every open request after the pipe has closed."""
        await self._process.wait()
        self._listening.cancel()
        self.gone.set()
        if not self._is_stopping:
            extra = {"worker": self._name, "pid": self.pid, "exit": self._process.returncode}
            log.warning("Worker died", extra={**extra, "stderr": self.stderr_tail.decode(errors="replace")})
        for request in list(self.requests.values()):
            self._end(request, self._gone_frame(request.id))

    def _gone_frame(self, id_: int) -> Frame:
        code = self._process.returncode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"left with status {code}"
        message = f"the {self._name} worker {'was stopped' if self._is_stopping else how}"
        return Frame(kind="error", id=id_, name=Unavailable.__name__, value={"message": message, "hint": ""})
