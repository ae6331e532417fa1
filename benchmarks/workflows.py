"""Measure runs of workflows against bare DBOS with the same engine settings, in turn, in one run of this program.

    python -m benchmarks.workflows [--rounds 5] [--runs 150] [--waiting 300]

For each: runs per second, p50 and p99 in ms, and processor time a run (of the whole process, with everything that it
does beside), of runs of one and of five trivial steps, one after the other and 16 at once; and what so many runs that
wait for an approval cost in processor time and memory. Ours have rights, an index, and a store flushed to disk at each
commit; bare DBOS has its journal alone.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Figures, arguments, in_a_process, in_turn, report
from tests.workflows.engine.place import Place, open_place

from quarterdeck.core.ports import Json

Once = Callable[[int], Awaitable[object]]
AT_ONCE = 16


async def measured(once: Once, runs: int, at_once: int, name: str = "") -> dict[str, float]:
    """Return runs per second, percentiles of one run in ms, and processor time of one in ms."""
    took: list[float] = []
    numbers = iter(range(runs))

    async def lane() -> None:
        for number in numbers:
            began_s = time.perf_counter()
            await once(number)
            took.append((time.perf_counter() - began_s) * 1000)

    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    elapsed_s, used_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    took.sort()
    return {
        f"{name} runs_per_s": round(runs / elapsed_s, 1),
        f"{name} p50_ms": round(statistics.median(took), 2),
        f"{name} p99_ms": round(took[min(len(took) - 1, int(len(took) * 0.99))], 2),
        f"{name} cpu_ms": round(used_s * 1000 / runs, 2),
    }


def bare(folder: Path, runs: int) -> dict[str, Any]:
    """Measure DBOS alone, with our engine settings, on an event loop of its own."""
    from dbos import DBOS, SetWorkflowID, StepOptions

    from quarterdeck.runtime.durable.database import open_engine
    from quarterdeck.runtime.durable.engine import _config

    database = open_engine(folder / "bare.db")

    async def noop(text: str) -> Json:
        return {"output": text}

    @DBOS.workflow(name="bare")
    async def body(payload: Any) -> Json:
        for number in range(payload["steps"]):
            await DBOS.run_step_async(StepOptions(name=str(number)), noop, "x")
        return {"state": "succeeded"}

    async def all_of_it() -> dict[str, Any]:
        DBOS(config=_config(database))
        DBOS.launch()
        found: dict[str, Any] = {}
        for steps in (1, 5):
            for at_once in (1, AT_ONCE):

                async def once(number: int, steps: int = steps, at_once: int = at_once) -> object:
                    with SetWorkflowID(f"{steps}-{at_once}-{number}"):
                        handle = await DBOS.start_workflow_async(body, {"steps": steps})
                    return await handle.get_result()

                await measured(lambda n, once=once: once(-1 - n), 10, 1)  # type: ignore[misc]
                found |= await measured(once, runs, at_once, f"{steps} x {at_once}")
        DBOS.destroy(destroy_registry=True)
        return found

    try:
        return asyncio.run(all_of_it())
    finally:
        database.dispose()


async def ours(place: Place, runs: int) -> dict[str, Any]:
    """Measure runs of workflows, with rights, index and all."""

    async def noop(call: Any) -> Json:
        return "x"

    place.put("bench.noop", noop)
    ended: dict[str, asyncio.Event] = {}
    place.engine.board.listeners.append(lambda run: ended[run.id].set() if run.id in ended else None)
    starter = await place.starter("bench")
    found: dict[str, Any] = {}
    for steps in (1, 5):
        document = {"name": f"bench{steps}", "title": "Bench", "steps": [{"action": "bench.noop"}] * steps}
        workflow = place.shelf.put(document)
        for at_once in (1, AT_ONCE):

            async def once(
                number: int, workflow: Any = workflow, steps: int = steps, at_once: int = at_once
            ) -> object:
                from dataclasses import replace

                key = f"{steps}-{at_once}-{number}"
                who = replace(starter, key=key, shown_as="")
                run = await place.engine.launch(workflow, {}, who, way="message")
                waiting = ended.setdefault(run.id, asyncio.Event())
                state = place.engine.board.run(run.id)
                if state is None or state.state not in ("succeeded", "failed", "cancelled"):
                    await waiting.wait()
                return ended.pop(run.id, None)

            await measured(lambda n, once=once: once(-1 - n), 10, 1)  # type: ignore[misc]
            found |= await measured(once, runs, at_once, f"{steps} x {at_once}")
    return found


async def parked(place: Place, waiting: int, seconds: float = 20.0) -> dict[str, float]:
    """Return what runs that wait for an approval cost while nothing happens."""
    document = {"name": "parked", "title": "Parked", "steps": [{"approve": "Go on?", "timeout_s": 86_400}]}
    before_mb = resident_mb()
    for number in range(waiting):
        await place.start(document, key=f"parked-{number}")
    while len(await place.rows.waits(kind="approval")) < waiting:  # noqa: ASYNC110 - rows wake nobody
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    began, began_s = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    await asyncio.sleep(seconds)
    ended, elapsed_s = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - began_s
    used_s = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    return {
        "runs": waiting,
        "processor_percent": round(100 * used_s / elapsed_s, 1),
        "memory_mb": round(resident_mb() - before_mb, 1),
    }


def resident_mb() -> float:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def whole(folder: Path, variant: str, runs: int, waiting: int) -> Figures:
    """Measure our side."""
    place = await open_place(folder)
    await place.durable.launch()
    try:
        return await (parked(place, waiting) if variant == "waiting" else ours(place, runs))
    finally:
        await place.close()


def child(variant: str, runs: int, waiting: int) -> None:
    """Be the process that measures a variant."""
    with tempfile.TemporaryDirectory() as folder:
        if variant == "bare dbos":
            figures = bare(Path(folder), runs)
        else:
            figures = asyncio.run(whole(Path(folder), variant, runs, waiting))
    print(json.dumps(figures))


def main() -> None:
    """Measure both and print how they compare."""
    parser = arguments("Runs of workflows, and bare DBOS. `5 x 16`: of five steps, 16 at once.", rounds=5)
    parser.add_argument("--runs", type=int, default=150)
    parser.add_argument("--waiting", type=int, default=300)
    parser.add_argument("--child", default="", help="measure this variant in this process")
    asked = parser.parse_args()
    if asked.child:
        return child(asked.child, asked.runs, asked.waiting)
    measure = partial(in_a_process, "benchmarks.workflows", runs=asked.runs, waiting=asked.waiting)
    variants = {name: partial(measure, name) for name in ("bare dbos", "quarterdeck")}
    found = in_turn(variants, asked.rounds, is_quiet=asked.only_json)
    if asked.waiting:
        found["waiting"] = {name: [value] for name, value in measure("waiting").items()}
    return report(
        "runs of workflows",
        found,
        baselines=["bare dbos"],
        settings={"runs": asked.runs, "waiting": asked.waiting},
        is_only_json=asked.only_json,
    )


if __name__ == "__main__":
    main()
