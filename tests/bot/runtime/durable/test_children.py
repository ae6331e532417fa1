"""Prove what a run may rely on of the runs that it begins, and what becomes of them all when people step in."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from quarterdeck.core.errors import Cancelled, RunError, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Queue, Run

Make = Callable[[], Durable]


async def echo(value: Json) -> Json:
    """Be a step that returns what it was given."""
    return value


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Durable]:
    """Be an engine with a queue of partitions, closed afterwards."""
    made = Durable(tmp_path / "durable.db", queues=[Queue(name="serial", is_partitioned=True, poll_s=0.02)])
    yield made
    await made.close()


async def leaf(run: Run, payload: Json) -> Json:
    """Be a child that says one thing."""
    return [run.id, await run.step("say", echo, payload)]


async def test_a_run_begins_others_and_sees_their_ends(durable: Durable) -> None:
    """Branches are runs of their own: their steps cannot get into each other's way."""

    async def body(run: Run, payload: Json) -> Json:
        for part in ("a", "b"):
            await run.begin("leaf", part, part=part)
        first = await run.first(["a", "b"])
        return [first in ("a", "b"), await run.ending("a"), await run.ending("b")]

    durable.register("leaf", leaf)
    durable.register("root", body)
    await durable.launch()
    await durable.start("root", None, run_id="r1")

    assert [True, ["r1/a", "a"], ["r1/b", "b"]] == await durable.result("r1")
    assert ["r1"] == [row.run_id for row in await durable.list()]


async def test_children_go_on_after_a_restart(make: Make) -> None:
    """Both of them wait when the process ends; both go on, and the finished step is not done again."""
    said: list[str] = []

    async def say(word: str) -> Json:
        said.append(word)
        return word

    async def child(run: Run, payload: Json) -> Json:
        await run.step("say", say, str(payload))
        return await run.wait("go", 60)

    async def body(run: Run, payload: Json) -> Json:
        for part in ("a", "b"):
            await run.begin("child", part, part=part)
        return [await run.ending("a"), await run.ending("b")]

    for turn in range(2):
        durable = make()
        durable.register("child", child)
        durable.register("root", body)
        await durable.launch()
        if turn == 0:
            await durable.start("root", None, run_id="r1")
            while len(said) < 2:
                await asyncio.sleep(0.01)
            while len(await durable.steps("r1/b")) < 1:
                await asyncio.sleep(0.01)
            await durable.close()
    await durable.send("r1/a", "one", topic="go", key="k1")
    await durable.send("r1/b", "two", topic="go", key="k2")

    assert ["one", "two"] == await durable.result("r1")
    assert ["a", "b"] == sorted(said)


async def test_runs_of_one_partition_go_one_after_the_other_and_others_do_not_wait(durable: Durable) -> None:
    """Mutual exclusion by key; a run that waits for days holds its own key, and no place of anybody else's."""
    inside: set[str] = set()
    most, entered = {"x": 0}, asyncio.Event()

    async def work(run_id: str) -> Json:
        inside.add(run_id)
        most["x"] = max(most["x"], len(inside))
        await asyncio.sleep(0.01)
        inside.discard(run_id)
        return None

    async def parked(run: Run, payload: Json) -> Json:
        await run.step("enter", enter)
        return await run.wait("go", 60)

    async def enter() -> Json:
        entered.set()
        return None

    durable.register("work", lambda run, payload: run.step("work", work, run.id))
    durable.register("parked", parked)
    await durable.launch()
    await durable.enqueue("serial", "parked", None, run_id="p", partition="y")
    await entered.wait()
    for number in range(3):
        await durable.enqueue("serial", "work", None, run_id=f"w{number}", partition="x")
    for number in range(3):
        await durable.result(f"w{number}")

    assert 1 == most["x"]
    assert {"p": "running"} == {row.run_id: row.state for row in await durable.rows(["p"])}


async def test_cancelling_reaches_the_children_and_the_step_that_runs(durable: Durable) -> None:
    """Somebody presses stop while a child is inside a long step: the step itself is stopped, not just what follows."""
    began, stopped = asyncio.Event(), asyncio.Event()

    async def long() -> Json:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return None

    async def body(run: Run, payload: Json) -> Json:
        await run.begin("child", None, part="a")
        return await run.ending("a")

    durable.register("child", lambda run, payload: run.step("long", long))
    durable.register("root", body)
    await durable.launch()
    await durable.start("root", None, run_id="r1")
    await began.wait()
    row = await durable.cancel("r1")
    await asyncio.wait_for(stopped.wait(), 5)

    assert "cancelled" == row.state
    with pytest.raises(RunError):
        await durable.result("r1")
    assert ["cancelled"] == [one.state for one in await durable.rows(["r1/a"])]


