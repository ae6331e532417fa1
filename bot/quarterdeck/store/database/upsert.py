"""Insert what may be there already: each database spells that in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite


def inserting(dialect: str, table: Table) -> sqlite.Insert:
    """Return an INSERT that takes `on_conflict_…`. What speaks PostgreSQL is loaded where that is used (2 MiB)."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return cast("sqlite.Insert", postgresql.insert(table))  # with the same methods


@cache
def upsert(dialect: str, table: Table, key: Sequence[str], changed: Sequence[str]) -> sqlite.Insert:
    """Return an INSERT that gives a row of the same `key` new values in the columns `changed`; built once."""
    insert = inserting(dialect, table)
    values = {name: insert.excluded[name] for name in changed}
    return insert.on_conflict_do_update(index_elements=key, set_=values)
