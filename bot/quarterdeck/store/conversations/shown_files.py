"""Delete files of the page together with what was said: those that people uploaded, those that stood in answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.sql import ColumnElement

from quarterdeck.store.tables import transcript
from quarterdeck.store.tables.web import web_files

_NAMED: Final = re.compile(r'"id": ?"([0-9a-f]{32})"')
_AT_ONCE: Final = 500  # SQLite takes some thousand values in one statement


def forget_files(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete these rows of `web_files` and their bytes.

    The bytes go first: when the commit fails, whoever asked asks again, and nothing is left that no row names.
    """
    for path in connection.execute(select(web_files.c.path).where(which)).scalars():
        Path(path).unlink(missing_ok=True)
    connection.execute(delete(web_files).where(which))


def forget_files_in(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete the files that stand in these rows of `transcript`, before the rows go."""
    shown = select(transcript.c.body).where(which, transcript.c.body.contains('"files"'))
    ids = sorted(
        {file_id for body in connection.execute(shown).scalars() for file_id in _NAMED.findall(body)}
    )
    for start in range(0, len(ids), _AT_ONCE):
        forget_files(connection, web_files.c.id.in_(ids[start : start + _AT_ONCE]))
