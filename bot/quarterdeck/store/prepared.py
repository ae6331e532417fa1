"""Run the few statements that every event needs without compiling and checking them each time.

SQLAlchemy writes the SQL, once for each dialect; the driver is handed that and the values. A statement of a few
microseconds costs ten times as much through the whole of SQLAlchemy (measured: 70 us instead of 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast

from sqlalchemy import Connection
from sqlalchemy.sql.elements import ClauseElement

_CURSOR: Final = "quarterdeck.cursor"


class _Cursor(Protocol):
    rowcount: int

    def execute(self, statement: str, values: Any, /) -> object: ...
    def fetchone(self) -> Any: ...


class Prepared:
    """Hold one statement. An insert names its `columns`; what else the table wants gets its scalar default."""

    def __init__(self, statement: ClauseElement, *, columns: Sequence[str] | None = None) -> None:
        self._statement, self._columns = statement, columns
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, object]]] = {}

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Run it inside the connection's transaction; returns how many rows it changed.

        Raises:
            Exception: what the driver raises, not wrapped.
        """
        return self._execute(connection, values).rowcount

    def row(self, connection: Connection, values: Mapping[str, object]) -> Any:
        """Run it and return its first row as the driver gives it, or None.

        Raises:
            Exception: as above.
        """
        return self._execute(connection, values).fetchone()

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> _Cursor:
        cursor = _cursor_of(connection)
        sql, places, constants = self._compiled.get(connection.dialect.name) or self._compile(
            connection, values
        )
        if places is None:
            cursor.execute(sql, {**constants, **values})
        elif constants:
            cursor.execute(sql, [values[name] if name in values else constants[name] for name in places])
        else:
            cursor.execute(sql, [values[name] for name in places])
        return cursor

    def _compile(
        self, connection: Connection, values: Mapping[str, object]
    ) -> tuple[str, tuple[str, ...] | None, dict[str, object]]:
        columns = None if self._columns is None else list(self._columns)
        compiled = cast("Any", self._statement.compile(dialect=connection.dialect, column_keys=columns))
        ready = compiled.construct_expanded_state(dict(values), escape_names=False)
        constants = {name: value for name, value in ready.parameters.items() if name not in values}
        for column in getattr(compiled, "insert_prefetch", ()):
            constants[column.key] = column.default.arg
        places = None if ready.positiontup is None else tuple(ready.positiontup)
        self._compiled[connection.dialect.name] = ready.statement, places, constants
        return self._compiled[connection.dialect.name]


def _cursor_of(connection: Connection) -> _Cursor:
    """Return the driver's cursor of this connection, the same one for all statements."""
    info = connection.info
    cursor = info.get(_CURSOR)
    if cursor is None:
        cursor = info[_CURSOR] = connection.connection.cursor()
    return cast("_Cursor", cursor)
