"""Say in our words what the database's driver raises: once, for reads, writes, backups and checks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from quarterdeck.core.errors import QuarterdeckError, ServiceError, Unavailable

SERVICE = "database"

# sqlite.org/rescode.html, 2026-11-21: the low byte is the primary code
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_UNUSABLE = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_AUTH,
    }
)


class StorageFull(Unavailable):
    """The disk is full: nothing was written or lost, and writing works again once there is space."""


class StorageBusy(Unavailable):
    """Another program holds the database longer than we wait: nothing was written."""


class StorageUnusable(Unavailable):
    """The file cannot be used as things are (a failing disk, rights taken away): nothing was written."""


class StorageTooSlow(Unavailable):
    """A read took longer than its limit and was stopped."""


class StorageCorrupt(ServiceError):
    """The file's content is damaged: a verified backup helps, and nothing is ever dropped to mend it."""


class StorageRefused(ServiceError):
    """The database refused a statement (a constraint, a type): the same one will be refused again."""


def mapped(error: SQLAlchemyError | sqlite3.Error, path: Path) -> QuarterdeckError:
    """Return our error for the driver's; no value that was bound to a statement is quoted in it."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    said = str(original) if isinstance(original, sqlite3.Error) else type(error).__name__
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(
            f"the disk that holds {path} is full ({said})",
            service=SERVICE,
            hint="free some space; nothing is damaged, and work goes on by itself",
        )
    if code in _LOCKED:
        return StorageBusy(
            f"another program holds {path} ({said})",
            service=SERVICE,
            hint="close what has the database open, such as a database browser or a copy program",
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        return StorageTooSlow(f"reading {path} took too long and was stopped", service=SERVICE)
    if code in _CORRUPT:
        return StorageCorrupt(
            f"{path} is damaged ({said})",
            service=SERVICE,
            retryable=False,
            hint="stop the bot, then restore the last verified backup: quarterdeck db restore",
        )
    if code in _UNUSABLE:
        return StorageUnusable(
            f"{path} cannot be used ({said})",
            service=SERVICE,
            hint="look at the disk, at the file's owner and at its mode",
        )
    return StorageRefused(f"the database refused a statement ({said})", service=SERVICE, retryable=False)
