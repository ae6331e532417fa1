"""Remember small single values by name, such as the head of the audit chain and the vault's key version."""

from __future__ import annotations

from functools import cache
from typing import Final

from sqlalchemy import Connection, Table, bindparam, literal, select

from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.database.upsert import upsert
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import facts

_GET: Final = Prepared(select(facts.c.value).where(facts.c.name == bindparam("wanted")))
_COLUMNS: Final = ("name", "value")


def get_in(connection: Connection, name: str) -> str | None:
    """Return a fact, None when nobody knows it."""
    row = _GET.row(connection, {"wanted": name})
    return None if row is None else str(row[0])


def set_in(connection: Connection, name: str, value: str) -> None:
    """Write down a fact, in place of its old value."""
    _setting(connection.dialect.name).run(connection, {"name": name, "value": value})


@cache
def _setting(dialect: str) -> Prepared:
    return Prepared(upsert(dialect, facts, ("name",), ("value",)), columns=_COLUMNS)


class Facts:
    """Read and write facts outside of other transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, name: str) -> str | None:
        """Return a fact, None when nobody knows it."""
        return await self._store.read(lambda connection: get_in(connection, name))

    async def set(self, name: str, value: str) -> None:
        """Write down a fact, in place of its old value."""
        await self._store.write("facts.changed", lambda connection: set_in(connection, name, value))


async def has_rows(store: Store, table: Table) -> bool:
    """Tell whether anything stands in a table."""
    query = select(literal(1)).select_from(table).limit(1)
    return await store.read(lambda connection: connection.execute(query).first()) is not None
