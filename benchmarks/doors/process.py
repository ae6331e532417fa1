"""Start a bot on a core of its own and count the processor time of its whole process tree."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

BOT_CPU, LOAD_CPU = 0, 1
STOP_S = 20.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run `command` on the bots' core; yields its pid, and ends it with its children."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(BOT_CPU), sys.executable, *command],
            env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that `pid` and its descendants have had, all threads, from the kernel's counters."""
    total_ns = 0
    for member in _tree(pid):
        for task in Path(f"/proc/{member}/task").glob("*/schedstat"):
            try:
                total_ns += int(task.read_text().split()[0])
            except OSError:  # it ended meanwhile
                continue
    return total_ns / 1e9


def resident_mib(pid: int) -> float:
    """Return the memory of `pid` and its descendants."""
    pages = 0
    for member in _tree(pid):
        try:
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _tree(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found
