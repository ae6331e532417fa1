"""Remember small single values by name, such as the head of the audit chain and the vault's key version."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from quarterdeck.store.engine import Store
from quarterdeck.store.prepared import Prepared
from quarterdeck.store.tables import facts

_GET: Final = Prepared(select(facts.c.value).where(facts.c.name == bindparam("wanted")))
_COLUMNS: Final = ("name", "value")


def _upsert(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    return insert.on_conflict_do_update(index_elements=["name"], set_={"value": insert.excluded.value})


_SET: Final = {
    "sqlite": Prepared(_upsert(sqlite.insert(facts)), columns=_COLUMNS),
    "postgresql": Prepared(_upsert(postgresql.insert(facts)), columns=_COLUMNS),
}


def get_in(connection: Connection, name: str) -> str | None:
    """Return a fact, None when nobody knows it."""
    row = _GET.row(connection, {"wanted": name})
    return None if row is None else str(row[0])


def set_in(connection: Connection, name: str, value: str) -> None:
    """Write down a fact, in place of its old value."""
    _SET[connection.dialect.name].run(connection, {"name": name, "value": value})


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
