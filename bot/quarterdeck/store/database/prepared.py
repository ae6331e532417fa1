"""Run the few statements that every event needs without compiling and checking them each time.

SQLAlchemy writes the SQL, once for each dialect; the driver is handed that and the values. A statement of a few
microseconds costs ten times as much through the whole of SQLAlchemy (measured: 70 us instead of 6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, Protocol, cast

from sqlalchemy import Connection
from sqlalchemy.sql.elements import ClauseElement

from quarterdeck.core.value import dataclass

_CURSOR: Final = (
    "quarterdeck_cursor"  # an attribute of the connection: its `info` costs twenty times as much to reach
)


class _Cursor(Protocol):
    rowcount: int

    def execute(self, statement: str, values: Any, /) -> object: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Ready:
    """Hold SQL as one dialect has it, how its values are laid out for the driver, and those that never change."""

    sql: str
    laid_out: Callable[[Mapping[str, object]], Any]
    constants: Mapping[str, object]


class Prepared:
    """Hold one statement. An insert names its `columns`; what else the table wants gets its scalar default."""

    def __init__(self, statement: ClauseElement, *, columns: Sequence[str] | None = None) -> None:
        self._statement, self._columns = statement, columns
        self._compiled: dict[str, _Ready] = {}

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

    def rows(self, connection: Connection, values: Mapping[str, object]) -> list[Any]:
        """Run it and return all its rows as the driver gives them.

        Raises:
            Exception: as above.
        """
        return list(self._execute(connection, values).fetchall())

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> _Cursor:
        cursor = _cursor_of(connection)
        ready = self._compiled.get(connection.dialect.name) or self._compile(connection, values)
        cursor.execute(
            ready.sql, ready.laid_out({**ready.constants, **values} if ready.constants else values)
        )
        return cursor

    def _compile(self, connection: Connection, values: Mapping[str, object]) -> _Ready:
        columns = None if self._columns is None else list(self._columns)
        compiled = cast("Any", self._statement.compile(dialect=connection.dialect, column_keys=columns))
        ready = compiled.construct_expanded_state(dict(values), escape_names=False)
        constants = {name: value for name, value in ready.parameters.items() if name not in values}
        for column in getattr(compiled, "insert_prefetch", ()):
            constants[column.key] = column.default.arg
        found = self._compiled[connection.dialect.name] = _Ready(
            ready.statement, _layout(ready.positiontup), constants
        )
        return found


def _layout(places: Sequence[str] | None) -> Callable[[Mapping[str, object]], Any]:
    """Return what lays values out: in the order of `places`, or by name where the driver wants names."""
    if places is None:
        return dict
    return itemgetter(*places) if len(places) > 1 else lambda values: [values[name] for name in places]


def _cursor_of(connection: Connection) -> _Cursor:
    """Return the driver's cursor of this connection, the same one for all statements."""
    cursor: _Cursor | None = getattr(connection, _CURSOR, None)
    if cursor is None:
        cursor = cast("_Cursor", connection.connection.cursor())
        setattr(connection, _CURSOR, cursor)
    return cursor
