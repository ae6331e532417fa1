"""Prove how the engine starts, stops and keeps its file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError, Unavailable
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Run, RunRow, engine
from quarterdeck.testing.clock import FakeClock

Make = Callable[[], Durable]


async def echo(value: Json) -> Json:
    """Be a step that returns what it was given."""
    return value


async def until(durable: Durable, run_id: str, holds: Callable[[RunRow], bool]) -> list[RunRow]:
    """Wait for a run to get somewhere; returns all rows then."""
    while True:
        rows = list(await durable.list())
        if any(row.run_id == run_id and holds(row) for row in rows):
            return rows
        await asyncio.sleep(0.02)


async def test_runs_are_listed_and_cancelled_without_launching(make: Make) -> None:
    """The command line does so while no bot runs, and must not start pending runs."""
    steps: list[str] = []

    async def note() -> Json:
        steps.append("once")
        return None

    async def body(run: Run, payload: Json) -> Json:
        await run.step("note", note)
        return await run.wait("go", timeout_s=60)

    first = make()
    first.register("demo", body)
    await first.launch()
    await first.start("demo", None, run_id="r1")
    await until(first, "r1", lambda row: row.step == "note")
    await first.close()
    second = make()

    assert ["running"] == [row.state for row in await second.list()]
    assert "cancelled" == (await second.cancel("r1")).state
    assert ["once"] == steps


async def test_an_empty_folder_has_no_runs(make: Make) -> None:
    """`workflow runs` before the first run."""
    assert [] == list(await make().list())


async def test_a_start_waits_for_the_launch(make: Make) -> None:
    """The engine is launched after the first command is answered; nobody may have to know."""
    durable = make()
    durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    starting = asyncio.create_task(durable.start("demo", "early", run_id="r1"))
    await asyncio.sleep(0)
    is_early = not starting.done()
    await durable.launch()
    await starting

    assert is_early
    assert "early" == await durable.result("r1")


async def test_the_engine_is_launched_when_the_first_run_is_wanted(make: Make) -> None:
    """A bot without schedules and workflows never pays for it."""
    durable, clock = make(), FakeClock()
    durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    serving = asyncio.create_task(durable.serve(clock))
    await clock.advance(3600)
    was_idle = list(await durable.list()) == []
    await durable.start("demo", "first", run_id="r1")
    result = await durable.result("r1")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert was_idle
    assert "first" == result


async def test_runs_left_from_before_are_taken_up_without_being_asked_for(make: Make) -> None:
    """Nobody may have to start a run for another to go on."""
    first = make()
    first.register("demo", lambda run, payload: run.look(asyncio.Event().wait))
    await first.launch()
    await first.start("demo", None, run_id="r1")
    await first.send("r1", "on", topic="go", key="k")
    await first.close()
    second, seen = make(), asyncio.Event()

    async def body(run: Run, payload: Json) -> Json:
        result = await run.wait("go", timeout_s=60)
        await run.step("note", note)
        return result

    async def note() -> Json:
        seen.set()
        return None

    second.register("demo", body)
    serving = asyncio.create_task(second.serve(FakeClock()))
    async with asyncio.timeout(20):
        await seen.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert "on" == await second.result("r1")


async def test_runs_that_ended_long_ago_are_forgotten_and_open_ones_kept(make: Make, tmp_path: Path) -> None:
    """A schedule every minute would fill the disk, and an approval may wait for weeks."""
    durable, clock = make(), FakeClock(datetime.now(UTC))
    durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    durable.register("parked", lambda run, payload: run.wait("go", timeout_s=60))
    serving = asyncio.create_task(durable.serve(clock))
    for number in range(3):
        await durable.start("demo", None, run_id=f"r{number}")
        await durable.result(f"r{number}")
    await durable.start("parked", None, run_id="open")
    await clock.wait_for_sleepers()
    await clock.advance(13 * 86_400)
    young = {row.run_id for row in await durable.list()}
    await clock.advance(2 * 86_400)
    while len(await durable.list()) > 1:
        await asyncio.sleep(0.02)
        await clock.advance(86_400)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert {"r0", "r1", "r2", "open"} == young
    assert ["open"] == [row.run_id for row in await durable.list()]


async def test_only_one_engine_at_a_time_is_launched(make: Make, tmp_path: Path) -> None:
    """DBOS is one a process: a second would silently use the first one's file."""
    await make().launch()

    with pytest.raises(SetupError, match="another durable engine"):
        await Durable(tmp_path / "other.db").launch()


