"""Read and write inside a run's own folder, and nowhere else: no `..`, no absolute names, through no link."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from quarterdeck.core.action import ActionCall
from quarterdeck.core.errors import NotFound, UsageError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
PARTS: Final = 8
NAME_BYTES: Final = 255
HINT: Final = "write a plain relative name, such as out/rows.csv"


class RunFolder:
    """Hold a run's folder; it is made when the first file is written. It holds `most_bytes`, None: any number."""

    def __init__(self, root: Path, most_bytes: int | None = None) -> None:
        self._root, self._most_bytes = root, most_bytes
        self._used: int | None = None  # looked at once: what others write meanwhile is theirs to count

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Return a file's content.

        Raises:
            UsageError: the name leads outside, the file is no plain file, or it is larger than the limit.
            NotFound: there is no such file.
        """
        with self.open(name) as file:
            content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise UsageError(
                f"{name!r} is larger than {limit_bytes} bytes", hint="read less of it, or upload it as it is"
            )
        return content

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading.

        Raises:
            UsageError, NotFound: as `read`.
        """
        parts = _parts(name)
        try:
            with self._folder(parts[:-1], makes=False) as folder:
                handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError as error:
            raise NotFound(
                f"the run has no file {name!r}", hint="name a file that an earlier step wrote"
            ) from error
        except OSError as error:
            raise _escape(name) from error
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _escape(name)
            yield file

    def write(self, name: str, content: bytes) -> Path:
        """Write a file, whole or not at all, and return its path.

        Raises:
            UsageError: the name leads outside, something else has it, or the folder is full.
        """
        parts = _parts(name)
        self.claim(len(content))
        partial = f".{hashlib.sha256(parts[-1].encode()).hexdigest()[:16]}.partial"
        try:
            with self._folder(parts[:-1], makes=True) as folder:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(partial, dir_fd=folder)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                with os.fdopen(os.open(partial, flags, FILE_MODE, dir_fd=folder), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(partial, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            raise _escape(name) from error
        return self._root.joinpath(*parts)

    def claim(self, size_bytes: int) -> None:
        """Count what is about to be written.

        Raises:
            UsageError: the run's files would be more than they may.
        """
        if self._most_bytes is None:
            return
        if self._used is None:
            self._used = _size_of(self._root)
        if self._used + size_bytes > self._most_bytes:
            raise UsageError(
                f"the run's files may hold {_mebibytes(self._most_bytes)} altogether, and hold "
                f"{_mebibytes(self._used)}; {_mebibytes(size_bytes)} more do not fit",
                hint="keep less in files, or raise the setting workflows.run_folder_bytes",
            )
        self._used += size_bytes

    def path(self, name: str) -> Path:
        """Return where a file lies that is there.

        Raises:
            UsageError, NotFound: as `read`.
        """
        with self.open(name):
            return self._root.joinpath(*_parts(name))

    def place(self, name: str) -> Path:
        """Return where a file is to be made, in a folder that is there.

        Raises:
            UsageError: the name leads outside.
        """
        parts = _parts(name)
        try:
            with self._folder(parts[:-1], makes=True):
                return self._root.joinpath(*parts)
        except OSError as error:
            raise _escape(name) from error

    @contextlib.contextmanager
    def _folder(self, parts: tuple[str, ...], *, makes: bool) -> Iterator[int]:
        """Walk down from the root, one folder at a time, never through a link."""
        if makes:
            self._root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        here = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for part in parts:
                if makes:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, FOLDER_MODE, dir_fd=here)
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)


def folder_of(call: ActionCall) -> RunFolder:
    """Return the folder of the run that an action works for."""
    return RunFolder(call.folder, call.folder_bytes)


def _size_of(root: Path) -> int:
    total = 0
    for folder, _, files in os.walk(root):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 1024**2:,.1f} MiB"


def _parts(name: str) -> tuple[str, ...]:
    parts = name.split("/")
    is_plain = name.isprintable() and "\\" not in name and not PurePosixPath(name).is_absolute()
    sound = all(
        part not in ("", ".", "..") and len(part.encode(errors="replace")) < NAME_BYTES for part in parts
    )
    if not is_plain or not sound or len(parts) > PARTS or parts[-1].startswith("."):
        raise _escape(name)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise _escape(name) from error
    return tuple(parts)


def _escape(name: str) -> UsageError:
    return UsageError(f"{name[:200]!r} names no file in this run's folder", hint=HINT)
