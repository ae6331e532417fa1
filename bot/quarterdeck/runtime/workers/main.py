"""Be the child process of a `Worker`: `python -m quarterdeck.runtime.workers.main NAME`.

The pipe is standard input and output; whatever a library prints goes to standard error instead. End of
input means that the bot is gone or wants us gone: leave at once, whatever native code is doing.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.runtime.workers.protocol import LENGTHS, Frame, Job, Method, Part, Target, lengths

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

CLOSE_TIMEOUT_S = 3.0
ERROR_LIMIT = 2000  # characters of an error's text
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Pipe:
    """Read frames from one thread and write them from many."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer, self._lock = reader, writer, threading.Lock()

    def read(self) -> Frame | None:
        """Wait for the next frame; None at the end of input."""
        prefix = self._reader.read(LENGTHS.size)
        if len(prefix) < LENGTHS.size:
            return None
        head_bytes, blob_bytes = lengths(prefix)
        head, blob = self._reader.read(head_bytes), self._reader.read(blob_bytes)
        if len(head) < head_bytes or len(blob) < blob_bytes:
            return None
        return Frame.unpack(head, blob)

    def write(self, packed: bytes) -> None:
        """Send a packed frame; leaves the process when the bot is gone."""
        try:
            with self._lock:
                self._writer.write(packed)
                self._writer.flush()
        except OSError:
            os._exit(0)


class Service:
    """Run the jobs that come over the pipe on `threads` threads, oldest first."""

    def __init__(self, pipe: Pipe, methods: Mapping[str, Method], threads: int) -> None:
        self._pipe, self._methods = pipe, methods
        self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._waiting: dict[int, Job] = {}
        self._running: dict[int, Job] = {}
        self._lock = threading.Lock()
        for n in range(threads):
            threading.Thread(target=self._work, name=f"job-{n}", daemon=True).start()

    def take(self, frame: Frame) -> None:
        """Do what a frame from the bot says; never blocks."""
        match frame.kind:
            case "call" | "stream":
                job = Job(
                    id=frame.id,
                    method=frame.name,
                    value=frame.value,
                    blob=frame.blob,
                    streams=frame.kind == "stream",
                )
                with self._lock:
                    self._waiting[job.id] = job
                self._queue.put(job.id)
            case "cancel":
                self._cancel(frame.id)
            case "more":
                with self._lock:
                    running = self._running.get(frame.id)
                if running:
                    running.window.release(cast("int", frame.value))
            case _:
                raise ValueError(f"a worker cannot take a {frame.kind!r} frame")

    def _cancel(self, id_: int) -> None:
        with self._lock:
            waiting = self._waiting.pop(id_, None)
            running = self._running.get(id_)
        if waiting:
            self._pipe.write(Frame(kind="cancelled", id=id_).pack())
        elif running:
            running.cancelled.set()
            running.window.release()  # wake it when it waits for its reader

    def _work(self) -> None:
        while True:
            id_ = self._queue.get()
            with self._lock:
                job = self._waiting.pop(id_, None)
                if job is None:
                    continue
                self._running[id_] = job
            last = self._run(job)
            with self._lock:
                del self._running[id_]
            self._pipe.write(last)

    def _run(self, job: Job) -> bytes:
        """Do the job and return its last frame, packed; whatever it raises becomes that frame."""
        try:
            method = self._methods[job.method]
            result = method(job)
            if isinstance(result, Part):
                return Frame(kind="end", id=job.id, value=result.value, blob=result.blob).pack()
            return self._stream(job, result).pack()
        except Exception as error:  # noqa: BLE001 - the supervisor here: a job's failure is its caller's
            return _error_frame(job.id, error)

    def _stream(self, job: Job, parts: Iterator[Part]) -> Frame:
        close = getattr(parts, "close", None)
        try:
            for part in parts:
                job.window.acquire()
                if job.is_cancelled():
                    return Frame(kind="cancelled", id=job.id)
                self._pipe.write(Frame(kind="item", id=job.id, value=part.value, blob=part.blob).pack())
        finally:
            if close is not None:
                close()
        return Frame(kind="cancelled" if job.is_cancelled() else "end", id=job.id)


def _error_frame(id_: int, error: Exception) -> bytes:
    hint = error.hint if isinstance(error, QuarterdeckError) else ""
    value = {"message": str(error)[:ERROR_LIMIT], "hint": hint}
    return Frame(kind="error", id=id_, name=type(error).__name__, value=value).pack()


def _take_the_pipe() -> Pipe:
    """Keep standard input and output for frames and give libraries others."""
    reader, writer = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return Pipe(os.fdopen(reader, "rb"), os.fdopen(writer, "wb"))


def _die_with(parent_pid: int) -> None:
    """Ask Linux to kill us when the bot dies; elsewhere the end of input must do."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:
            os._exit(0)


def _limit(limits: Mapping[str, Json]) -> None:
    """Take on the limits: bytes of address space, seconds of processor time, niceness."""
    niceness = cast("int", limits.get("niceness") or 0)
    if niceness:
        os.nice(niceness)
    if sys.platform != "linux":
        return
    import resource

    for kind, key in ((resource.RLIMIT_AS, "memory_bytes"), (resource.RLIMIT_CPU, "cpu_s")):
        limit = cast("int | None", limits.get(key))
        if limit:
            resource.setrlimit(kind, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _load(target: str) -> Target:
    module, _, function = target.partition(":")
    return cast("Target", getattr(importlib.import_module(module), function))


def _set_up(pipe: Pipe, start: Frame) -> Mapping[str, Method] | None:
    """Load the target; tells the bot and returns None when that fails."""
    order = cast("Mapping[str, Json]", start.value)
    try:
        _limit(cast("Mapping[str, Json]", order["limits"]))
        methods = _load(cast("str", order["target"]))(order["options"])
    except Exception as error:  # noqa: BLE001 - the supervisor here: the bot shows what is wrong
        pipe.write(_error_frame(0, error))
        return None
    pipe.write(Frame(kind="ready").pack())
    return methods


def _close(methods: Mapping[str, Method]) -> None:
    """Run the target's `close`, for a few seconds at most."""
    close = methods.get("close")
    if close is None:
        return
    timer = threading.Timer(CLOSE_TIMEOUT_S, os._exit, (1,))
    timer.daemon = True
    timer.start()
    with contextlib.suppress(Exception):
        close(Job(id=0, method="close"))


def main() -> None:
    """Serve until the end of input."""
    for ignored in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and systemd reach us too, but the bot decides
        signal.signal(ignored, signal.SIG_IGN)
    pipe = _take_the_pipe()
    start = pipe.read()
    if start is None:
        return
    order = cast("Mapping[str, Json]", start.value)
    _die_with(cast("int", order["parent_pid"]))
    methods = _set_up(pipe, start)
    if methods is None:
        os._exit(1)
    service = Service(pipe, methods, cast("int", order["threads"]))
    while (frame := pipe.read()) is not None:
        service.take(frame)
    _close(methods)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