async def test_a_launch_that_failed_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    """A damaged file is named; after it is mended the same process goes on."""
    path = tmp_path / "durable.db"
    path.write_bytes(b"this is no database" * 100)
    durable = Durable(path)

    with pytest.raises(Unavailable):
        await durable.launch()

    path.unlink()
    await durable.launch()
    await durable.close()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """An operator's mistake reads like one."""
    with pytest.raises(SetupError) as caught:
        await Durable(tmp_path / "missing" / "durable.db").launch()

    assert str(tmp_path / "missing" / "durable.db") == caught.value.file


async def test_what_is_on_disk_is_json_for_its_owner_alone(make: Make, tmp_path: Path) -> None:
    """A pickle would run code for whoever can write the file."""
    durable = make()
    durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    await durable.launch()
    await durable.start("demo", {"x": [1, None]}, run_id="r1")
    await durable.result("r1")
    await durable.close()

    with sqlite3.connect(tmp_path / "durable.db") as database:
        status = database.execute(
            "SELECT i.inputs, o.output, s.serialization, s.application_version FROM workflow_status s "
            "JOIN workflow_input i USING (workflow_uuid) JOIN workflow_output o USING (workflow_uuid)"
        ).fetchall()
        step = database.execute("SELECT output, serialization FROM operation_outputs").fetchall()
    database.close()
    payload = '{"x":[1,null]}'
    inputs = f'{{"namedArgs":{{}},"positionalArgs":[{payload}]}}'
    assert [(inputs, payload, "portable_json", "qd-abi-1")] == status
    assert [(payload, "portable_json")] == step
    assert 0o600 == stat.S_IMODE((tmp_path / "durable.db").stat().st_mode)


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
async def test_the_engines_connection_is_as_the_settings_say(tmp_path: Path, synchronous: str) -> None:
    """Write-ahead log, a patient lock, and the clock in milliseconds: without it order within a second is lost."""
    from quarterdeck.runtime.durable.database import open_engine

    engine = open_engine(tmp_path / "durable.db", synchronous="FULL" if synchronous == "FULL" else "NORMAL")
    with engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
        clocks = connection.exec_driver_sql(
            "SELECT CAST(strftime('%s', 'now') * 1000 AS BIGINT), CAST(unixepoch('subsec') * 1000 AS BIGINT)"
        ).one()
    engine.dispose()

    assert ["wal", 2 if synchronous == "FULL" else 1, 30_000, 1] == pragmas
    assert abs(clocks[0] - clocks[1]) < 1000
    assert 1 == engine.pool.size()  # type: ignore[attr-defined]  # of QueuePool


async def test_closing_leaves_no_thread_behind(make: Make) -> None:
    """A test, or a restart within the process, must find things as they were."""
    before = {thread.name for thread in threading.enumerate()}
    durable = make()
    durable.register("demo", lambda run, payload: run.wait("go", timeout_s=60))
    await durable.launch()
    await durable.start("demo", None, run_id="r1")
    await durable.close()

    after = {thread.name for thread in threading.enumerate() if not thread.name.startswith("quarterdeck_")}
    assert after <= before


async def test_a_run_that_begins_while_the_engine_closes_goes_on_at_the_next_launch(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue hands out runs until it is stopped; that their engine's threads are gone is no end of theirs."""
    began, over = threading.Event(), threading.Event()
    seen: list[Json] = []

    async def body(run: Run, payload: Json) -> Json:
        began.set()
        try:
            while seen == []:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(int)  # of the engine's own threads
            return await run.step("echo", echo, payload)
        finally:
            over.set()

    first = make()
    first.register("demo", body)
    await first.launch()
    thread, running, destroy = first._thread, first._engine, engine.destroy
    assert thread is not None
    assert running is not None

    def destroy_with_a_run_that_begins() -> None:
        with contextlib.suppress(CancelledError):
            begin = running.start("demo", "kept", "r1", None)
            asyncio.run_coroutine_threadsafe(begin, thread.loop).result(timeout=10)
            began.wait(10)
        threads = engine._get_dbos_instance()._executor
        threads.shutdown()
        seen.append("threads gone")
        if began.is_set():
            over.wait(10)
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), thread.loop).result()
        destroy()

    await first.enqueue("work", "demo", "kept", run_id="r0")
    await asyncio.to_thread(began.wait, 10)
    began.clear()
    monkeypatch.setattr(engine, "destroy", destroy_with_a_run_that_begins)
    await first.close()
    monkeypatch.setattr(engine, "destroy", destroy)
    second = make()
    second.register("demo", body)

    assert {"running"} >= {row.state for row in await second.list()}
    await second.launch()
    assert "kept" == await second.result("r0")
