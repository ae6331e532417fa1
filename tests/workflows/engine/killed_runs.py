"""Be a bot that runs workflows in a process that a test kills: `killed_runs.py FOLDER RUNS`.

Everything that reaches the world is one line in FOLDER/effects, written and flushed before the action returns. What
people do is done by the process itself: it agrees to every request that waits, and says `retry` to every held step.
Prints `recovered` once every run that was under way before is walked again, and at the end `done` with the states of
all runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.workflows.engine.place import BORIS, Place, open_place

from quarterdeck.core.approval import Voter
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.run import OVER
from quarterdeck_workflows.engine.engine import ID_LETTERS
from quarterdeck_workflows.engine.job import QUEUE


def note(text: str, **more: Any) -> dict[str, Any]:
    """Be a step with an effect that knows its key."""
    return {"action": "test.note", "with": {"text": text}, **more}


WORKFLOW: dict[str, Any] = {
    "name": "all",
    "title": "Everything",
    "steps": [
        note("start"),
        {"for_each": ["a", "b", "c"], "steps": [note("loop ${item}"), {"wait": 0.01}]},
        {"parallel": [[note("left 1"), note("left 2")], [{"wait": 0.02}, note("right")]]},
        {"action": "test.send", "with": {"text": "sent"}},
        {"approve": "Go on?", "id": "ok", "timeout_s": 3600},
        {"repeat_until": "index == 2", "steps": [note("round ${index}")]},
        {"for_each": ["x", "y", "z"], "concurrency": 2, "steps": [note("abreast ${item}")]},
        note("end", key="only-one"),
    ],
    "output": "whole",
}
KEPT = [
    "start",
    *(f"loop {letter}" for letter in "abc"),
    *("left 1", "left 2", "right"),
    *(f"round {number}" for number in range(3)),
    *(f"abreast {letter}" for letter in "xyz"),
    "end",
]


async def people(place: Place) -> None:
    """Agree to what is asked for, and have held steps done again."""
    boris, number = await place.boris(), 0
    while True:
        for one in await place.approvals.pending(boris):
            number += 1
            voter = Voter(person=boris, identity=BORIS, event_id=f"{os.getpid()}-{number}")
            await agree(place, one.id, voter)
        for waiting in await place.rows.waits(kind="unknown"):
            await decide(place, waiting.run_id)
        await asyncio.sleep(0.05)


async def agree(place: Place, approval: str, voter: Voter) -> None:
    """Press the button; somebody may have been faster."""
    try:
        await place.approvals.vote(approval, voter, agrees=True)
    except QuarterdeckError:
        return


async def decide(place: Place, run_id: str) -> None:
    """Have a held step done again."""
    try:
        await place.engine.resume(run_id, by="a test")
    except QuarterdeckError:
        return


def under_way(journal: Path) -> set[str]:
    """Return the durable runs of a journal that have begun and not ended; what waits in a queue has not begun."""
    if not journal.exists():
        return set()
    with closing(sqlite3.connect(journal)) as database:
        tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'workflow_status'").fetchall()
        if not tables:
            return set()
        rows = database.execute("SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING'")
        return {str(row[0]) for row in rows}


def watch(place: Place, left: set[str]) -> asyncio.Event:
    """Return what is set once all of these durable runs are walked again."""
    taken_up, here = asyncio.Event(), asyncio.get_running_loop()
    body = place.durable._registrations["workflow.v1"]

    async def walked(run: Any, payload: Any) -> Any:
        left.discard(run.id)
        if not left:
            here.call_soon_threadsafe(taken_up.set)
        return await body.body(run, payload)

    place.durable._registrations["workflow.v1"] = replace(body, body=walked)
    if not left:
        taken_up.set()
    return taken_up


async def main(folder: Path, runs: int) -> None:
    """Start all runs that are not over, as a restarted bot would, and wait until they are."""
    place = await open_place(folder)
    place.durable._queues[QUEUE.name] = replace(QUEUE, poll_s=0.05)  # all runs share one key: one a look
    taken_up = watch(place, under_way(folder / "durable.db"))
    await place.durable.launch()
    await taken_up.wait()
    print("recovered", flush=True)
    helping = [
        asyncio.create_task(place.engine.serve()),
        asyncio.create_task(place.approvals.serve()),
        asyncio.create_task(people(place)),
    ]
    keys = [f"k{number}" for number in range(runs)]
    ids = [f"all-{hashlib.sha256(key.encode()).hexdigest()[:ID_LETTERS]}" for key in keys]
    over = {run.id for run in await place.rows.all(limit=runs, states=tuple(OVER))}
    for key, run_id in zip(keys, ids, strict=True):
        if run_id not in over:
            assert run_id == await place.start(WORKFLOW, key=key)
    endings = [await place.durable.result(run_id) for run_id in ids]
    await place.engine.board.settle()
    states = [(await place.engine.get(run_id)).state for run_id in ids]
    assert all(state in OVER for state in states), states
    for task in helping:
        task.cancel()
    await asyncio.gather(*helping, return_exceptions=True)
    print("done", *[ending["state"] for ending in endings], flush=True)  # type: ignore[call-overload,index]
    await place.close()


def run(folder: str, runs: str) -> None:
    """Be the bot of a folder."""
    asyncio.run(main(Path(folder), int(runs)))


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
