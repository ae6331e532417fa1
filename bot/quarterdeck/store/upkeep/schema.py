"""Bring a database file to the shape that this program works with, before it is used.

A fresh file gets all tables at once, an older one is migrated by Alembic after a verified backup. Alembic
takes 0.7 s to import, so it stays away from every other start: `HEAD` says without it where the shape stands.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from quarterdeck.core.errors import SetupError
from quarterdeck.store.database.errors import SERVICE, StorageCorrupt, mapped
from quarterdeck.store.database.sqlite import write_engine
from quarterdeck.store.tables import metadata
from quarterdeck.store.upkeep import backup, integrity
from quarterdeck.store.upkeep.revision import HEAD, refuse_newer, revision_of

CHUNKS_FTS: Final = (
    "CREATE VIRTUAL TABLE chunks_fts USING fts5(text, heading, title, tokenize = 'porter unicode61')"
)
"""The full-text index of chunks: its rowid is `chunks.seq`."""

CHUNKS_VOCAB: Final = "CREATE VIRTUAL TABLE chunks_vocab USING fts5vocab(chunks_fts, row)"
"""In how many chunks each word stands; it holds nothing itself."""

TRANSCRIPT_FTS: Final = (
    "CREATE VIRTUAL TABLE transcript_fts USING fts5(text, conversation_id, content = 'transcript', "
    "content_rowid = 'seq', tokenize = 'porter unicode61 remove_diacritics 2')",
    "INSERT INTO transcript_fts (transcript_fts, rank) VALUES ('rank', 'bm25(1.0, 0.0)')",
)
"""The full-text index of what stands on screens of ours; `store.conversations.searching` keeps it equal to them."""

REVISION_TABLE: Final = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"

log = logging.getLogger(__name__)


def prepare(path: Path, backups: Path) -> None:
    """Make `path` ready for use: check it, create or migrate its tables.

    Raises:
        SetupError: the file is damaged, was made by a newer program, or is no database of ours.
        Unavailable: the disk is full, or another program holds the file.
    """
    try:
        _prepare(path, backups)
    except StorageCorrupt as error:
        hint = backup.offer(path, backups) + (error.hint if error.hint.startswith(";") else "")
        raise SetupError(error.message, hint=hint, file=str(path), key="data_dir") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise mapped(error, path) from error
    except OSError as error:
        raise SetupError(
            f"{path} cannot be used: {error.strerror}",
            hint="look at the file and its folder: owner, mode, and the space on its disk",
            file=str(path),
            key="data_dir",
        ) from error


def _prepare(path: Path, backups: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _is_fresh(path):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    else:
        integrity.check_at_start(path)
        integrity.unmark(path)  # from here on the log may be folded into the file
    found = revision_of(path)
    refuse_newer(found, path, HEAD)
    if found is None:
        create(path)
    elif int(found) < int(HEAD):
        log.info("The database is migrated", extra={"revision": found, "to": HEAD})
        kept = backup.Backups(path, backups).make_now(f"before-{HEAD}")
        upgrade(path)
        log.info("The database was migrated", extra={"revision": found, "to": HEAD, "backup": str(kept.path)})


def _is_fresh(path: Path) -> bool:
    """Tell whether nothing was ever stored; a marker or a log beside a missing file is a loss."""
    if path.exists() and path.stat().st_size > 0:
        return False
    remains = [
        beside.name for beside in integrity.companions(path) if beside.exists() and _has_weight(beside, path)
    ]
    if remains:
        raise StorageCorrupt(
            f"{path} is gone, while {' and '.join(remains)} still lie beside it",
            service=SERVICE,
            retryable=False,
        )
    return True


def _has_weight(beside: Path, path: Path) -> bool:
    return beside == integrity.marker_of(path) or (
        beside == integrity.log_of(path) and beside.stat().st_size > 0
    )


def create(path: Path) -> None:
    """Create every table in one transaction, so that a fresh file is empty or complete."""
    engine = write_engine(path, "FULL")
    try:
        with engine.begin() as connection:
            create_all(connection)
    finally:
        engine.dispose()


def create_all(connection: Connection) -> None:
    """Create what the newest revision has, and note the revision."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(text(CHUNKS_FTS))
    connection.execute(text(CHUNKS_VOCAB))
    for statement in TRANSCRIPT_FTS:
        connection.execute(text(statement))
    connection.execute(text(REVISION_TABLE))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def upgrade(path: Path, *, scripts: Path | None = None) -> None:
    """Run the migrations that are missing, all in one transaction: the file is old or new, never between.

    `scripts` is another folder of migrations, for tests of the upgrade itself.

    Raises:
        StorageCorrupt: a migration left a row that names a row that does not exist; nothing was kept.
        SQLAlchemyError: the database refused; nothing was kept.
    """
    from quarterdeck.store.migrations import runner  # imports Alembic

    runner.upgrade(path, scripts)
