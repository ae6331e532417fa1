"""Prove that runs survive what a process goes through, on the real engine and real files."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound, RunError, SetupError, StepFailed, Unavailable, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Queue, Run, RunRow
from quarterdeck.testing.clock import FakeClock

HERE = Path(__file__).parent
PROGRAM = HERE / "durable_program.py"
KILLS = 12

Make = Callable[[], Durable]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Make engines on one file, and close them all afterwards."""
    made: list[Durable] = []

    def build() -> Durable:
        made.append(Durable(tmp_path / "durable.db", queues=[Queue(name="work", poll_s=0.05)]))
        return made[-1]

    yield build
    for durable in made:
        await durable.close()


async def echo(value: Json) -> Json:
    """Be a step that returns what it was given."""
    return value


async def test_a_run_does_its_steps_and_returns_their_result(make: Make) -> None:
    """The simplest case."""
    durable = make()

    async def body(run: Run, payload: Json) -> Json:
        return {"said": await run.step("say", echo, payload), "by": run.id}

    durable.register("demo", body)
    await durable.launch()
    await durable.start("demo", "hello", run_id="r1")

    assert {"said": "hello", "by": "r1"} == await durable.result("r1")


async def test_steps_run_on_the_loop_of_the_bot(make: Make) -> None:
    """Store, adapters and locks live there; the engine has a loop of its own."""
    durable = make()
    seen: list[tuple[str, asyncio.AbstractEventLoop]] = []

    async def note() -> Json:
        seen.append((threading.current_thread().name, asyncio.get_running_loop()))
        return None

    async def body(run: Run, payload: Json) -> Json:
        return await run.step("note", note)

    durable.register("demo", body)
    await durable.launch()
    await durable.start("demo", None, run_id="r1")
    await durable.result("r1")

    assert [(threading.current_thread().name, asyncio.get_running_loop())] == seen


async def test_the_bots_loop_keeps_its_own_default_executor(make: Make) -> None:
    """DBOS would replace it by its 16 threads."""
    durable = make()
    durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    await durable.launch()
    await durable.start("demo", None, run_id="r1")
    await durable.result("r1")

    threads = {await asyncio.to_thread(lambda: threading.current_thread().name) for _ in range(3)}
    assert not [name for name in threads if "dbos" in name]


async def test_the_same_id_is_one_run_started_or_enqueued(make: Make) -> None:
    """Ids are how a repeated start after a crash is harmless."""
    durable = make()
    runs: list[str] = []

    async def note(run_id: str) -> Json:
        runs.append(run_id)
        return None

    durable.register("demo", lambda run, payload: run.step("note", note, run.id))
    await durable.launch()
    for _ in range(3):
        await durable.enqueue("work", "demo", None, run_id="queued")
        await durable.start("demo", None, run_id="started")
    await durable.result("queued")
    await durable.result("started")

    assert ["queued", "started"] == sorted(runs)


async def test_a_first_run_sees_results_as_a_replay_would(make: Make) -> None:
    """What is on disk is JSON: a tuple must be a list at once, not only after a crash."""
    durable = make()
    seen: list[object] = []

    async def pair() -> Json:
        return {"pair": (1, 2)}

    async def body(run: Run, payload: Json) -> Json:
        result = await run.step("pair", pair)
        seen.append(result)
        return result

    durable.register("demo", body)
    await durable.launch()
    await durable.start("demo", None, run_id="r1")

    assert {"pair": [1, 2]} == await durable.result("r1")
    assert [{"pair": [1, 2]}] == seen


async def test_a_step_that_returns_no_json_fails_and_says_so(make: Make) -> None:
    """A set would come back as something else after a crash."""
    durable = make()

    async def wrong() -> Json:
        return {1, 2}  # type: ignore[return-value]  # that is what is tested

    durable.register("demo", lambda run, payload: run.step("wrong", wrong))
    await durable.launch()
    await durable.start("demo", None, run_id="r1")

    with pytest.raises(RunError, match="must be plain JSON"):
        await durable.result("r1")


async def test_a_failed_step_is_the_same_failure_at_a_replay(make: Make) -> None:
    """A body may go on after a failure; a restart must take it the same way."""
    attempts: list[int] = []
    caught: list[tuple[type[Exception], str, str]] = []

    async def fail() -> Json:
        attempts.append(1)
        raise ValueError("no such luck")

    async def body(run: Run, payload: Json) -> Json:
        try:
            await run.step("fail", fail)
        except StepFailed as error:
            caught.append((type(error), error.message, error.step))
        return await run.wait("go", timeout_s=60)

    first = make()
    first.register("demo", body)
    await first.launch()
    await first.start("demo", None, run_id="r1")
    while not caught:
        await asyncio.sleep(0.01)
    await first.close()
    second = make()
    second.register("demo", body)
    await second.launch()
    await second.send("r1", "now", topic="go", key="k1")

    assert "now" == await second.result("r1")
    assert [(StepFailed, "no such luck", "fail")] * 2 == caught
    assert [1] == attempts


async def test_a_message_reaches_a_waiting_run_once(make: Make) -> None:
    """A click is repeated by its platform; the key makes it one."""
    durable = make()

    async def body(run: Run, payload: Json) -> Json:
        first = await run.wait("go", timeout_s=60)
        return [first, await run.wait("go", timeout_s=0.3)]

    durable.register("demo", body)
    await durable.launch()
    await durable.start("demo", None, run_id="r1")
    await durable.send("r1", "yes", topic="go", key="click-1")
    await durable.send("r1", "yes", topic="go", key="click-1")

    assert ["yes", None] == await durable.result("r1")


async def test_a_message_to_no_run_is_refused(make: Make) -> None:
    """A button of a run that was deleted."""
    durable = make()
    await durable.launch()

    with pytest.raises(NotFound):
        await durable.send("nobody", "yes", topic="go", key="k")


