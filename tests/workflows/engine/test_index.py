"""Runs begin without waiting for the index, and a crash keeps none out of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from tests.workflows.engine.place import Place, open_place

from quarterdeck.core.run import RunOf
from quarterdeck.store.tables import workflow_runs

NOTE: dict[str, Any] = {"action": "test.note", "with": {"text": "done"}}
WORKFLOW: dict[str, Any] = {"name": "noted", "title": "Noted", "steps": [NOTE]}
WAITING: dict[str, Any] = {"name": "parked", "title": "Parked", "steps": [{"approve": "Go on?"}]}


def hold(place: Place, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Keep runs out of the index until the event is set."""
    may_add, add = asyncio.Event(), place.rows.add

    async def later(run: RunOf) -> RunOf:
        await may_add.wait()
        return await add(run)

    monkeypatch.setattr(place.rows, "add", later)
    return may_add


async def test_a_run_does_not_wait_for_its_row_and_readers_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush of the disk may take longer than the whole run."""
    may_add = hold(place, monkeypatch)
    run_id = await place.start(WORKFLOW)
    await place.until_done(1)
    looking = asyncio.create_task(place.engine.get(run_id))
    await asyncio.sleep(0)
    is_waiting = not looking.done()
    may_add.set()

    assert (True, run_id) == (is_waiting, (await looking).id)


async def test_runs_that_a_crash_kept_out_of_the_index_are_found_again(tmp_path: Path) -> None:
    """The durable engine has them: one has ended meanwhile, one still waits."""
    place = await open_place(tmp_path)
    await place.durable.launch()
    ended = await place.start(WORKFLOW, key="k1")
    await place.end(ended)
    waiting = await place.start(WAITING, key="k2")
    await place.until(waiting, "waiting")
    before = [await place.engine.get(run_id) for run_id in (ended, waiting)]
    await place.store.write(
        "workflow.forgotten", lambda connection: connection.execute(delete(workflow_runs))
    )
    await place.close()

    place = await open_place(tmp_path)
    await place.engine.serve()
    await place.engine.board.settle()
    after = [await place.engine.get(run_id) for run_id in (ended, waiting)]

    assert [facts(run) for run in before] == [facts(run) for run in after]
    assert ["succeeded", "waiting"] == [run.state for run in after]
    await place.close()


def facts(run: RunOf) -> tuple[object, ...]:
    """Return what a run is, apart from how it does."""
    where = (run.identity, run.owner, run.conversation, run.shown_as, run.trigger)
    return (run.id, run.workflow, run.digest, run.durable_id, *where)
