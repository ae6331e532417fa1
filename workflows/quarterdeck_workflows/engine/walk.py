"""Walk over the steps of a workflow. There is one walk: real runs, `workflow test` and benchmarks all take it.

It does nothing itself. What has an effect, or may come out differently, is asked of the `World` in durable steps named
by their place in the run; everything else follows from the input and from the answers, so that a replay walks the same
way. Places: `3` the fourth step, `3.1.0` the first step of its second branch or round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never, cast

from quarterdeck.core.access import ApprovalRule
from quarterdeck.core.errors import Cancelled, NonDeterministic, QuarterdeckError, RunError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.durable import Run
from quarterdeck_workflows.engine.blocks import LARGE_BYTES, MOST_STEPS, Blocks
from quarterdeck_workflows.engine.ending import Ending, Failed, Failure, Stopped
from quarterdeck_workflows.engine.job import SERIAL, Job
from quarterdeck_workflows.engine.scope import Scope
from quarterdeck_workflows.engine.trail import Trail
from quarterdeck_workflows.engine.world import Act, World
from quarterdeck_workflows.language.spec import (
    Approve,
    Ask,
    CallWorkflow,
    Choose,
    Do,
    ForEach,
    Parallel,
    RepeatUntil,
    SetValues,
    Step,
    Stop,
    Wait,
    inner,
)

DEEPEST = 8  # workflows that call workflows

Steps = Sequence[Step]


async def walk(run: Run, world: World, payload: Json, *, most_steps: int = MOST_STEPS) -> Json:
    """Be the body of a run, or of a part of one; returns its `Ending` as JSON."""
    job = Job.read(payload)
    trail = Trail(run, world, job)
    workflow = world.known(job)
    if workflow is None:
        workflow = await trail.look(world.definition, job)
    values = job.scope
    if "blob" in values:
        values = cast("Mapping[str, Json]", await trail.look(world.load, job.root, str(values["blob"])))
    return await Walk(trail, workflow, Scope(values), most_steps).whole()


class Walk(Blocks):
    """Walk one durable run."""

    async def whole(self) -> Json:
        """Do the job to its end; whatever happens, there is an ending."""
        ending = await self._done()
        if self._job.part == "run":
            ending = await self._rescued(ending)
            states = {
                step.id: str(
                    cast("Mapping[str, Json]", self._scope.steps.get(step.id) or {}).get("state") or ""
                )
                for step in self._workflow.steps
            }
            if not self._job.depth:
                await self._trail.look(self._world.ended, self._job, ending, states)
        return await self._small(ending.json(), LARGE_BYTES)

    async def _done(self) -> Ending:
        try:
            output, rest = await self._part()
            if self._job.part == "run":
                output = self._scope.filled(self._workflow.output)
                return Ending(state="succeeded", output=output)
            return replace(self._added(), output=output, rest=rest)
        except Stopped as stop:
            if stop.outcome == "failed":
                failure = Failure(kind="failed", message=stop.message or "the workflow stopped as failed")
                return await self._broken(Failed(replace(failure, place=stop.at), stop.at), is_stop=True)
            ending = replace(self._added(), state=stop.outcome, message=stop.message, is_stop=True)
            return replace(ending, output=self._last_output()) if self._job.part == "run" else ending
        except Failed as failed:
            return await self._broken(failed)
        except Cancelled as error:
            return await self._broken(Failed(Failure(kind="cancelled", message=error.message), "output"))
        except (QuarterdeckError, RecursionError) as error:  # the output's own template
            return await self._broken(Failed(_failure(error), "output"))

    async def _part(self) -> tuple[Json, int | None]:
        job = self._job
        match job.part:
            case "run":
                await self._passed()
                return await self._list(self._workflow.steps, "", self._scope), None
            case "steps":
                return await self._list(inner(self._node())[job.number], job.place, self._scope), None
            case "step":
                return await self._kind(self._node(), job.place, self._scope), None
            case "rounds":
                loop = cast("ForEach | RepeatUntil", self._node())
                return await self._rounds(loop, job.place, self._scope, job.number)
            case _:
                assert_never(job.part)

    async def _passed(self) -> None:
        """Wait until its starter has seen the plan, and others have agreed to the run, where it needs that."""
        first, plan = self._workflow.steps[0], str(self._job.gate.get("plan") or "")
        if plan:
            await self._waits.confirmed(first, plan)
        if not self._job.gate.get("by"):
            return
        what = cast("Mapping[str, Json]", self._scope.fixed["inputs"])
        subject = f"workflow:{self._job.workflow}"
        verdict = await self._waits.agreed(first, "start", "start", what, needs_of(self._job.gate), subject)
        if verdict.get("state") != "granted":
            raise Stopped("cancelled", f"nobody let it start: {verdict.get('state')}", "start")

    async def _broken(self, failed: Failed, *, is_stop: bool = False) -> Ending:
        at, failure = failed.at, failed.failure
        await self._trail.step(f"{at}:failed", self._world.failed, self._job, failure)
        ending = replace(self._added(), state="failed", at=at, failure=failure, is_stop=is_stop)
        return replace(ending, message=failure.message)

    async def _rescued(self, ending: Ending) -> Ending:
        """Take the steps of `on_error` after a failure; a `stop` among them says how the run ends."""
        if ending.state != "failed" or not self._workflow.on_error or ending.failure is None:
            return ending
        self._scope.locals["error"] = ending.failure.json()
        try:
            await self._list(self._workflow.on_error, "error", self._scope)
        except Stopped as stop:
            if stop.outcome != "failed":
                return Ending(state=stop.outcome, message=stop.message, is_stop=True)
            return replace(ending, message=stop.message or ending.message)
        except Failed as failed:
            text = f"{ending.message}; then the steps of `on_error` failed: {failed.failure.message}"
            return replace(ending, message=text)
        return ending

    def _added(self) -> Ending:
        """Return what this part of the run adds to the rest."""
        if self._job.part == "run":
            return Ending(state="succeeded")
        steps, values = self._known
        return Ending(
            state="succeeded",
            steps={name: one for name, one in self._scope.steps.items() if one is not steps.get(name)},
            vars={name: one for name, one in self._scope.vars.items() if one is not values.get(name)},
        )

    def _last_output(self) -> Json:
        try:
            return self._scope.filled(self._workflow.output)
        except QuarterdeckError:  # it names steps that were not reached
            return None

    def _node(self) -> Step:
        return next(step for step in self._workflow.every_step() if step.path == self._job.node)

    async def _list(self, steps: Steps, place: str, scope: Scope) -> Json:
        output: Json = None
        for number, step in enumerate(steps):
            output = await self._step(step, f"{place}.{number}" if place else str(number), scope)
        return output

    async def _step(self, step: Step, place: str, scope: Scope) -> Json:
        try:
            if step.when and not self._truth(step.when, step, place, scope):
                scope.put(step.id, None, "skipped")
                for one in (one for steps in inner(step) for one in steps):
                    scope.put(one.id, None, "skipped")
                return None
            self._world.enter(step)
            output = await self._guarded(step, place, scope)
        except NonDeterministic:
            raise
        except (Failed, QuarterdeckError) as error:
            failed = error if isinstance(error, Failed) else Failed(_failure(error), place)
            failure = failed.failure
            failure = failure if failure.step else replace(failure, step=step.id, place=place)
            scope.put(step.id, None, "failed", failure.json())
            if step.on_error == "continue":
                return None
            raise Failed(failure, failed.at) from error
        scope.put(step.id, output, "succeeded")
        return output

    async def _guarded(self, step: Step, place: str, scope: Scope) -> Json:
        """Take the step alone among all runs where it has a key, and within its time where it holds others."""
        key = scope.text(step.key) if step.key else ""
        is_limited = step.timeout_s is not None and (bool(inner(step)) or isinstance(step, CallWorkflow))
        if not key and not is_limited:
            return await self._kind(step, place, scope)
        part = f"{place}:key" if key else f"{place}:limit"
        job = await self._child(step, place, scope, part="step")
        limit_s = step.timeout_s if is_limited else None
        await self._trail.begin(
            job, part, queue=SERIAL if key else "", partition=key[:200], timeout_s=limit_s
        )
        return await self._joined(part, place, scope, step)

    async def _kind(self, step: Step, place: str, scope: Scope) -> Json:  # noqa: C901 - one case a kind
        match step:
            case Do():
                return await self._do(step, place, scope)
            case Parallel():
                return await self._parallel(step, place, scope)
            case ForEach() if step.concurrency > 1:
                return await self._abreast(step, place, scope)
            case ForEach() | RepeatUntil():
                return await self._loop(step, place, scope)
            case Choose():
                return await self._choose(step, place, scope)
            case Wait():
                return await self._waits.wait(step, place, scope)
            case Approve():
                return await self._waits.approve(step, place, scope)
            case Ask():
                return await self._waits.ask(step, place, scope)
            case CallWorkflow():
                return await self._call(step, place, scope)
            case SetValues():
                values = cast("Mapping[str, Json]", scope.filled(step.values))
                scope.vars.update(values)
                return values
            case Stop():
                raise Stopped(step.outcome, scope.text(step.message), place)
            case _:
                assert_never(step)

    async def _do(self, step: Do, place: str, scope: Scope) -> Json:
        """Run an action: again after failures that may pass, after others have agreed, after people have decided."""
        given = cast("Mapping[str, Json]", scope.filled(step.arguments))
        tries, number, approval = 0, 0, ""
        while True:
            number += 1
            name = place if number == 1 else f"{place}~{number}"
            order = self._trail.order(step, place, name)
            act = Act(
                order=order, action=step.action, arguments=given, timeout_s=step.timeout_s, approval=approval
            )
            found = cast("Mapping[str, Json]", await self._trail.step(name, self._world.act, act))
            if "output" in found:
                return found["output"]
            if "output_blob" in found:
                return await self._trail.look(self._world.load, self._job.root, str(found["output_blob"]))
            if "approval" in found:
                approval = await self._agreed(step, place, name, given, found["approval"])
            elif "unknown" in found:
                word = await self._waits.decided(step, place, name, str(found["unknown"]))
                if word == "skip":
                    return None
                if word == "fail":
                    failure = Failure(message=f"{found['unknown']}; it was decided that it failed")
                    raise Failed(failure, place)
            else:
                tries += 1
                await self._pause(step, place, tries, found)

    async def _agreed(self, step: Do, place: str, name: str, given: Mapping[str, Json], asked: Json) -> str:
        needs = needs_of(cast("Mapping[str, Json]", asked))
        verdict = await self._waits.agreed(step, place, name, given, needs, f"action:{step.action}")
        if verdict.get("state") != "granted":
            message = f"{step.action} needs an approval, and it was {verdict.get('state')}"
            raise Failed(Failure(kind="denied", message=message), place)
        return str(verdict["id"])

    async def _pause(self, step: Do, place: str, tries: int, found: Mapping[str, Json]) -> None:
        """Sleep before the next try, or fail when there is none."""
        failure, retry = Failure.read(found.get("error")), step.retry
        may_pass = retry is not None and ("any" in retry.on or failure.kind in retry.on)
        if retry is None or not may_pass or tries >= retry.attempts:
            tried = f" ({tries} attempts)" if tries > 1 else ""
            raise Failed(replace(failure, message=f"{failure.message}{tried}"), place)
        asked_s = found.get("after_s")
        pause_s = retry.backoff_s * 2.0 ** (tries - 1)
        await self._trail.sleep(max(pause_s, asked_s) if isinstance(asked_s, int | float) else pause_s)

    async def _choose(self, step: Choose, place: str, scope: Scope) -> Json:
        taken = None
        for number, case in enumerate(step.cases):
            if self._truth(case.when, step, place, scope):
                taken = number
                break
        lists = inner(step)
        chosen = len(lists) - 1 if taken is None else taken
        for number, steps in enumerate(lists):
            if number != chosen:
                for one in steps:
                    scope.put(one.id, None, "skipped")
        return await self._list(lists[chosen], f"{place}.{chosen}", scope)

    async def _call(self, step: CallWorkflow, place: str, scope: Scope) -> Json:
        trail, job = self._trail, self._job
        if job.depth >= DEEPEST:
            text = f"workflows call each other more than {DEEPEST} deep"
            raise Failed(Failure(kind="input", message=text, hint=f"look at {step.workflow!r}"), place)
        arguments = cast("Mapping[str, Json]", scope.filled(step.arguments))
        order = trail.order(step, place, place)
        found = await trail.answer(order, self._world.workflow, order, step.workflow, arguments)
        called = replace(
            job,
            workflow=step.workflow,
            definition=cast("Mapping[str, Json]", found["definition"]),
            scope={
                "inputs": found["inputs"],
                "run": {**cast("Mapping[str, Json]", scope.fixed["run"]), "workflow": step.workflow},
                "trigger": {"kind": "workflow", "workflow": job.workflow},
            },
            part="run",
            node="",
            number=0,
            place="",
            depth=job.depth + 1,
            prefix=f"{job.prefix}{place}>",
        )
        await trail.begin(called, f"{place}:call")
        ending = await trail.ending(f"{place}:call")
        if ending.state == "cancelled":
            failure = Failure(kind="cancelled", message=f"{step.workflow} was cancelled: {ending.message}")
            raise Failed(failure, place)
        if ending.state == "failed":
            failure = ending.failure or Failure(message=ending.message)
            raise Failed(replace(failure, message=f"{step.workflow}: {failure.message}", step=step.id), place)
        return ending.output


def needs_of(rule: Mapping[str, Json]) -> ApprovalRule:
    """Rebuild the rule by which others must agree."""
    return ApprovalRule(
        by=tuple(cast("list[str]", rule["by"])),
        quorum=cast("int", rule["quorum"]),
        within_s=float(cast("float", rule["within_s"])),
    )


def _failure(error: QuarterdeckError | RecursionError) -> Failure:
    if isinstance(error, RunError):
        return Failure(message=error.message, hint=error.hint)
    if isinstance(error, QuarterdeckError):
        return Failure(kind="input", message=error.message, hint=error.hint)
    return Failure(kind="input", message="values are nested too deeply")
