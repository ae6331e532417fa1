"""Take the durable steps of one run, and count them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Run
from quarterdeck_workflows.engine.ending import Ending, Failed, Failure
from quarterdeck_workflows.engine.job import BODY, Job
from quarterdeck_workflows.engine.world import Order, World
from quarterdeck_workflows.language.spec import Step

P = ParamSpec("P")
T = TypeVar("T")


class Trail:
    """Be the way of one run through the world; `taken` counts what stands in its journal."""

    def __init__(self, run: Run, world: World, job: Job) -> None:
        self.run, self.world, self.job = run, world, job
        self.taken = 0

    def order(self, step: Step, place: str, name: str, *, topic: str = "") -> Order:
        """Say which step a call is about."""
        return Order(job=self.job, durable_id=self.run.id, place=place, name=name, step=step, topic=topic)

    async def step(
        self,
        name: str,
        function: Callable[P, Coroutine[Any, Any, Json]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Json:
        """Take a durable step."""
        self.taken += 1
        return await self.run.step(name, function, *args, **kwargs)

    async def answer(
        self,
        order: Order,
        function: Callable[P, Coroutine[Any, Any, Json]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Mapping[str, Json]:
        """Take a durable step whose answer may be an error, which ends the step that the order is about."""
        found = cast("Mapping[str, Json]", await self.step(order.name, function, *args, **kwargs) or {})
        if found.get("error"):
            raise Failed(Failure.read(found["error"]), order.place)
        return found

    async def look(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask the world for something that never changes."""
        return await self.run.look(function, *args, **kwargs)

    async def sleep(self, seconds: float) -> None:
        """Sleep, over restarts too."""
        self.taken += 1
        await self.run.sleep(seconds)

    async def wait(self, topic: str, timeout_s: float) -> Json:
        """Wait for an answer."""
        self.taken += 2
        return await self.run.wait(topic, timeout_s)

    async def begin(
        self, job: Job, part: str, *, queue: str = "", partition: str = "", timeout_s: float | None = None
    ) -> None:
        """Begin a part of this run that has a run of its own."""
        self.taken += 1
        await self.run.begin(
            BODY, job.json(), part=part, queue=queue, partition=partition, timeout_s=timeout_s
        )

    async def first(self, parts: Sequence[str]) -> str:
        """Wait until one of these parts has ended."""
        self.taken += 1
        return await self.run.first(parts)

    async def ending(self, part: str) -> Ending:
        """Wait for the end of a part."""
        self.taken += 1
        found = await self.run.ending(part)
        if isinstance(found, Mapping) and "blob" in found:
            found = await self.look(self.world.load, self.job.root, str(found["blob"]))
        return Ending.read(found)
