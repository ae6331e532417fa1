"""Wake runs that wait for a message."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from quarterdeck.runtime.durable import Durable


async def test_a_message_that_another_process_left_wakes_the_run(tmp_path: Path) -> None:
    """The command line has no engine of its own: what it sends is a row."""
    path = tmp_path / "durable.db"
    durable = Durable(path)
    durable.register("body", lambda run, _payload: run.wait("go", timeout_s=3600))
    await durable.launch()
    await durable.start("body", None, run_id="r1")
    await durable.start("body", None, run_id="r2")
    with closing(sqlite3.connect(path)) as database, database:
        for run_id, topic in (("r1", "go"), ("r2", "another")):
            database.execute(
                "INSERT INTO notifications (message_uuid, destination_uuid, topic, message, created_at_epoch_ms,"
                " serialization) VALUES (?, ?, ?, '\"on\"', 1, 'portable_json')",
                (f"m-{run_id}", run_id, topic),
            )

    assert "on" == await durable.result("r1")
    assert ["running"] == [row.state for row in await durable.rows(["r2"])]
    await durable.close()
