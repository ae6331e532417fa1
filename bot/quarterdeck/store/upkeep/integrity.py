"""Find out whether a database file is whole, before anything is built on it.

While the store is open, an `.open` file lies beside the database. If it is found at the next start, the
process died, so the write-ahead log must be there and holds commits that are nowhere else: its absence is a
loss that SQLite itself would pass over in silence. Nothing is repaired: a repair drops what it cannot read.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from quarterdeck.store.database.errors import SERVICE, StorageCorrupt, mapped
from quarterdeck.store.database.sqlite import connect

CHECK_AT_START_BYTES = 64 * 1024 * 1024  # a smaller file is checked page by page at every start; some 50 ms
_HEADER = b"SQLite format 3\0"  # sqlite.org/fileformat2.html, 2026-11-21, as are the offsets below
_HEADER_BYTES = 100


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of `path`."""
    return path.with_name(path.name + "-wal")


def companions(path: Path) -> tuple[Path, ...]:
    """Return the files that belong to `path` and mean nothing without it."""
    return log_of(path), path.with_name(path.name + "-shm"), marker_of(path)


def marker_of(path: Path) -> Path:
    """Return the file that says that `path` is open."""
    return path.with_name(path.name + ".open")


def mark_open(connection: sqlite3.Connection, path: Path) -> None:
    """Write down that the database is open, after a write that brings its write-ahead log into being."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE alembic_version SET version_num = version_num")
    connection.execute("COMMIT")
    descriptor = os.open(marker_of(path), os.O_CREAT | os.O_WRONLY, 0o600)
    os.fsync(descriptor)
    os.close(descriptor)
    sync_folder(path.parent)


def close_cleanly(connection: sqlite3.Connection, path: Path) -> None:
    """Fold the write-ahead log into the file; the marker goes only when that is done in full."""
    is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if not is_busy:
        unmark(path)


def unmark(path: Path) -> None:
    """Take the marker away: nothing that was committed lies in the log alone, or it was read and is whole."""
    marker_of(path).unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` outlast a power cut, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_at_start(path: Path) -> None:
    """Refuse a file that is damaged or that lost its write-ahead log.

    Raises:
        StorageCorrupt: what was found.
        StorageFull, StorageBusy, StorageUnusable: the file cannot be read.
    """
    was_open, log = marker_of(path).exists(), log_of(path)
    if was_open and not log.exists():
        raise _corrupt(
            path,
            f"the process died while it was open, and {log.name} with its last commits is gone",
            hint="; only if another program has opened the file since, so that it put these commits into it, "
            f"nothing is lost: then delete {marker_of(path)} and start again",
        )
    has_log = log.exists() and log.stat().st_size > 0
    if not has_log:
        _check_length(path)
    if was_open or has_log or path.stat().st_size <= CHECK_AT_START_BYTES:
        check(path, is_thorough=False)


def check(path: Path, *, is_thorough: bool) -> None:
    """Read every page; `is_thorough` compares each index with its table too.

    Raises:
        StorageCorrupt: what was found first.
        StorageFull, StorageBusy, StorageUnusable: the file cannot be read.
    """
    try:
        connection = connect(path, read_only=True)
        try:
            pragma = "integrity_check" if is_thorough else "quick_check"
            problems = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}(5)")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchone() if is_thorough else None
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise mapped(error, path) from error
    if problems != ["ok"]:
        raise _corrupt(path, problems[0])
    if broken is not None:
        raise _corrupt(path, f"a row of {broken[0]} names a row of {broken[2]} that does not exist")


def _check_length(path: Path) -> None:
    """Compare the file's length with what its header says, which costs nothing however large it is."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header.startswith(_HEADER) or len(header) < _HEADER_BYTES:
        raise _corrupt(path, "it does not begin like a SQLite database")
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    pages = int.from_bytes(header[28:32], "big")
    is_count_valid = header[24:28] == header[92:96]
    if is_count_valid and path.stat().st_size < pages * page_bytes:
        raise _corrupt(
            path, f"it should hold {pages} pages and ends after {path.stat().st_size // page_bytes}"
        )


def _corrupt(path: Path, found: str, *, hint: str = "") -> StorageCorrupt:
    return StorageCorrupt(f"{path} is damaged: {found}", service=SERVICE, retryable=False, hint=hint)
