"""Be a process that keeps durable runs, for tests that kill it: `durable_program.py FOLDER RUNS STEPS`.

Each effect is one line in FOLDER/effects, written and flushed before the step returns.
Prints `launched`, and `done` with all results.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Durable, Queue, Run


def effect(folder: Path, line: str) -> None:
    """Leave a mark that outlives a kill."""
    with (folder / "effects").open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


async def serve(folder: Path, runs: int, steps: int) -> None:
    """Start all runs, as a restarted bot would, and wait for them."""
    durable = Durable(folder / "durable.db", queues=[Queue(name="work", concurrency=4, poll_s=0.05)])

    async def act(run_id: str, step: int) -> Json:
        effect(folder, f"{run_id} {step}")
        return step

    async def body(run: Run, payload: Json) -> Json:
        total = 0
        for step in range(steps):
            result = await run.step(f"act:{step}", act, run.id, step)
            assert isinstance(result, int)
            total += result
            effect(folder, f"{run.id} {step} kept")
            await run.sleep(0.01)
        return total

    durable.register("work", body, most_recoveries=10_000)
    await durable.launch()
    print("launched", flush=True)
    for number in range(runs):
        if number % 2:
            await durable.start("work", None, run_id=f"run-{number}")
        else:
            await durable.enqueue("work", "work", None, run_id=f"run-{number}")
    results = [await durable.result(f"run-{number}") for number in range(runs)]
    await durable.close()
    print("done", *results, flush=True)


def run(folder: str, runs: str, steps: str) -> None:
    """Be that process."""
    asyncio.run(serve(Path(folder), int(runs), int(steps)))


if __name__ == "__main__":
    run(*sys.argv[1:])
