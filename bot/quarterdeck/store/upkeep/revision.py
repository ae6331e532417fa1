"""Say which shape a database file has, and which one this program works with."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from quarterdeck import __version__
from quarterdeck.core.errors import SetupError
from quarterdeck.store.database.errors import mapped
from quarterdeck.store.database.sqlite import connect

HEAD: Final = "0002"
"""The revision of `tables.py`; a test compares it with the newest file in `migrations/versions`."""


def revision_of(path: Path) -> str | None:
    """Return the file's revision, None where it has no tables at all.

    Raises:
        SetupError: it has tables, and they are not ours.
        StorageCorrupt, StorageBusy, StorageUnusable: it cannot be read.
    """
    try:
        connection = connect(path, read_only=True)
        try:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = {row[0] for row in tables}
            is_marked = "alembic_version" in names
            rows = (
                connection.execute("SELECT version_num FROM alembic_version").fetchall() if is_marked else []
            )
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise mapped(error, path) from error
    if not names:
        return None
    if len(rows) != 1 or not str(rows[0][0]).isdecimal():
        raise SetupError(
            f"{path} is a database, but none of Quarterdeck's",
            hint="set data_dir to another folder, or move this file away",
            file=str(path),
            key="data_dir",
        )
    return str(rows[0][0])


def refuse_newer(found: str | None, path: Path, head: str = HEAD) -> None:
    """Refuse what a newer program wrote.

    Raises:
        SetupError: `found` is beyond `head`; names both.
    """
    if found is not None and int(found) > int(head):
        raise SetupError(
            f"{path} has schema {found}, and this program, version {__version__}, knows schemas up to {head}",
            hint="install the newer version again, or restore the backup that it made before it migrated",
            file=str(path),
            key="data_dir",
        )
