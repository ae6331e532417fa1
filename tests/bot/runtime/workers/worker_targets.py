"""Be what the worker tests run in real child processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from quarterdeck.core.errors import NotFound
from quarterdeck.runtime.workers.protocol import Job, Method, Part


def _echo(job: Job) -> Part:
    return Part(job.value, job.blob)


def _count(job: Job) -> Iterator[Part]:
    """Yield 0, 1, 2, … and note in a file when we are closed."""
    limit, note = job.value["limit"], job.value.get("note")
    try:
        for n in range(limit):
            yield Part(n)
    finally:
        if note:
            Path(note).write_text("closed")


_produced = 0


def _tally(job: Job) -> Iterator[Part]:
    """Yield numbers and remember how many were made."""
    global _produced
    for n in range(job.value):
        _produced = n + 1
        yield Part(n)


def _drip(job: Job) -> Iterator[Part]:
    while not job.is_cancelled():
        yield Part("drip")
        time.sleep(0.01)


def _crash(job: Job) -> Part:
    signal.raise_signal(signal.SIGSEGV)
    return Part()


def _hang(job: Job) -> Part:
    threading.Event().wait()
    return Part()


def _hang_after_one(job: Job) -> Iterator[Part]:
    yield Part("first")
    threading.Event().wait()


def _wait(job: Job) -> Part:
    """Work until somebody gives up on us."""
    job.cancelled.wait()
    return Part()


def _eat(job: Job) -> Part:
    return Part(len(bytearray(job.value)))


def _spin(job: Job) -> Part:
    while True:
        pass


def _fail(job: Job) -> Part:
    raise ValueError("no such thing")


def _miss(job: Job) -> Part:
    raise NotFound("no document 'x'", hint="add it")


def _no_json(job: Job) -> Part:
    return Part(object())


def _environment(job: Job) -> Part:
    return Part(dict(os.environ))


def _modules(job: Job) -> Part:
    return Part(sorted(sys.modules))


def _print(job: Job) -> Part:
    print("a library writes to standard output")
    os.write(1, b"and native code too\n")
    return Part("fine")


def _niceness(job: Job) -> Part:
    return Part(os.nice(0))


def serve(options: object) -> Mapping[str, Method]:
    """Offer everything a test may want to go wrong."""

    def close(job: Job) -> Part:
        if isinstance(options, dict) and options.get("note"):
            Path(options["note"]).write_text("closed")
        return Part()

    return {
        "echo": _echo,
        "count": _count,
        "drip": _drip,
        "tally": _tally,
        "produced": lambda job: Part(_produced),
        "crash": _crash,
        "hang": _hang,
        "hang_after_one": _hang_after_one,
        "wait": _wait,
        "eat": _eat,
        "spin": _spin,
        "fail": _fail,
        "miss": _miss,
        "no_json": _no_json,
        "environment": _environment,
        "modules": _modules,
        "print": _print,
        "niceness": _niceness,
        "options": lambda job: Part(options),
        "close": close,
    }


def die_at_start(options: object) -> Mapping[str, Method]:
    """Never come up."""
    print("the model file is broken", file=sys.stderr)
    os._exit(3)


def hang_at_start(options: object) -> Mapping[str, Method]:
    """Never come up, and never say so."""
    threading.Event().wait()
    return {}
