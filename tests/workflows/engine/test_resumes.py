"""Go on with failed runs wherever the failure stands, end what blocks asked for, and forget what is old."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.workflows.engine.place import Place

from quarterdeck.core.errors import UsageError
from quarterdeck.runtime.clock import SystemClock


def note(text: str, **more: Any) -> dict[str, Any]:
    """Be a step with an effect."""
    return {"action": "test.note", "with": {"text": text}, **more}


def workflow(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the document of a workflow."""
    return {"name": "demo", "title": "Demo", "steps": list(steps), **more}


def broken(place: Place) -> list[str]:
    """Add an action that fails as long as the returned list is not empty."""
    causes = ["the other side is down"]

    async def work(call: Any) -> Any:
        place.done.append("tried")
        if causes:
            raise UsageError(causes[0], hint="mend it")
        return "mended"

    place.put("test.work", work)
    return causes


IN_A_CALL = [note("before"), {"id": "x", "call": "inner"}, note("after")]
WITH_A_KEY = [note("before"), {"id": "x", "action": "test.work", "key": "only-one"}, note("after")]
IN_TIME = [
    note("before"),
    {"for_each": [1], "timeout_s": 60, "steps": [note("inside"), {"action": "test.work"}]},
    note("after"),
]


@pytest.mark.parametrize(
    ("steps", "first", "again"),
    [
        (IN_A_CALL, ["before", "inside", "tried"], ["tried", "after"]),
        (WITH_A_KEY, ["before", "tried"], ["tried", "after"]),
        (IN_TIME, ["before", "inside", "tried"], ["tried", "after"]),
    ],
    ids=["a called workflow", "a step with a key", "a block with a time limit"],
)
async def test_a_failure_in_a_part_is_gone_on_with_in_that_part(
    place: Place, steps: list[dict[str, Any]], first: list[str], again: list[str]
) -> None:
    """Nothing of it that was finished is done again, at the first resume and at the second."""
    causes = broken(place)
    await place.durable.launch()
    inner = {"name": "inner", "title": "Inner", "steps": [note("inside"), {"action": "test.work"}]}
    place.shelf.put(inner)
    run_id = await place.start(workflow(*steps))
    state = (await place.end(run_id))["state"]
    done_first = list(place.done)
    await place.engine.resume(run_id, by="Anna")
    still = (await place.end(run_id))["state"]
    causes.clear()
    await place.engine.resume(run_id, by="Anna")
    at_last = (await place.end(run_id))["state"]

    assert ("failed", "failed", "succeeded") == (state, still, at_last)
    assert first == done_first
    assert [*first, "tried", *again] == place.done
    assert "succeeded" == (await place.engine.get(run_id)).state


async def test_a_block_whose_time_is_up_asks_nobody_any_more(place: Place) -> None:
    """What it asked for is withdrawn: nobody agrees to what will not happen."""
    await place.durable.launch()
    inside = [[{"approve": "Go on?", "timeout_s": 3600}], [{"ask": "Who?", "inputs": {"lead": {}}}]]
    run_id = await place.start(workflow({"id": "both", "parallel": inside, "timeout_s": 5}))
    boris = await place.boris()
    while not await place.approvals.pending(boris) or not place.asking.open:
        await asyncio.sleep(0.01)
    ending = await place.end(run_id)

    assert ("failed", "timeout") == (ending["state"], ending["failure"]["kind"])
    assert [] == await place.approvals.pending(boris)
    assert {} == place.asking.open
    assert [] == await place.rows.waits(run_id=run_id)


class Later(SystemClock):
    """Be fifteen days on."""

    def now(self) -> datetime:
        """Return then."""
        return super().now() + timedelta(days=15)


async def test_what_is_old_is_forgotten_with_all_that_belongs_to_it(place: Place) -> None:
    """The row, what was too large for the journal, and the folder; what still waits stays."""
    await place.durable.launch()
    big = {"id": "big", "action": "test.big", "with": {"size": 200_000}}
    over = await place.start(workflow(big), key="k1")
    await place.end(over)
    waiting = await place.start({**workflow({"approve": "Go on?"}), "name": "other"}, key="k2")
    await place.until(waiting, "waiting")
    (blob,) = [one for one in place.engine.house._kept if one[0] == over]
    folder = place.engine.house.folder(over)
    folder.mkdir(parents=True)
    (folder / "plan.txt").write_text("a plan")
    before = await place.rows.load(*blob)

    serving = asyncio.create_task(place.durable.serve(Later()))
    while folder.exists():
        await asyncio.sleep(0.01)
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving

    assert 200_000 < len(before or "")
    assert (None, []) == (await place.rows.load(*blob), await place.rows.get(over))
    assert [waiting] == [one.id for one in await place.rows.all(limit=10)]
    assert [] == await place.durable.rows([over])
