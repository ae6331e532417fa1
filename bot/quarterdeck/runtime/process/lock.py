"""Keep the data folder to one process at a time.

The kernel holds the lock (`flock`) and lets go of it when the process ends, however it ends: a file left behind
by a killed process is no obstacle.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass

MODE: Final = 0o600
LONGEST_NOTE: Final = 200  # bytes; the file holds a process id and a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Say who holds the lock: the process, and the verb that it runs. `pid` 0: it has not said so yet."""

    pid: int
    verb: str


class Held(SetupError):
    """Somebody else works on the data folder."""

    def __init__(self, holder: Holder, path: Path) -> None:
        who = f"quarterdeck {holder.verb}, process {holder.pid}," if holder.pid else "another process"
        super().__init__(
            f"{who} works on {path.parent} already",
            hint=f"stop it first (kill {holder.pid}), or set another data_dir" if holder.pid else "try again",
            key="data_dir",
        )
        self.holder = holder


class Lock:
    """Hold the lock while the `with` block runs."""

    def __init__(self, path: Path, verb: str) -> None:
        self._path, self._verb = path, verb
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, at once or not at all.

        Raises:
            Held: another process has it.
            SetupError: the file cannot be opened, or its file system knows no locks.
        """
        descriptor = _open(self._path)
        try:
            _flock(descriptor, self._path)
            note = f"{os.getpid()} {self._verb}\n".encode()
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note[:LONGEST_NOTE], 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; the file stays, so that nobody locks a file that is about to vanish."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder_of(path: Path) -> Holder:
    """Read who wrote the lock file last; only meaningful while somebody holds it."""
    try:
        note = path.read_bytes()[:LONGEST_NOTE].decode("utf-8", "replace")
    except OSError:
        note = ""
    pid, _, verb = note.strip().partition(" ")
    return Holder(pid=int(pid) if pid.isdecimal() else 0, verb=verb)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    except OSError as error:
        raise SetupError(
            f"cannot open {path}: {error.strerror}",
            hint="data_dir must be a folder that you may write to",
            key="data_dir",
        ) from error


def _flock(descriptor: int, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise Held(holder_of(path), path) from None
        raise SetupError(
            f"cannot lock {path}: {error.strerror}",
            hint="put data_dir on a local disk; some network file systems know no locks",
            key="data_dir",
        ) from error
