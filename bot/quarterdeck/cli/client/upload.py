"""Copy a file that a person sends into the data folder, where the bot may open it."""

from __future__ import annotations

import mimetypes
import os
import stat
import uuid
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import NotFound, UserError
from quarterdeck.core.value import dataclass

FILE_LIMIT: Final = 20 * 1024 * 1024  # bytes
MODE: Final = 0o600
CHUNK: Final = 1024 * 1024
LONGEST_SUFFIX: Final = 10
QUOTES: Final = ('"', "'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Hold a copied file: `name` is what the person calls it, `path` where the copy lies."""

    name: str
    path: Path
    media_type: str


def copy_in(written: str, folder: Path) -> Upload:
    """Copy the file that is `written` as a path, perhaps in quotes, into `folder` under a name of ours.

    Raises:
        UserError: it is missing, no plain file, too large, unreadable, or cannot be copied.
    """
    source = _path_of(written)
    suffix = source.suffix.lower()
    is_plain_suffix = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= LONGEST_SUFFIX
    target = folder / f"{uuid.uuid4().hex}{suffix if is_plain_suffix else ''}"
    descriptor = _open(source)
    try:
        _check(descriptor, source)
        _copy(descriptor, target, source)
    finally:
        os.close(descriptor)
    media_type, _ = mimetypes.guess_type(source.name)
    return Upload(name=source.name, path=target, media_type=media_type or "application/octet-stream")


def _path_of(written: str) -> Path:
    is_quoted = len(written) > 1 and written[0] in QUOTES and written[0] == written[-1]
    path = Path(written[1:-1] if is_quoted else written)
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~somebody, whom this machine does not know
        raise NotFound(f"{path} leads to no home folder: {error}") from error


def _open(source: Path) -> int:
    """Open without waiting: a pipe that nobody writes to would stand still."""
    try:
        return os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {source}", hint=f"paths start at {Path.cwd()}") from error
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}") from error


def _check(descriptor: int, source: Path) -> None:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise UserError(f"{source} is a folder", hint="send its files one by one")
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{source} is no plain file")
    if status.st_size > FILE_LIMIT:
        raise _too_large(source)


def _copy(descriptor: int, target: Path, source: Path) -> None:
    """Copy to the end of the file, or until it turns out too large: it may grow meanwhile."""
    try:
        copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        with os.fdopen(copy, "wb") as output:
            left = FILE_LIMIT
            while left >= 0 and (chunk := os.read(descriptor, CHUNK)):
                output.write(chunk)
                left -= len(chunk)
            if left < 0:
                raise _too_large(source)
            output.flush()
            os.fsync(output.fileno())
    except OSError as error:
        target.unlink(missing_ok=True)
        raise UserError(f"{source} cannot be copied: {error.strerror}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _too_large(source: Path) -> UserError:
    return UserError(
        f"{source} is larger than {FILE_LIMIT // 1024 // 1024} MiB",
        hint="documents of any size: quarterdeck knowledge add PATH",
    )