async def test_a_child_that_takes_too_long_is_cancelled_and_its_parent_knows(durable: Durable) -> None:
    """A time limit of a block of steps holds over restarts, since it is the child's own."""

    async def body(run: Run, payload: Json) -> Json:
        await run.begin("child", None, part="a", timeout_s=0.2)
        try:
            return await run.ending("a")
        except Cancelled:
            return "too long"

    durable.register("child", lambda run, payload: run.wait("go", 60))
    durable.register("root", body)
    await durable.launch()
    await durable.start("root", None, run_id="r1")

    assert "too long" == await durable.result("r1")


async def test_a_child_that_raises_is_an_error_in_its_parent(durable: Durable) -> None:
    """And names the child."""

    async def child(run: Run, payload: Json) -> Json:
        raise ValueError("broken")

    async def body(run: Run, payload: Json) -> Json:
        await run.begin("child", None, part="a")
        try:
            return await run.ending("a")
        except RunError as error:
            return [error.run_id, error.message]

    durable.register("child", child)
    durable.register("root", body)
    await durable.launch()
    await durable.start("root", None, run_id="r1")

    assert ["r1/a", "broken"] == await durable.result("r1")


def stopped_at(result: Json) -> str:
    """Read a result such as `stopped 2`."""
    return result.removeprefix("stopped ") if isinstance(result, str) and result.startswith("stopped") else ""


async def test_a_run_that_stopped_is_begun_anew_where_it_did(durable: Durable) -> None:
    """What was done before stays done, in the run itself and in the child in which it stopped."""
    done: list[str] = []
    is_mended: list[bool] = []

    async def act(name: str) -> Json:
        done.append(name)
        return name != "inner.1" or bool(is_mended)

    async def child(run: Run, payload: Json) -> Json:
        for number in range(3):
            if not await run.step(f"1.0.{number}", act, f"inner.{number}"):
                return f"stopped 1.0.{number}"
        return "whole"

    async def body(run: Run, payload: Json) -> Json:
        await run.step("0", act, "before")
        await run.begin("child", None, part="1.0")
        await run.begin("child2", None, part="1.1")
        ends = [await run.ending(part) for part in ("1.0", "1.1")]
        if any(map(stopped_at, ends)):
            return "stopped 1"
        await run.step("2", act, "after")
        return "whole"

    durable.register("child", child)
    durable.register("child2", lambda run, payload: run.step("1.1.0", act, "other"))
    durable.register("root", body)
    await durable.launch()
    await durable.start("root", None, run_id="r1")
    first = await durable.result("r1")
    is_mended.append(True)
    await durable.fork("r1", "r1~2", stopped_at)

    assert ("stopped 1", "whole") == (first, await durable.result("r1~2"))
    assert ["before", "inner.0", "inner.1", "other", "inner.1", "inner.2", "after"] == [
        *sorted(done[:4]),
        *done[4:],
    ]
    with pytest.raises(UsageError, match="has not stopped"):
        await durable.fork("r1~2", "r1~3", stopped_at)


async def test_what_a_run_did_can_be_read(durable: Durable) -> None:
    """For the timeline."""
    durable.register("leaf", leaf)
    await durable.launch()
    await durable.start("leaf", "hello", run_id="r1")
    await durable.result("r1")

    assert [("say", "hello", "")] == [(one.name, one.output, one.child) for one in await durable.steps("r1")]
    assert [] == list(await durable.steps("nobody"))


async def test_a_rare_queue_is_opened_by_what_is_put_on_it(tmp_path: Path) -> None:
    """It costs a thread and four looks a second, in a bot that may never need it; later launches know it."""
    queue = Queue(name="rare", is_rare=True, is_partitioned=True, poll_s=0.05)
    first = Durable(tmp_path / "durable.db", queues=[queue])
    first.register("body", lambda run, payload: run.step("say", echo, payload))
    await first.launch()
    before = queues(tmp_path / "durable.db")
    await first.enqueue("rare", "body", "once", run_id="r1", partition="p")

    assert ("once", []) == (await first.result("r1"), before)
    await first.close()

    second = Durable(tmp_path / "durable.db", queues=[queue])
    second.register("body", lambda run, payload: run.step("say", echo, payload))
    await second.launch()
    await second.enqueue("rare", "body", "twice", run_id="r2", partition="p")

    assert ("twice", ["rare"]) == (await second.result("r2"), queues(tmp_path / "durable.db"))
    await second.close()


def queues(path: Path) -> list[str]:
    """Name the queues that are open."""
    with closing(sqlite3.connect(path)) as database:
        return [str(row[0]) for row in database.execute("SELECT name FROM queues ORDER BY name")]
