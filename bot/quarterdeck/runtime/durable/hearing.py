"""Wake runs for which another process has left a message. Imports DBOS: import it lazily.

DBOS asks its database once for each run that waits, and sleeps in between whatever happens. Here one question is asked
for all of them, and closing the engine ends the pause at once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any, Final

from dbos._sys_db_sqlite import SQLiteSystemDatabase
from sqlalchemy.exc import SQLAlchemyError

LOOK_EVERY_S: Final = 1.0  # our own messages wake a run at once
AT_ONCE: Final = 500  # runs asked for in one query
UNREAD: Final = """
    SELECT destination_uuid, topic FROM notifications
    WHERE destination_uuid IN (SELECT value FROM json_each(?)) AND NOT consumed
"""

log = logging.getLogger(__name__)


class Hearing:
    """Listen for the engine of this process, from its launch until `stop`. Events and streams of DBOS are not used."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def attach(self) -> None:
        """Take the place of DBOS's own listener; call it before each launch."""
        self._stopped.clear()
        hearing = self

        def listen(system: SQLiteSystemDatabase) -> None:
            hearing.listen(system)

        SQLiteSystemDatabase._notification_listener = listen  # type: ignore[assignment,method-assign]  # one engine a process

    def stop(self) -> None:
        """Let the listener end."""
        self._stopped.set()

    def listen(self, system: SQLiteSystemDatabase) -> None:
        """Look once a second; this is the body of DBOS's thread."""
        while not self._stopped.wait(LOOK_EVERY_S):
            try:
                self._look(system)
            except SQLAlchemyError as error:
                if not self._stopped.is_set():
                    log.warning("Messages to runs could not be looked for", extra={"error": repr(error)})

    @staticmethod
    def _look(system: SQLiteSystemDatabase) -> None:
        waiting = {(where[0], where[1]): event for _, where, event in system.notifications_map.snapshot()}
        ids = sorted({run_id for run_id, _topic in waiting})
        for at in range(0, len(ids), AT_ONCE):
            for found in _unread(system, ids[at : at + AT_ONCE]):
                if (event := waiting.get(found)) is not None:
                    event.set()


def _unread(system: SQLiteSystemDatabase, run_ids: Sequence[str]) -> list[tuple[str, str]]:
    with system.engine.connect() as connection:
        rows: Sequence[Any] = connection.exec_driver_sql(UNREAD, (json.dumps(run_ids),)).fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]
