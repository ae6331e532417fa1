"""Start a program again and again without importing it as often: for tests that kill it.

`Forks` keeps a process that has imported the program and forks a life of it for each `start`: a fiftieth of the
processor time of a process of its own. The life is as real, and `kill -9` ends it as it ends any other.

    python -m tests.forks MODULE [MODULE TO IMPORT BEFORE …]

reads `{"words": […], "env": {…}}` a line and calls `MODULE.run(*words)` in a fork.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_S = 200.0
BORN, DEAD = "born ", "dead "


class Life:
    """Be one process: wait for what it prints, kill it. One at a time of each `Forks`."""

    def __init__(self, pid: int, lines: queue.SimpleQueue[str]) -> None:
        self.pid, self._lines = pid, lines
        self.began_s = time.monotonic()
        self.code: int | None = None

    def line(self, timeout_s: float = PATIENCE_S) -> str:
        """Return the next line that it prints, empty when it has ended or printed nothing in time."""
        if self.code is not None:
            return ""
        try:
            found = self._lines.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return ""
        if found.startswith(DEAD):
            self.code = int(found.removeprefix(DEAD))
            return ""
        return found

    def rest(self, timeout_s: float = PATIENCE_S) -> list[str]:
        """Return all that it prints until it ends."""
        limit_s, lines = time.monotonic() + timeout_s, list[str]()
        while self.code is None and time.monotonic() < limit_s:
            lines += [line] if (line := self.line(limit_s - time.monotonic())) else []
        return lines

    def kill(self) -> int:
        """End it with `kill -9`, unless it has ended; returns its exit status, negative for a signal."""
        if self.code is None:
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(self.pid, signal.SIGKILL)
            self.rest()
        assert self.code is not None, "the process did not die"
        return self.code


class Forks:
    """Hold the process that has imported `module`; use it in a `with`."""

    def __init__(self, module: str, *before: str) -> None:
        command = [sys.executable, "-m", "tests.forks", module, *before]
        self._server = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.terminate()
        self._server.wait()
        self._reader.join()
        self._server.stdout.close()

    def start(self, *words: object, **env: str) -> Life:
        """Begin a life."""
        assert self._server.stdin is not None
        order = {"words": [str(word) for word in words], "env": env}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        born = self._lines.get(timeout=PATIENCE_S)
        assert born.startswith(BORN), born
        return Life(int(born.removeprefix(BORN)), self._lines)

    def _read(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            self._lines.put(line.rstrip("\n"))


def serve(module: str, before: list[str]) -> None:
    """Fork a life for each line of standard input."""
    for name in before:
        importlib.import_module(name)
    program = importlib.import_module(module)
    for line in sys.stdin:
        order: Mapping[str, Mapping[str, str]] = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(writing)
            os.read(reading, 1)  # until the news of its birth is out: its own words come after that
            os.environ.update(order["env"])
            os._exit(live(program.run, order["words"]))
        print(f"{BORN}{pid}", flush=True)
        os.close(reading)
        os.close(writing)
        _, status = os.waitpid(pid, 0)
        print(f"{DEAD}{os.waitstatus_to_exitcode(status)}", flush=True)


def live(run: Callable[..., None], words: Sequence[str]) -> int:
    """Be the program, in the fork; returns its exit status."""
    try:
        run(*words)
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
