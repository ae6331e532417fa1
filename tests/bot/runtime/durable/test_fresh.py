"""Hold runs that are spared the look for what they did before to what that look is for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quarterdeck.core.errors import Cancelled
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Run


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Durable]:
    """Be an engine, closed afterwards."""
    made = Durable(tmp_path / "durable.db")
    yield made
    await made.close()


class Deeds:
    """Do steps, and hold runs between two of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.is_between, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def do(self, what: str) -> Json:
        """Be a step."""
        self.done.append(what)
        return what

    async def between(self) -> None:
        """Hold the run."""
        self.is_between.set()
        await self.may_go_on.wait()

    async def body(self, run: Run, payload: Json) -> Json:
        """Take two steps."""
        await run.step("one", self.do, "one")
        await run.look(self.between)
        return await run.step("two", self.do, "two")


def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what DBOS looks up from here on."""
    from dbos._sys_db import SystemDatabase

    seen: list[str] = []
    real = SystemDatabase._check_operation_execution_txn

    def look(self: SystemDatabase, run_id: str, number: int, name: str, connection: object) -> object:
        seen.append(f"{run_id} {name}")
        return real(self, run_id, number, name, connection)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(SystemDatabase, "_check_operation_execution_txn", look)
    return seen


async def test_a_run_that_has_just_begun_looks_for_nothing(
    durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so do its children; DBOS still has the method that is spared, by the name that it had."""
    seen, deeds = looks(monkeypatch), Deeds()
    deeds.may_go_on.set()

    async def root(run: Run, payload: Json) -> Json:
        await run.begin("child", None, part="a")
        return [await run.step("zero", deeds.do, "zero"), await run.ending("a")]

    durable.register("child", deeds.body)
    durable.register("root", root)
    await durable.launch()
    await durable.start("root", None, run_id="r1")

    assert ["zero", "two"] == await durable.result("r1")
    assert [] == [one for one in seen if "getResult" not in one]


async def test_a_run_cancelled_between_two_steps_does_not_begin_the_next(durable: Durable) -> None:
    """The guard of the shortcut: a cancellation puts every run in doubt."""
    deeds = Deeds()
    durable.register("body", deeds.body)
    await durable.launch()
    await durable.start("body", None, run_id="r1")
    await deeds.is_between.wait()

    await durable.cancel("r1")
    deeds.may_go_on.set()
    with pytest.raises(Cancelled):
        await durable.result("r1")

    assert ["one"] == deeds.done


async def test_the_cancellation_of_another_run_stops_none(durable: Durable) -> None:
    """It asks once more, and goes on."""
    deeds, other = Deeds(), Deeds()
    durable.register("body", deeds.body)
    durable.register("other", other.body)
    await durable.launch()
    await durable.start("body", None, run_id="r1")
    await durable.start("other", None, run_id="r2")
    await deeds.is_between.wait()
    await other.is_between.wait()

    await durable.cancel("r2")
    deeds.may_go_on.set()
    other.may_go_on.set()

    assert "two" == await durable.result("r1")
    assert ["one"] == other.done


async def test_a_part_whose_time_is_up_does_not_begin_its_next_step(durable: Durable) -> None:
    """DBOS cancels it by itself, so it asks before every step."""
    deeds = Deeds()

    async def root(run: Run, payload: Json) -> Json:
        await run.begin("body", None, part="a", timeout_s=0.3)
        try:
            return await run.ending("a")
        except Cancelled:
            return "too late"

    durable.register("body", deeds.body)
    durable.register("root", root)
    await durable.launch()
    await durable.start("root", None, run_id="r1")

    await deeds.is_between.wait()
    while (await durable.rows(["r1/a"]))[0].state != "cancelled":
        await asyncio.sleep(0.01)
    deeds.may_go_on.set()

    assert "too late" == await durable.result("r1")
    assert ["one"] == deeds.done
