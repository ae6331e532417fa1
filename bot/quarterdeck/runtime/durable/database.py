"""Open the durable engine's own SQLite file the way that it needs.

DBOS counts in whole seconds on Python below 3.12, and does not start at all on 3.12 with an SQLite below
3.42: both come from SQL functions, which are given here in milliseconds. One connection: its threads queue on
a lock, where a pool would queue on SQLite's back-off, which costs ten times as much (p99).
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Literal

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

BUSY_TIMEOUT_MS = 30_000

Synchronous = Literal["NORMAL", "FULL"]
"""NORMAL: a power cut may lose the last instants of step history, a crash of the process nothing."""


def open_engine(path: Path, *, synchronous: Synchronous = "NORMAL") -> Engine:
    """Return an engine for the file at `path`, which is made (mode 0600) when it is not there.

    Raises:
        OSError: the file cannot be made.
    """
    path.touch(mode=0o600, exist_ok=True)
    os.chmod(path, 0o600)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=60,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.create_function("strftime", 2, _strftime)
        connection.create_function("unixepoch", 1, _unixepoch)
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _unixepoch(_moment: str) -> float:
    return now_s()


def _strftime(_form: str, _moment: str) -> float:
    return now_s()


def now_s() -> float:
    """Return seconds since the epoch in whole ms; `* 1000` in SQL gives an exact integer until 2038."""
    return time.time_ns() // 1_000_000 / 1000
