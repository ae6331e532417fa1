"""Open SQLite files the one way that is safe for us: who writes, who only reads, and with which settings."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

Synchronous = Literal["FULL", "NORMAL"]

BUSY_TIMEOUT_MS = 30_000
WAL_LIMIT_BYTES = 64 * 1024 * 1024  # what the write-ahead log is cut back to, and from where on we warn
SAFE_VERSION = (3, 51, 3)  # sqlite.org/wal.html "The WAL-Reset Bug", 2026-11-21: damage is possible before
_STEPS_PER_LOOK = 100_000  # virtual-machine steps between two looks at a read's deadline, some ms

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = ON",  # what is forgotten is overwritten
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",
)


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open `path` in manual transaction mode, usable from any one thread at a time.

    Raises:
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def write_engine(path: Path, synchronous: Synchronous) -> Engine:
    """Return the engine of the one writer: one connection, whose transactions take the write lock at once."""

    def open_connection() -> sqlite3.Connection:
        connection = connect(path, read_only=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        return connection

    return _engine(open_connection, connections=1, begin="BEGIN IMMEDIATE")


def read_engine(path: Path, connections: int, limit_s: float) -> Engine:
    """Return an engine that cannot write; each transaction sees one moment and is stopped after `limit_s`."""

    def open_connection() -> sqlite3.Connection:
        connection = connect(path, read_only=True)
        connection.execute("PRAGMA query_only = ON")
        return connection

    engine = _engine(open_connection, connections=connections, begin="BEGIN")

    @event.listens_for(engine, "begin")
    def set_deadline(connection: Connection) -> None:
        deadline_s = time.monotonic() + limit_s
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: int(time.monotonic() > deadline_s), _STEPS_PER_LOOK)

    return engine


def _engine(open_connection: object, *, connections: int, begin: str) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=open_connection,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # what is bound to a statement may be a message or a key
    )

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(begin)  # by SQLAlchemy it costs twenty times as much

    return engine


def version_warning(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """Return why this SQLite is not the best one, or nothing; `quarterdeck check` shows it."""
    if version >= SAFE_VERSION:
        return ""
    safe, ours = (".".join(map(str, v)) for v in (SAFE_VERSION, version))
    return (
        f"SQLite {ours} is older than {safe}, which fixed a rare corruption in write-ahead mode when several "
        "connections write and checkpoint; Quarterdeck keeps to one of each and locks its folder"
    )
