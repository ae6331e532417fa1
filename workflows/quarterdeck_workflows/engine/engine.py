"""Start runs, show them, and do what people decide about them (the `Runs` and `Starting` ports)."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.core.access import AccessRequest, Way
from quarterdeck.core.approval import Approval
from quarterdeck.core.command import Command
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json
from quarterdeck.core.run import OVER, Decision, Offered, RunOf, Starter
from quarterdeck.runtime.durable import Durable, Run
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.engine.blocks import LARGE_BYTES, MOST_STEPS
from quarterdeck_workflows.engine.board import Board, shown
from quarterdeck_workflows.engine.ending import Ending, stopped_at
from quarterdeck_workflows.engine.files import bring
from quarterdeck_workflows.engine.house import PREFIX, House
from quarterdeck_workflows.engine.index import Index
from quarterdeck_workflows.engine.job import BODY, Job
from quarterdeck_workflows.engine.offers import fits, offered, offers
from quarterdeck_workflows.engine.plan import planned, preview
from quarterdeck_workflows.engine.ports import Bot, ServicesOf
from quarterdeck_workflows.engine.titles import with_titles
from quarterdeck_workflows.engine.walk import walk
from quarterdeck_workflows.language.spec import Workflow

ID_LETTERS = 10  # of a hash: the same start twice is one run
EVERY_RUN = 10_000

log = logging.getLogger(__name__)


class WorkflowEngine:
    """Run workflows. Make it before the durable engine is launched; its queue is `job.QUEUE`."""

    def __init__(self, bot: Bot, durable: Durable, services: ServicesOf) -> None:
        self.bot, self._bot, self._durable = bot, bot, durable
        self.most_steps = MOST_STEPS
        self.board = Board(bot.rows, bot.outbox, bot.clock, bot.can_edit, bot.page_of)
        self.house = House(bot, self.board, services)
        self.house.questions.send = durable.send
        self._index = Index(bot, durable, self.house)
        durable.register(BODY, self._body)
        durable.on_forget(self._forget)
        bot.approvals.on_decided(PREFIX, self._decided)

    async def _body(self, run: Run, payload: Json) -> Json:
        try:
            return await walk(run, self.house, payload, most_steps=self.most_steps)
        except QuarterdeckError as error:
            await run.look(self._broke, Job.read(payload), error.message)
            raise
        except Exception as error:
            await run.look(self._broke, Job.read(payload), repr(error)[:300])
            raise

    async def _broke(self, job: Job, message: str) -> None:
        """Show that a run ended by an error that no step of it can account for."""
        if job.part == "run" and not job.depth:
            await self._end(await self.get(job.root), "failed", message)

    def question(self, name: str) -> Command | None:
        """Return the hidden command that takes the answer to an open question."""
        return self.house.questions.command(name)

    async def serve(self) -> None:
        """Know the open questions again, and put right what the index says of runs that ended unseen."""
        await self.house.questions.restore()
        await self._index.heal()
        open_runs = await self._bot.rows.all(limit=EVERY_RUN, states=("running", "waiting", "unknown"))
        if not open_runs:
            return
        await self._durable.launch()
        known = {row.run_id: row for row in await self._durable.rows([run.durable_id for run in open_runs])}
        for run in open_runs:
            row = known.get(run.durable_id)
            if row is not None and row.state == "succeeded":  # the last word was not written down
                found = await self._durable.result(run.durable_id)
                if isinstance(found, Mapping) and "blob" in found:
                    found = await self.house.load(run.id, str(found["blob"]))
                ending = Ending.read(found)
                await self._end(run, ending.state, ending.message)
            elif row is not None and row.state == "cancelled":
                await self._end(run, "cancelled", run.message)
            elif row is None and "~" in run.durable_id:  # the crash came right before the fork
                mark = int(run.durable_id.rpartition("~")[2]) - 1
                before = f"{run.id}~{mark}" if mark > 1 else run.id
                message = "Resuming it was cut off; resume it once more."
                await self._point(replace(run, state="failed", durable_id=before, message=message))
            elif row is not None and row.state == "failed":
                await self._end(run, "failed", run.message or "it ended by an error; the log says which")

    async def begin(self, name: str, line: str, starter: Starter) -> RunOf:
        """Start the workflow `name` with inputs as they are typed.

        Raises:
            NotFound, UsageError, Denied: as the port says.
        """
        workflow = self._bot.shelf.find(name)
        inputs = self._bot.inputs.typed(workflow, line, starter.identity, starter.conversation, starter.names)
        return await self.launch(workflow, inputs, starter, way="message")

    async def start(
        self,
        workflow: str,
        inputs: Mapping[str, Json],
        *,
        key: str,
        person: Person,
        identity: Identity,
        conversation: Conversation,
        files: Path | None = None,
    ) -> str:
        """Start a run and return its id; the same `key` twice is one run. `files`: the folder of who starts it.

        Raises:
            NotFound, UsageError, Denied: as the port says.
        """
        found = self._bot.shelf.find(workflow)
        starter = Starter(
            person=person,
            identity=identity,
            conversation=conversation,
            key=key,
            trigger={"kind": "workflow"},
            files=files,
        )
        given = self._bot.inputs.given(found, inputs, starter.names)
        run = await self.launch(found, given, starter, way="workflow")
        return run.id

    async def launch(
        self, workflow: Workflow, inputs: Mapping[str, Json], starter: Starter, *, way: Way
    ) -> RunOf:
        """Start a run of a workflow with checked inputs; returns once it is on disk.

        Raises:
            Denied: the person may not run it.
        """
        gate = await self._gate(workflow, inputs, starter, way)
        now_ms = self._bot.clock.now_ms()
        run_id = f"{workflow.name}-{hashlib.sha256(starter.key.encode()).hexdigest()[:ID_LETTERS]}"
        inputs = await bring(self._bot, workflow, inputs, starter, self.house.folder(run_id))
        run = RunOf(
            id=run_id,
            workflow=workflow.name,
            digest=workflow.digest,
            state="running",
            owner=starter.person.id,
            identity=starter.identity,
            conversation=starter.conversation,
            durable_id=run_id,
            shown_as=starter.shown_as,
            trigger=json.dumps(starter.trigger, sort_keys=True)[:LARGE_BYTES],
            started_at_ms=now_ms,
        )
        as_shown = with_titles(workflow, inputs)
        if run.shown_as:
            await self._bot.outbox.send(
                run.conversation, shown(run, as_shown, self._bot.page_of(run_id)), key=run.shown_as
            )
        self.house.know(run_id, workflow)
        job = await self._job(workflow, inputs, starter, run, gate)
        await self._durable.launch()
        adding = self._index.add(run)  # both keep what is there: any order will do
        self.board.put(run, as_shown)
        where = starter.conversation.id
        if await self._durable.start(BODY, job.json(), run_id=run_id, conversation=where):
            return self.board.run(run_id) or run
        kept = await adding
        if kept.state in OVER:  # the same start once more
            self.board.forget(run_id)
            return kept
        return self.board.run(run_id) or kept

    async def _job(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Json],
        starter: Starter,
        run: RunOf,
        gate: Mapping[str, Json],
    ) -> Job:
        definition: Mapping[str, Json] = {"document": workflow.document}
        if len(json.dumps(workflow.document)) > LARGE_BYTES:
            definition = {"blob": await self.house.keep(run.id, definition)}
        started = datetime.fromtimestamp(run.started_at_ms / 1000, UTC)
        scope: Mapping[str, Json] = {
            "inputs": inputs,
            "trigger": starter.trigger,
            "run": {
                "id": run.id,
                "workflow": workflow.name,
                "started_at": started.isoformat(timespec="milliseconds"),
                "conversation": starter.conversation.id,
                "person": str(starter.identity),
            },
        }
        if len(json.dumps(scope)) > LARGE_BYTES:
            scope = {"blob": await self.house.keep(run.id, scope)}
        return Job(
            root=run.id,
            workflow=workflow.name,
            shown_as=run.shown_as,
            definition=definition,
            identity=starter.identity,
            conversation=starter.conversation,
            scope=scope,
            gate=gate,
        )

    async def _gate(
        self, workflow: Workflow, inputs: Mapping[str, Json], starter: Starter, way: Way
    ) -> Mapping[str, Json]:
        """Return the approval that this start needs, nothing where it needs none."""
        decision = await self._bot.authoriser.authorise(
            AccessRequest(
                person=starter.person,
                identity=starter.identity,
                action=f"workflow:{workflow.name}",
                way=way,
                conversation=starter.conversation,
                least_role=workflow.allow,
                effect="write",
                arguments=inputs,
            )
        )
        if not decision.allowed and decision.needs_approval is None:
            raise Denied(decision.reason, hint="`/why` shows which rule said so")
        gate: dict[str, Json] = asdict(decision.needs_approval) if decision.needs_approval else {}
        if starter.confirms:
            who = (starter.person, starter.identity, starter.conversation)
            gate["plan"] = await preview(self._bot, workflow, inputs, *who)
        return gate

    async def offered(self, person: Person, identity: Identity, words: str = "") -> Sequence[Offered]:
        """Return the workflows that somebody may start and that have all `words`, by name."""
        return await offers(self._bot, person, identity, words)

    def shelved(self, words: str = "") -> Sequence[Offered]:
        """Return the workflows of the library that nobody switched on and that have all `words`, by name."""
        return [offered(one) for one in self._bot.shelf.off() if fits(one, words)]

    async def of_conversation(self, conversation_id: str, limit: int = 10) -> Sequence[RunOf]:
        """Return the runs of a conversation, newest first."""
        await self._index.settle()
        found = await self._bot.rows.all(limit=limit, conversation_id=conversation_id)
        return [self.board.run(run.id) or run for run in found]

    async def all(self, limit: int) -> Sequence[RunOf]:
        """Return runs, newest first."""
        await self._index.settle()
        return [self.board.run(run.id) or run for run in await self._bot.rows.all(limit=limit)]

    async def get(self, run_id: str) -> RunOf:
        """Return a run, by its id or the beginning of it.

        Raises:
            NotFound: no run has this id, or more than one.
        """
        await self._index.settle()
        found = await self._bot.rows.get(run_id.strip("`"))
        if len(found) != 1:
            what = "more than one run begins with" if found else "there is no run"
            raise NotFound(
                f"{what} {run_id[:80]!r}", hint="`/runs` and `quarterdeck workflow runs` list them"
            )
        return self.board.run(found[0].id) or found[0]

    async def plan(
        self, name: str, line: str, person: Person, identity: Identity, conversation: Conversation
    ) -> Json:
        """Return what a run with these inputs would do, and with which rights.

        Raises:
            NotFound, UsageError: there is no such workflow, or the inputs do not fit.
        """
        workflow = self._bot.shelf.find(name)
        inputs = self._bot.inputs.typed(workflow, line, identity, conversation, None)
        return await planned(self._bot, workflow, inputs, person, identity, conversation)

    async def cancel(self, run_id: str, *, by: str) -> RunOf:
        """Stop a run, and the step that it is in where it can be; one that is over stays as it is."""
        run = await self.get(run_id)
        if run.state in OVER:
            return run
        await self._durable.launch()
        await self._durable.cancel(run.durable_id)
        return await self._end(run, "cancelled", f"Stopped by {by}.")

    async def _end(self, run: RunOf, state: str, message: str) -> RunOf:
        """Write down an end that the run did not write down itself; nothing waits for it any more."""
        for waiting in await self._bot.rows.end_waits(run.id):
            await self.house.unask(waiting)
        over = replace(
            run,
            state=state,  # type: ignore[arg-type]  # one of the words
            message=message,
            finished_at_ms=self._bot.clock.now_ms(),
        )
        self.board.end(over, self._bot.shelf.get(run.workflow))
        await self.house.on_ended(over, None)
        return over

    async def resume(self, run_id: str, *, by: str, decision: Decision = "retry") -> RunOf:
        """Go on with a failed run at the step that failed; or decide about a step of which nobody knows.

        Raises:
            UsageError: there is nothing to go on with.
        """
        run = await self.get(run_id)
        if run.state not in OVER:
            return await self._decide(run, decision, by)
        if run.state != "failed" or decision != "retry":
            raise UsageError(
                f"run {run.id} is {run.state}",
                hint="only a failed run is resumed, and only a held step decided",
            )
        mark = int(run.durable_id.rpartition("~")[2]) + 1 if "~" in run.durable_id else 2
        new_id = f"{run.id}~{mark}"
        again = replace(
            run, state="running", durable_id=new_id, message=f"Resumed by {by}.", finished_at_ms=None
        )
        await self._durable.launch()
        await self._point(again)  # before the fork, which may begin at once
        self.board.put(again, self._bot.shelf.get(run.workflow))
        try:
            await self._durable.fork(run.durable_id, new_id, stopped_at)
        except QuarterdeckError:
            self.board.forget(run.id)
            await self._point(run)
            raise
        return again

    async def _point(self, run: RunOf) -> None:
        """Write down which durable run does a run now."""
        names = ("state", "durable_id", "message", "finished_at_ms")
        await self._bot.rows.note(run.id, {name: getattr(run, name) for name in names})

    async def _decide(self, run: RunOf, decision: Decision, by: str) -> RunOf:
        kind = "confirm" if decision == "confirm" else "unknown"
        held = await self._bot.rows.waits(kind=kind, run_id=run.id)
        if not held:
            raise UsageError(
                f"run {run.id} is {run.state}; nothing is to be decided", hint="`/runs` shows it"
            )
        await self._durable.launch()
        for waiting in held:
            key = f"{waiting.durable_id}|{waiting.topic}"
            said = {"decision": decision, "by": by}
            await self._durable.send(waiting.durable_id, said, topic=waiting.topic, key=key)
        return replace(run, state="running", message=f"{by} decided: {decision}.")

    async def signal(self, event: str, payload: Json, *, key: str) -> int:
        """Hand an event to every run that waits for it; returns how many. The same `key` twice is once."""
        waiting = await self._bot.rows.waits(kind="event", subject=event)
        for one in waiting:
            where = f"{key}|{one.durable_id}|{one.topic}"
            await self._durable.send(one.durable_id, {"payload": payload}, topic=one.topic, key=where)
        return len(waiting)

    def describe(self, run: RunOf) -> str:
        """Return what people are shown of a run, as CommonMark."""
        return shown(run, self._bot.shelf.get(run.workflow), self._bot.page_of(run.id)).text

    def page(self, run: RunOf) -> str:
        """Return the address of a run's page, empty where people elsewhere can reach none."""
        return self._bot.page_of(run.id)

    async def _decided(self, approval: Approval) -> None:
        """Wake the run that waits for this request; it reads the verdict itself."""
        for waiting in await self._bot.rows.waits(kind="approval", subject=approval.event_key):
            said = {"state": approval.state}
            key = f"approval-{approval.id}"
            await self._durable.send(waiting.durable_id, said, topic=waiting.topic, key=key)

    async def _forget(self, durable_ids: Sequence[str]) -> None:
        """Delete what belongs to runs that the durable engine has forgotten."""
        for run_id in await self._bot.rows.forget(durable_ids):
            await in_thread(shutil.rmtree, self.house.folder(run_id), ignore_errors=True)
