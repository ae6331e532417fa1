"""Prove what a run may rely on, on the real engine and real files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound, RunError, StepFailed, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Run, RunRow

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


def test_every_error_of_the_engine_becomes_one_of_ours() -> None:
    """Nobody above the seam knows DBOS."""
    from dbos import _error
    from sqlalchemy.exc import SQLAlchemyError

    from quarterdeck.core.errors import QuarterdeckError
    from quarterdeck.runtime.durable.failures import ours

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
