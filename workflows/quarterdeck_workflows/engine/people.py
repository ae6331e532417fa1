"""Walk the steps that wait: for people, for moments, for events. Nobody's place in a queue is held meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from quarterdeck.core.access import ApprovalRule
from quarterdeck.core.ports import Json
from quarterdeck.core.text import spell_duration
from quarterdeck_workflows.engine.ending import Failed, Failure, Stopped
from quarterdeck_workflows.engine.scope import Scope
from quarterdeck_workflows.engine.trail import Trail
from quarterdeck_workflows.language.spec import APPROVAL_S, Approve, Ask, Step, Wait

NEVER_S = 3650 * 86_400.0
HELD_S = 30 * 86_400.0  # how long people have to say what becomes of a step of which nobody knows
GRACE_S = 5.0  # the desk lets a request expire by its own clock; whoever waits looks right after


class Waits:
    """Wait, on the trail of one run."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail

    async def confirmed(self, first: Step, plan: str) -> None:
        """Show what the run would do; without a yes of its starter it ends as cancelled."""
        trail = self._trail
        order = trail.order(first, "start", "start:plan", topic="start:yes")
        await trail.answer(order, trail.world.confirm, order, plan)
        said = await trail.wait(order.topic, APPROVAL_S)
        await trail.step("start:planned", trail.world.hush, order)
        if not isinstance(said, Mapping):
            raise Stopped("cancelled", f"nobody said yes within {spell_duration(APPROVAL_S)}", "start")

    async def approve(self, step: Approve, place: str, scope: Scope) -> Json:
        """Ask for agreement; denied, the run ends as cancelled unless the step says otherwise."""
        within_s = step.timeout_s or APPROVAL_S
        needs = ApprovalRule(by=step.by, quorum=step.quorum, within_s=within_s)
        what = {
            "message": scope.text(step.message),
            "step": step.title or step.id,
            "conversation": scope.text(step.conversation),
        }
        verdict = await self.agreed(step, place, place, what, needs, f"workflow:{self._trail.job.workflow}")
        is_granted = verdict.get("state") == "granted"
        if not is_granted and step.on_denied == "stop":
            raise Stopped("cancelled", _why(verdict, step), place)
        return {
            "approved": is_granted,
            "by": verdict.get("by") or [],
            "comment": verdict.get("comment") or "",
        }

    async def agreed(
        self,
        step: Step,
        place: str,
        name: str,
        what: Mapping[str, Json],
        needs: ApprovalRule,
        subject: str,
    ) -> Mapping[str, Json]:
        """Ask others and return what they said; the request is named in the result, as `id`."""
        trail = self._trail
        order = trail.order(step, place, f"{name}:ask", topic=f"{name}:approval")
        asked = await trail.answer(order, trail.world.ask_approval, order, what, needs, subject)
        approval_id = str(asked.get("id") or "")
        await trail.wait(order.topic, needs.within_s + GRACE_S)
        order = trail.order(step, place, f"{name}:verdict", topic=order.topic)
        verdict = await trail.answer(order, trail.world.verdict, order, approval_id, needs)
        return {**verdict, "id": approval_id}

    async def ask(self, step: Ask, place: str, scope: Scope) -> Json:
        """Ask a person for values."""
        trail, within_s = self._trail, step.timeout_s or APPROVAL_S
        values = {
            "person": scope.text(step.person),
            "conversation": scope.text(step.conversation),
            "message": scope.text(step.message),
        }
        order = trail.order(step, place, place, topic=f"{place}:answer")
        await trail.answer(order, trail.world.ask, order, step, values)
        said = await trail.wait(order.topic, within_s)
        if isinstance(said, Mapping):
            await trail.step(f"{place}:closed", trail.world.hush, order)
            return said.get("values") or {}
        await trail.step(f"{place}:closed", trail.world.hush, order)
        if step.on_timeout == "continue":
            return {one.name: cast("Json", one.default) for one in step.inputs}
        raise _too_late(step, place, f"nobody answered within {spell_duration(within_s)}")

    async def wait(self, step: Wait, place: str, scope: Scope) -> Json:
        """Wait for a time, a moment, an event."""
        trail = self._trail
        if step.event:
            return await self._heard(step, place, scope)
        order = trail.order(step, place, place)
        if step.until:
            found = await trail.answer(order, trail.world.until, order, scope.text(step.until))
            seconds = float(cast("float", found["seconds"]))
        else:
            seconds = step.seconds or 0.0
            await trail.answer(order, trail.world.park, order, seconds)
        await trail.sleep(seconds)
        return None

    async def _heard(self, step: Wait, place: str, scope: Scope) -> Json:
        trail, event = self._trail, scope.text(step.event)
        order = trail.order(step, place, place, topic=f"{place}:event")
        await trail.answer(order, trail.world.listen, order, step, event)
        said = await trail.wait(order.topic, step.timeout_s or NEVER_S)
        await trail.step(f"{place}:closed", trail.world.hush, order)
        if isinstance(said, Mapping):
            return said.get("payload")
        if step.on_timeout == "continue":
            return None
        limit_s = step.timeout_s or NEVER_S
        raise _too_late(step, place, f"the event {event!r} did not come within {spell_duration(limit_s)}")

    async def decided(self, step: Step, place: str, name: str, reason: str) -> str:
        """Return what people say to a step of which nobody knows: retry, skip or fail; fail when nobody says it."""
        trail = self._trail
        order = trail.order(step, place, f"{name}:unknown", topic=f"{name}:decision")
        await trail.step(order.name, trail.world.hold, order, reason)
        said = await trail.wait(order.topic, HELD_S)
        await trail.step(f"{name}:decided", trail.world.hush, order)
        word = said.get("decision") if isinstance(said, Mapping) else None
        return word if word in ("retry", "skip") else "fail"


def _why(verdict: Mapping[str, Json], step: Approve) -> str:
    what = step.title or step.id
    match verdict.get("state"):
        case "denied":
            comment = f": {verdict['comment']}" if verdict.get("comment") else ""
            return f"{what} was denied{comment}"
        case "refused":
            return f"{what} was approved by somebody who may not approve it any more"
        case _:
            return f"nobody approved {what} in time"


def _too_late(step: Step, place: str, message: str) -> Failed:
    failure = Failure(kind="timeout", message=message, step=step.id, place=place)
    return Failed(failure, place)
