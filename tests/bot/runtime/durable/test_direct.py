"""Hold the rows that are written straight to the driver to those that DBOS writes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from quarterdeck.core.errors import Cancelled, RunError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Run

TABLES = ("workflow_status", "workflow_input", "workflow_output", "operation_outputs")
MOMENTS = ("_at", "_ms", "_timestamp", "_xid")  # how the columns end that differ from run to run


async def echo(value: Json) -> Json:
    """Be a step."""
    return value


async def fail() -> Json:
    """Be a step that fails."""
    raise ValueError("not today")


async def child(run: Run, payload: Json) -> Json:
    """Take a step in a part of a run."""
    return await run.step("inner", echo, payload)


async def whole(run: Run, payload: Json) -> Json:
    """Take steps of every kind, and part of the work in runs of its own."""
    await run.step("first", echo, payload)
    await run.begin("child", [1], part="a")
    await run.begin("child", [2], part="b", timeout_s=3600)
    found = [await run.ending("a"), await run.ending("b")]
    try:
        await run.step("failing", fail)
    except RunError as error:
        found.append(error.message.split(":")[0])
    return found


async def broken(run: Run, payload: Json) -> Json:
    """Fail as a whole."""
    raise ValueError("broken")


async def journal(path: Path) -> list[dict[str, Any]]:
    """Run everything on a new file and return the rows of its journal, moments replaced by what kind they are."""
    durable = Durable(path)
    for name, body in (("whole", whole), ("child", child), ("broken", broken)):
        durable.register(name, body)
    await durable.launch()
    await durable.start("whole", {"a": [1, None]}, run_id="r1", conversation="fake:here")
    await durable.result("r1")
    await durable.start("broken", None, run_id="r2")
    with pytest.raises(RunError):
        await durable.result("r2")
    await durable.close()
    found: list[dict[str, Any]] = []
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        for table in TABLES:
            for row in database.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
                shown = {
                    name: type(value).__name__ if name.endswith(MOMENTS) else value
                    for name, value in dict(row).items()
                }
                found.append({"table": table, **shown})
    return found


async def test_rows_are_those_that_dbos_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Column by column, and another version of DBOS that writes others is found out."""
    from quarterdeck.runtime.durable import direct, engine

    refused: list[str] = []
    real = direct._kept

    def kept(database: Any, statements: Any) -> bool:
        is_kept = real(database, statements)
        refused.extend(text for text, _ in statements if not is_kept)
        return is_kept

    monkeypatch.setattr(direct, "_kept", kept)
    ours = await journal(tmp_path / "ours.db")
    monkeypatch.setattr(engine, "write_directly", lambda _system, _database: None)

    assert await journal(tmp_path / "theirs.db") == ours
    assert [] == refused


async def test_a_run_that_is_no_longer_ours_keeps_nothing(tmp_path: Path) -> None:
    """Another execution has taken it over: its steps are its own."""
    durable, may_go_on, taken = Durable(tmp_path / "durable.db"), asyncio.Event(), asyncio.Event()

    async def wait() -> Json:
        taken.set()
        await may_go_on.wait()
        return "late"

    durable.register("body", lambda run, _payload: run.step("one", wait))
    await durable.launch()
    await durable.start("body", None, run_id="r1")
    await taken.wait()
    with closing(sqlite3.connect(tmp_path / "durable.db")) as database, database:
        database.execute("UPDATE workflow_status SET owner_xid = 'another', status = 'CANCELLED'")
    may_go_on.set()
    with pytest.raises(Cancelled):
        await durable.result("r1")

    assert [] == list(await durable.steps("r1"))
    await durable.close()


def test_what_the_driver_refuses_is_left_to_dbos(tmp_path: Path) -> None:
    """It waits for locks, and knows its errors."""
    from quarterdeck.runtime.durable.direct import OUTPUT, _kept

    database = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")  # has no such table

    assert not _kept(database, [(OUTPUT, {"workflow_uuid": "r1", "output": None, "error": None})])
    database.dispose()


def test_half_of_what_belongs_together_is_not_kept(tmp_path: Path) -> None:
    """A run without its input could never be taken up again."""
    from quarterdeck.runtime.durable.direct import _kept

    database = create_engine(f"sqlite:///{tmp_path / 'two.db'}")
    with closing(sqlite3.connect(tmp_path / "two.db")) as connection, connection:
        connection.execute("CREATE TABLE one (id TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO one VALUES ('there')")
    insert = "INSERT INTO one VALUES (:id) ON CONFLICT DO NOTHING"

    is_kept = _kept(database, [(insert, {"id": "new"}), (insert, {"id": "there"})])

    with closing(sqlite3.connect(tmp_path / "two.db")) as connection:
        rows = connection.execute("SELECT id FROM one").fetchall()
    assert (False, [("there",)]) == (is_kept, rows)
    database.dispose()