async def test_runs_are_listed_with_their_state_step_and_conversation(make: Make) -> None:
    """What `workflow runs` shows."""
    durable = make()

    async def fail() -> Json:
        raise ValueError("broken")

    async def waiting(run: Run, payload: Json) -> Json:
        await run.step("ask", echo, "now?")
        return await run.wait("go", timeout_s=60)

    durable.register("good", lambda run, payload: run.step("say", echo, payload))
    durable.register("bad", lambda run, payload: run.step("fail", fail))
    durable.register("parked", waiting)
    await durable.launch()
    for name in ("good", "bad", "parked"):
        await durable.start(name, None, run_id=name, conversation=f"c-{name}")
    await durable.result("good")
    with pytest.raises(RunError, match="broken"):
        await durable.result("bad")
    rows = await until(durable, "parked", lambda row: row.step == "ask")

    shown = {(row.run_id, row.workflow, row.state, row.step, row.conversation) for row in rows}
    expected = {
        ("good", "good", "succeeded", "say", "c-good"),
        ("bad", "bad", "failed", "fail", "c-bad"),
        ("parked", "parked", "running", "ask", "c-parked"),
    }
    assert expected == shown
    assert {"parked"} == {row.run_id for row in rows if row.finished_at_ms is None}


async def until(durable: Durable, run_id: str, holds: Callable[[RunRow], bool]) -> list[RunRow]:
    """Wait for a run to get somewhere; returns all rows then."""
    while True:
        rows = list(await durable.list())
        if any(row.run_id == run_id and holds(row) for row in rows):
            return rows
        await asyncio.sleep(0.02)


async def test_a_cancelled_run_takes_no_further_step(make: Make) -> None:
    """And says that it was cancelled."""
    durable = make()
    steps: list[str] = []

    async def note(name: str) -> Json:
        steps.append(name)
        return None

    async def body(run: Run, payload: Json) -> Json:
        await run.step("before", note, "before")
        await run.wait("go", timeout_s=60)
        return await run.step("after", note, "after")

    durable.register("demo", body)
    await durable.launch()
    await durable.start("demo", None, run_id="r1")
    await until(durable, "r1", lambda row: row.step == "before")
    row = await durable.cancel("r1")
    await durable.send("r1", "go", topic="go", key="k")

    assert "cancelled" == row.state
    with pytest.raises(RunError):
        await durable.result("r1")
    assert ["before"] == steps


async def test_cancelling_no_run_is_refused(make: Make) -> None:
    """A mistyped id."""
    durable = make()
    with pytest.raises(NotFound):
        await durable.cancel("nobody")
    await durable.launch()

    with pytest.raises(NotFound):
        await durable.cancel("nobody")


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
    first.register("demo", lambda run, payload: run.wait("go", timeout_s=60))
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


async def test_unknown_names_and_payloads_that_are_no_json_are_refused(make: Make) -> None:
    """Each with what to do about it."""
    durable = make()
    durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    await durable.launch()

    with pytest.raises(UsageError) as caught:
        await durable.start("dmeo", None, run_id="r1")
    assert "did you mean 'demo'?" == caught.value.hint
    with pytest.raises(UsageError, match="no queue"):
        await durable.enqueue("play", "demo", None, run_id="r1")
    with pytest.raises(UsageError, match="plain JSON"):
        await durable.start("demo", {1, 2}, run_id="r1")  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(ValueError, match="already"):
        durable.register("demo", lambda run, payload: run.step("say", echo, payload))
    with pytest.raises(ValueError, match="before the launch"):
        durable.register("late", lambda run, payload: run.step("say", echo, payload))


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


def test_every_error_of_the_engine_becomes_one_of_ours() -> None:
    """Nobody above the seam knows DBOS."""
    from dbos import _error
    from sqlalchemy.exc import SQLAlchemyError

    from quarterdeck.core.errors import QuarterdeckError
    from quarterdeck.runtime.durable.engine import ours

    classes: list[type[Exception]] = [
        one
        for one in vars(_error).values()
        if isinstance(one, type) and issubclass(one, _error.DBOSException)
    ]
    errors: list[Any] = [Exception.__new__(one) for one in [*classes, SQLAlchemyError]]
    for error in errors:
        error.args, vars(error)["message"], vars(error)["dbos_error_code"] = ("x",), "x", None

    assert len(classes) > 15
    assert all(isinstance(ours(error, "r1"), QuarterdeckError) for error in errors)


@pytest.mark.slow
def test_killed_at_random_moments_no_run_is_lost_and_no_finished_step_repeated(tmp_path: Path) -> None:
    """`kill -9`, a dozen times: a step whose result was seen is never done again."""
    runs, steps = 8, 40
    chance = random.Random(20261121)
    command = [sys.executable, str(PROGRAM), str(tmp_path), str(runs), str(steps)]
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert "launched\n" == child.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0.0, 0.5))
            child.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == child.returncode

    finished = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)

    lines = (tmp_path / "effects").read_text().splitlines()
    expected = {(f"run-{run}", str(step)) for run in range(runs) for step in range(steps)}
    results = " ".join([str(sum(range(steps)))] * runs)
    assert f"launched\ndone {results}\n" == finished.stdout
    assert expected == {tuple(line.split()[:2]) for line in lines}
    assert [] == repeated_after_kept(lines)


def repeated_after_kept(lines: list[str]) -> list[str]:
    """Return the steps that were done again although the body had seen their result."""
    kept: Counter[str] = Counter()
    repeated = []
    for line in lines:
        name = line.removesuffix(" kept")
        if line.endswith(" kept"):
            kept[name] += 1
        elif kept[name]:
            repeated.append(line)
    return repeated
