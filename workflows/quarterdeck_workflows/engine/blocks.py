"""Take steps that hold other steps: branches and items in runs of their own, rounds of long loops too."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from quarterdeck.core.errors import Cancelled, RunError
from quarterdeck.core.ports import Json
from quarterdeck_workflows.engine.ending import Ending, Failed, Failure, Stopped
from quarterdeck_workflows.engine.job import Job
from quarterdeck_workflows.engine.people import Waits
from quarterdeck_workflows.engine.scope import Scope
from quarterdeck_workflows.engine.trail import Trail
from quarterdeck_workflows.language.spec import ForEach, Parallel, RepeatUntil, Step, Workflow

MOST_STEPS = 1_000  # of one durable run; then loops go on in runs of their own
LARGE_BYTES = 100_000  # values beyond that are kept beside the journal
SHARED_BYTES = 8_000  # what parts of a run share is kept beside it sooner: there may be many of them


class Blocks(ABC):
    """Hold what every part of a walk needs."""

    def __init__(self, trail: Trail, workflow: Workflow, scope: Scope, most_steps: int) -> None:
        self._trail, self._workflow, self._scope, self._most = trail, workflow, scope, most_steps
        self._job, self._world, self._waits = trail.job, trail.world, Waits(trail)
        self._known: tuple[Mapping[str, Json], Mapping[str, Json]] = (dict(scope.steps), dict(scope.vars))

    @abstractmethod
    async def _list(self, steps: Sequence[Step], place: str, scope: Scope) -> Json:
        """Take steps one after the other and return the output of the last."""

    def _truth(self, expression: str, step: Step, place: str, scope: Scope) -> bool:
        found = scope.value(expression)
        if not isinstance(found, bool):
            text = f"{expression!r} must be true or false, and is {json.dumps(found)[:80]}"
            raise Failed(Failure(kind="input", message=text, step=step.id, place=place), place)
        return found

    async def _parallel(self, step: Parallel, place: str, scope: Scope) -> Json:
        """Begin every branch as a run of its own; wait for all, also when one fails."""
        job = await self._child(step, place, scope, part="steps")
        for number in range(len(step.branches)):
            branch = replace(job, number=number, place=f"{place}.{number}")
            await self._trail.begin(branch, branch.place)
        return await self._collected(
            [f"{place}.{number}" for number in range(len(step.branches))], place, scope
        )

    async def _abreast(self, step: ForEach, place: str, scope: Scope) -> Json:
        """Begin a run for each item, so many at once; after a failure none is begun any more."""
        items = self._items(step, place, scope)
        ends: dict[str, Ending] = {}
        under_way: list[str] = []
        parts = [f"{place}.{number}" for number in range(len(items))]
        for number, item in enumerate(items):
            if len(under_way) >= step.concurrency:
                first = await self._trail.first(under_way)
                under_way.remove(first)
                ends[first] = await self._trail.ending(first)
            if any(ending.state == "failed" or ending.is_stop for ending in ends.values()):
                break
            inside = scope.inner(shares_steps=False, index=number, **{step.name: item})
            job = await self._child(step, parts[number], inside, part="steps")
            await self._trail.begin(job, parts[number])
            under_way.append(parts[number])
        for part in under_way:
            ends[part] = await self._trail.ending(part)
        return self._merged([ends[part] for part in parts if part in ends], place, scope, keeps_steps=False)

    async def _collected(self, parts: Sequence[str], place: str, scope: Scope) -> Json:
        return self._merged(
            [await self._trail.ending(part) for part in parts], place, scope, keeps_steps=True
        )

    def _merged(self, ends: Sequence[Ending], place: str, scope: Scope, *, keeps_steps: bool) -> Json:
        for ending in ends:
            scope.take(ending.steps if keeps_steps else {}, ending.vars)
        for ending in ends:
            self._refuse(ending, place)
        return [ending.output for ending in ends]

    @staticmethod
    def _refuse(ending: Ending, place: str) -> None:
        """Raise what ended a part of the run."""
        if ending.state == "failed":
            raise Failed(ending.failure or Failure(message=ending.message), place)
        if ending.is_stop:
            raise Stopped(ending.state, ending.message, place)

    def _items(self, step: ForEach, place: str, scope: Scope) -> Sequence[Json]:
        found = scope.value(step.items) if isinstance(step.items, str) else scope.filled(step.items)
        if not isinstance(found, list):
            text = f"`for_each` needs a list, and {step.items!r} is {json.dumps(found)[:80]}"
            raise Failed(Failure(kind="input", message=text), place)
        if len(found) > step.limit:
            text = f"{len(found):,} items are more than the limit of {step.limit:,}"
            raise Failed(Failure(kind="input", message=text, hint="raise `limit` of this step"), place)
        return found

    async def _loop(self, step: ForEach | RepeatUntil, place: str, scope: Scope) -> Json:
        """Take the rounds of a loop here, and in runs of their own once this one has become long."""
        outputs, rest = await self._rounds(step, place, scope, 0)
        found = list(cast("list[Json]", outputs))
        while rest is not None:
            part = f"{place}:{rest}"
            await self._trail.begin(await self._child(step, place, scope, part="rounds", number=rest), part)
            ending = await self._trail.ending(part)
            scope.take(ending.steps if isinstance(step, RepeatUntil) else {}, ending.vars)
            self._refuse(ending, place)
            found += cast("list[Json]", ending.output or [])
            rest = ending.rest
        return found if isinstance(step, ForEach) else (found[-1] if found else None)

    async def _rounds(
        self, step: ForEach | RepeatUntil, place: str, scope: Scope, start: int
    ) -> tuple[Json, int | None]:
        """Take rounds from `start` on; returns their outputs, and the round to go on with, None after the last."""
        outputs: list[Json] = []
        items = self._items(step, place, scope) if isinstance(step, ForEach) else ()
        began, number = self._trail.taken, start
        while True:
            is_over = number >= (len(items) if isinstance(step, ForEach) else step.limit)
            if is_over and isinstance(step, RepeatUntil):
                text = f"`{step.condition}` was still false after {step.limit:,} rounds"
                raise Failed(Failure(kind="timeout", message=text), place)
            if is_over:
                return outputs, None
            if self._trail.taken >= self._most and (number > start or began >= self._most):
                return outputs, number
            more = {step.name: items[number]} if isinstance(step, ForEach) else {}
            inside = scope.inner(shares_steps=isinstance(step, RepeatUntil), index=number, **more)
            outputs.append(await self._list(step.steps, f"{place}.{number}", inside))
            if isinstance(step, RepeatUntil):
                outputs = outputs[-1:]
                if self._truth(step.condition, step, place, inside):
                    return outputs, None
            number += 1

    async def _joined(self, part: str, place: str, scope: Scope, step: Step) -> Json:
        try:
            ending = await self._trail.ending(part)
        except Cancelled as error:
            child_id = f"{self._trail.run.id}/{part}"
            await self._trail.step(f"{part}:dropped", self._world.drop, self._job, child_id)
            text = f"it took longer than {step.timeout_s:g} s" if step.timeout_s else error.message
            raise Failed(Failure(kind="timeout", message=text), place) from error
        except RunError as error:
            raise Failed(Failure(message=error.message), place) from error
        scope.take(ending.steps, ending.vars)
        self._refuse(ending, place)
        return ending.output

    async def _child(self, step: Step, place: str, scope: Scope, *, part: str, number: int = 0) -> Job:
        """Return the job of a part of this run; what it shares with others is kept beside the journal."""
        definition = self._job.definition
        if "document" in definition:
            definition = cast("Mapping[str, Json]", await self._small(definition, SHARED_BYTES))
        values = cast("Mapping[str, Json]", await self._small(scope.json(), SHARED_BYTES))
        job = replace(self._job, definition=definition, scope=values, node=step.path, place=place)
        return replace(job, part=part, number=number)  # type: ignore[arg-type]  # one of the words

    async def _small(self, value: Json, most_bytes: int) -> Json:
        """Return a value, or where it is kept when it is large."""
        if len(json.dumps(value)) <= most_bytes:
            return value
        return {"blob": await self._trail.look(self._world.keep, self._job.root, value)}
