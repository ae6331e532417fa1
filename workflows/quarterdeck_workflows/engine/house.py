"""Do what a walk asks for, in the real bot (the `World` port)."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import cast

from quarterdeck.core.access import AccessRequest, ApprovalRule, Decision
from quarterdeck.core.action import Action, ActionCall, ActionSpec
from quarterdeck.core.approval import Asked
from quarterdeck.core.command import Effect
from quarterdeck.core.errors import (
    Denied,
    NotFound,
    QuarterdeckError,
    Unknown,
    UserError,
)
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Json
from quarterdeck.core.run import Waiting
from quarterdeck_workflows.actions.kit.perform import perform
from quarterdeck_workflows.engine.blocks import LARGE_BYTES
from quarterdeck_workflows.engine.board import Board
from quarterdeck_workflows.engine.ending import Ending, Failure
from quarterdeck_workflows.engine.failing import refused
from quarterdeck_workflows.engine.job import Job
from quarterdeck_workflows.engine.levels import LEAST, ON_RECORD, read_moment
from quarterdeck_workflows.engine.ports import Bot, OnEnded, ServicesOf, tell_nobody
from quarterdeck_workflows.engine.questions import Questions
from quarterdeck_workflows.engine.titles import with_titles
from quarterdeck_workflows.engine.world import Act, Order
from quarterdeck_workflows.language.parse import read_document
from quarterdeck_workflows.language.spec import APPROVAL_S, Ask, Step, Wait, Workflow

PREFIX = "workflow:"  # what the keys of our requests for approval begin with
DEFINITIONS = 200  # kept ready


class House:
    """Be the world of real runs."""

    def __init__(self, bot: Bot, board: Board, services: ServicesOf) -> None:
        self._bot, self._board, self._services = bot, board, services
        self.questions = Questions(bot)
        self.on_ended: OnEnded = tell_nobody
        self._definitions: OrderedDict[str, Workflow] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str], None] = OrderedDict()

    def enter(self, step: Step) -> None:
        """Take no note: what has an effect says so itself."""

    async def act(self, act: Act) -> Json:
        """Run an action with the rights that the run's person has now."""
        order, job = act.order, act.order.job
        self._at(order, "running")
        action = self._bot.actions.get(act.action)
        if action is None:
            return refused(
                NotFound(f"there is no action {act.action!r}", hint="`quarterdeck workflow validate`")
            )
        spec, person = action.spec.meant(act.arguments), await self._person(job)
        decision = await self.authorise(
            job,
            person,
            f"action:{act.action}",
            least=LEAST[spec.effect],
            effect=spec.effect,
            given=act.arguments,
        )
        if decision.needs_approval is not None and not act.approval:
            return {"approval": {**asdict(decision.needs_approval), "rule": decision.rule}}
        if not decision.allowed and decision.needs_approval is None:
            return refused(
                Denied(decision.reason or f"{act.action} is not allowed", hint="`/why` shows the rules")
            )
        if spec.effect in ON_RECORD:
            await self._record(job, order, act, person, decision)
        if spec.idempotency == "none":
            is_first = await self._bot.rows.mark(f"{order.durable_id}|{order.name}", job.root)
            if not is_first:
                return {"unknown": f"{act.action} had begun when the bot stopped, and may have been done"}
        return await self._performed(act, action, spec, person)

    async def _performed(self, act: Act, action: Action, spec: ActionSpec, person: Person) -> Json:
        order, job = act.order, act.order.job
        call = ActionCall(
            input=act.arguments,
            key=order.key,
            run_id=job.root,
            workflow=job.workflow,
            person=person,
            identity=job.identity,
            conversation=job.conversation,
            folder=self.folder(job.root),
            services=self._services(),
            progress=partial(self._progress, job.root),
            folder_bytes=self._bot.folder_bytes,
        )
        try:
            output = await perform(action, call, timeout_s=act.timeout_s)
        except Unknown as error:
            await self._closed(act, "failed")
            if spec.idempotency == "none":
                return {"unknown": error.message}
            return refused(error, "unavailable")
        except QuarterdeckError as error:
            await self._closed(act, "failed")
            return refused(error)
        await self._closed(act, "done")
        text = json.dumps(output)
        if len(text) > LARGE_BYTES:
            return {"output_blob": await self._keep(job.root, text)}
        return {"output": output}

    def folder(self, root: str) -> Path:
        """Return where a run keeps its files."""
        return self._bot.folder / hashlib.sha256(root.encode()).hexdigest()[:24]

    async def _closed(self, act: Act, state: str) -> None:
        if act.approval:
            await self._bot.approvals.close(act.approval, state)  # type: ignore[arg-type]  # one of the words

    async def _progress(self, root: str, sentence: str) -> None:
        self._board.say(root, sentence)

    async def _record(self, job: Job, order: Order, act: Act, person: Person, decision: Decision) -> None:
        detail = {
            "run": job.root,
            "workflow": job.workflow,
            "step": order.place,
            "action": f"action:{act.action}",
            "identity": str(job.identity),
            "rule": f"approval {act.approval}" if act.approval else decision.rule,
        }
        await self._bot.record.append("action", detail, person_id=person.id)

    async def authorise(
        self, job: Job, person: Person, action: str, *, least: str, effect: Effect, given: Mapping[str, Json]
    ) -> Decision:
        """Ask the one authoriser, for the run's person as they are now."""
        return await self._bot.authoriser.authorise(
            AccessRequest(
                person=person,
                identity=job.identity,
                action=action,
                way="workflow",
                conversation=job.conversation,
                least_role=least,
                effect=effect,
                arguments=given,
            )
        )

    async def _person(self, job: Job) -> Person:
        return await self._bot.people.person_of(job.identity)

    async def ask_approval(
        self, order: Order, what: Mapping[str, Json], needs: ApprovalRule, subject: str
    ) -> Json:
        """Ask others, by the desk that asks for all approvals."""
        job = order.job
        self._at(order, "waiting", "Waiting for an approval")
        shown = dict(what)
        place = self._place(str(shown.pop("conversation", "") or ""), job)
        await self._wait(order, "approval", _approval_key(order), {})
        try:
            approval = await self._bot.approvals.request(
                Asked(
                    subject=subject,
                    version=(await self.definition(job)).digest,
                    arguments=shown,
                    person=await self._person(job),
                    identity=job.identity,
                    conversation=place,
                    needs=needs,
                    rule=f"step {order.step.title or order.step.id} of {job.workflow}",
                    key=_approval_key(order),
                )
            )
        except QuarterdeckError as error:
            return refused(error)
        return {"id": approval.id}

    async def confirm(self, order: Order, plan: str) -> Json:
        """Show the plan in the run's message, with a button that says yes."""
        await self._wait(order, "confirm", order.job.root, {})
        self._board.ask(order.job.root, plan)
        return {}

    async def verdict(self, order: Order, approval_id: str, needs: ApprovalRule) -> Json:
        """Return what became of a request; nobody waits for it after this."""
        approval = await self._bot.approvals.verdict(approval_id, needs)
        if approval.state == "pending":
            await self._bot.approvals.withdraw(approval.event_key)
        await self._bot.rows.end_wait(order.durable_id, order.topic)
        if approval.state == "granted" and approval.subject.startswith("workflow:"):
            await self._bot.approvals.close(approval.id, "done")
        self._at(order, "running")
        state = approval.state if approval.state in ("granted", "denied", "refused") else "expired"
        if approval.state == "done":
            state = "granted"  # the same request once more, after a crash right behind the close
        comments = [vote.comment for vote in approval.votes if vote.comment]
        names = [vote.name or str(vote.identity) for vote in approval.votes if vote.agrees]
        return {"state": state, "by": names, "comment": comments[-1] if comments else ""}

    async def ask(self, order: Order, step: Ask, values: Mapping[str, str]) -> Json:
        """Show a form to a person."""
        self._at(order, "waiting", "Waiting for an answer")
        place = self._place(values["conversation"], order.job)
        try:
            await self.questions.ask(order, step, values, place, within_s=step.timeout_s or APPROVAL_S)
        except QuarterdeckError as error:
            return refused(error)
        return {}

    async def listen(self, order: Order, step: Wait, event: str) -> Json:
        """Wait for an event from now on."""
        self._at(order, "waiting", f"Waiting for the event {event}")
        await self._wait(order, "event", event, {})
        return {}

    async def hush(self, order: Order) -> Json:
        """Stop waiting."""
        await self._bot.rows.end_wait(order.durable_id, order.topic)
        await self.questions.close(order.durable_id, order.topic)
        self._at(order, "running")
        return None

    async def hold(self, order: Order, reason: str) -> Json:
        """Ask people what is to become of a step of which nobody knows."""
        hint = "Look whether it was done, then say what holds."
        await self._wait(order, "unknown", order.job.root, {"reason": reason})
        self._at(order, "unknown", f"{reason}. {hint}")
        return None

    async def until(self, order: Order, moment: str) -> Json:
        """Return the seconds until a moment."""
        try:
            wanted = read_moment(moment)
        except UserError as error:
            return refused(error)
        self._at(order, "waiting", f"Waiting until {moment}")
        return {"seconds": max(0.0, (wanted - self._bot.clock.now()).total_seconds())}

    async def park(self, order: Order, seconds: float) -> Json:
        """Show that the run sleeps."""
        self._at(order, "waiting", "Waiting")
        return {}

    async def workflow(self, order: Order, name: str, arguments: Mapping[str, Json]) -> Json:
        """Return another workflow as it is now, with its inputs, if the run's person may start it."""
        self._at(order, "running")
        try:
            found = self._bot.shelf.find(name, is_called=True)
            inputs = self._bot.inputs.given(found, arguments, files=None)  # of the folder that both share
        except QuarterdeckError as error:
            return refused(error)
        person = await self._person(order.job)
        decision = await self.authorise(
            order.job, person, f"workflow:{name}", least=found.allow, effect="write", given=inputs
        )
        if not decision.allowed:
            return refused(Denied(decision.reason or f"{name} is not allowed"))
        digest = await self._keep(order.job.root, json.dumps({"document": found.document}))
        return {"definition": {"blob": digest}, "inputs": inputs}

    async def drop(self, job: Job, durable_id: str) -> Json:
        """Ask people no more for what a part of a run waited for."""
        inside = (f"{durable_id}/", f"{durable_id}~")
        for waiting in await self._bot.rows.waits(run_id=job.root):
            if waiting.durable_id == durable_id or waiting.durable_id.startswith(inside):
                await self._bot.rows.end_wait(waiting.durable_id, waiting.topic)
                await self.unask(waiting)
        return None

    async def unask(self, waiting: Waiting) -> None:
        """Close what people were asked."""
        if waiting.kind == "approval":
            await self._bot.approvals.withdraw(waiting.subject)
        elif waiting.kind == "ask":
            await self.questions.close(waiting.durable_id, waiting.topic)

    async def failed(self, job: Job, failure: Failure) -> Json:
        """Take note of a failure; the run's ending shows it."""
        return None

    async def ended(self, job: Job, ending: Ending, states: Mapping[str, str]) -> None:
        """Show how the whole run ended."""
        run = self._board.run(job.root)
        if run is None:
            found = await self._bot.rows.get(job.root)
            run = found[0] if found else None
        if run is None:
            return
        failure, message = ending.failure, ending.message
        if ending.state == "failed" and failure is not None:
            step = f"“{failure.step}”: " if failure.step else ""
            message = f"{step}{ending.message}" + (f"\n{failure.hint}" if failure.hint else "")
        now_ms = self._bot.clock.now_ms()
        step_id = failure.step if failure and failure.step else run.step
        over = replace(
            run, state=ending.state, message=message, finished_at_ms=now_ms, states=states, step=step_id
        )
        self._board.end(over, await self.definition(job))
        await self.on_ended(over, ending.output)

    def known(self, job: Job) -> Workflow | None:
        """Return the workflow of a job where it is at hand, and its run is watched."""
        if not job.depth and not self._board.knows(job.root):
            return None
        return self._definitions.get(job.definition_key)

    async def definition(self, job: Job) -> Workflow:
        """Return the workflow as it was when the run started."""
        where, key = job.definition, job.definition_key
        known = self._definitions.get(key)
        if known is None:
            if "blob" in where:
                where = cast("Mapping[str, Json]", await self.load(job.root, key))
            known = read_document(cast("Mapping[str, Json]", where["document"]))
            self._definitions[key] = known
            if len(self._definitions) > DEFINITIONS:
                self._definitions.popitem(last=False)
        if not self._board.knows(job.root) and not job.depth:
            for run in await self._bot.rows.get(job.root):
                self._board.put(
                    run, with_titles(known, cast("Mapping[str, Json] | None", job.scope.get("inputs")))
                )
        return known

    def know(self, root: str, workflow: Workflow) -> None:
        """Remember a definition that is about to be run."""
        self._definitions[f"{root}|{workflow.name}"] = workflow
        if len(self._definitions) > DEFINITIONS:
            self._definitions.popitem(last=False)

    async def load(self, root: str, digest: str) -> Json:
        """Return a large value by its hash.

        Raises:
            NotFound: it is gone.
        """
        text = await self._bot.rows.load(root, digest)
        if text is None:
            raise NotFound(f"a value of run {root!r} is gone from the database", hint="start the run again")
        return cast("Json", json.loads(text))

    async def keep(self, root: str, value: Json) -> str:
        """Keep a large value and return its hash."""
        return await self._keep(root, json.dumps(value, sort_keys=True))

    async def _keep(self, root: str, text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()
        if (root, digest) not in self._kept:
            await self._bot.rows.keep(root, digest, text)
            self._kept[root, digest] = None
            if len(self._kept) > 10 * DEFINITIONS:
                self._kept.popitem(last=False)
        return digest

    async def _wait(self, order: Order, kind: str, subject: str, detail: Mapping[str, Json]) -> None:
        await self._bot.rows.wait(
            Waiting(
                run_id=order.job.root,
                durable_id=order.durable_id,
                topic=order.topic,
                kind=kind,
                subject=subject,
                detail=detail,
            )
        )

    def _at(self, order: Order, state: str, message: str = "") -> None:
        prefix = order.job.prefix
        place = prefix.partition(">")[0] if prefix else order.place
        self._board.at(order.job.root, place, order.step, state, message)

    @staticmethod
    def _place(written: str, job: Job) -> Conversation:
        """Return the conversation that a step names; only one of the run's own platform is known by its id alone."""
        if not written or written == job.conversation.id:
            return job.conversation
        return replace(job.conversation, id=written, kind="group")


def _approval_key(order: Order) -> str:
    return f"{PREFIX}{order.durable_id}:{order.topic}"
