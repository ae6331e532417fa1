"""Build the engine on real files, without a bot around it: the outbox and the effects of actions are lists or files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.command import Command
from quarterdeck.core.errors import NotFound, Unavailable, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json, Services
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Starter
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.policy import Authority
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.durable import Durable
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.work.approvals import StoredApprovals
from quarterdeck.store.work.runs import StoredRuns
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.engine.job import QUEUE
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.parse import read_document
from quarterdeck_workflows.language.spec import Workflow

ANNA = Identity(platform="fake", user_id="U1")  # the owner
BORIS = Identity(platform="fake", user_id="U2")  # another owner, who may approve
HERE = Conversation(id="fake:general", platform="fake", kind="group")

Do = Callable[[ActionCall], Awaitable[Json]]


class Deed:
    """Be an action for tests."""

    def __init__(self, id_: str, do: Do, **about: Any) -> None:
        anything: dict[str, Json] = {"type": "object"}
        self.spec = ActionSpec(id=id_, summary=id_, input=anything, **about)
        self._do = do

    async def run(self, call: ActionCall) -> Json:
        """Do it."""
        return await self._do(call)


class Shelf:
    """Hold workflows."""

    def __init__(self) -> None:
        self.workflows: dict[str, Workflow] = {}

    def put(self, document: Mapping[str, Json]) -> Workflow:
        """Take one from its document."""
        workflow = read_document(document)
        self.workflows[workflow.name] = workflow
        return workflow

    def all(self) -> list[Workflow]:
        """Return them."""
        return list(self.workflows.values())

    def get(self, name: str) -> Workflow | None:
        """Return one."""
        return self.workflows.get(name)

    def off(self) -> list[Workflow]:
        """Return none: all are on."""
        return []

    def find(self, name: str, *, is_called: bool = False) -> Workflow:
        """Return one."""
        found = self.get(name)
        if found is None:
            raise NotFound(f"there is no workflow {name!r}", hint="`/workflows` lists them")
        return found


class Outbox:
    """Remember what was sent, by key, in the form that people see now."""

    def __init__(self) -> None:
        self.sent: dict[str, Reply] = {}

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Take a message."""
        self.sent.setdefault(key, reply)

    async def edit(self, to: Conversation, reply: Reply, *, replaces: str, key: str) -> None:
        """Change one."""
        self.sent[replaces] = reply


class Asking:
    """Remember the questions that are open."""

    def __init__(self) -> None:
        self.open: dict[str, Command] = {}

    async def ask(
        self,
        form_id: str,
        command: Command,
        identity: Identity,
        conversation: Conversation,
        *,
        expires_at_ms: int,
    ) -> None:
        """Open one."""
        self.open[form_id] = command

    async def close(self, form_id: str) -> None:
        """Close it."""
        self.open.pop(form_id, None)


class Inputs:
    """Take inputs as they are."""

    def typed(
        self,
        workflow: Workflow,
        line: str,
        identity: Identity,
        conversation: Conversation,
        files: Sequence[str] | None = (),
    ) -> Mapping[str, Json]:
        """Read `name=value` pairs, all text."""
        return dict(pair.split("=", 1) for pair in line.split())

    def given(
        self, workflow: Workflow, values: Mapping[str, Json], files: Sequence[str] | None = ()
    ) -> Mapping[str, Json]:
        """Return them."""
        return values


class Place:
    """Hold an engine and what is around it."""

    def __init__(self, folder: Path, store: Store, **about: Any) -> None:
        self.folder, self.store, self.clock = folder, store, SystemClock()
        self.shelf, self.outbox, self.asking = Shelf(), Outbox(), Asking()
        self.actions: dict[str, Deed] = {}
        self.done: list[str] = []
        self.durable = Durable(folder / "durable.db", queues=[QUEUE])
        audit = Audit(store, self.clock, lambda text: text)
        self._people_rows = StoredPeople(store)
        self.people = Directory(self._people_rows, owners={ANNA: "Anna", BORIS: "Boris"})
        self.approvals = ApprovalDesk(
            StoredApprovals(store),
            people=self.people,
            outbox=self.outbox,
            record=audit,
            accept=self._accept,
            clock=self.clock,
        )
        self.rows = StoredRuns(store)
        self.authority = Authority()
        bot = Bot(
            clock=self.clock,
            people=self.people,
            authoriser=self.authority,
            outbox=self.outbox,
            approvals=self.approvals,
            record=audit,
            asking=self.asking,
            inputs=Inputs(),
            rows=self.rows,
            shelf=self.shelf,
            actions=self.actions,
            folder=folder / "runs",
            **about,
        )
        self.engine = WorkflowEngine(bot, self.durable, lambda: cast("Services", None))
        self._put_actions()

    async def _accept(self, event: object) -> bool:
        raise AssertionError("no event of a run goes through the inbox")

    def _put_actions(self) -> None:
        self.put("test.note", self._note, effect="write", idempotency="key")
        self.put("test.send", self._note, effect="write", idempotency="none")
        self.put("test.big", self._big)
        self.put("test.fail", self._fail)

    def put(self, id_: str, do: Do, **about: Any) -> None:
        """Add an action."""
        self.actions[id_] = Deed(id_, do, **about)

    async def _note(self, call: ActionCall) -> Json:
        self.done.append(str(call.input.get("text")))
        effect(self.folder, f"{call.key}|{call.input.get('text')}")
        return call.input.get("text")

    async def _big(self, call: ActionCall) -> Json:
        return "x" * cast("int", call.input["size"])

    async def _fail(self, call: ActionCall) -> Json:
        self.done.append("fail")
        if call.input.get("passing"):
            raise Unavailable("the other side is away", service="test")
        raise UsageError("that cannot be", hint="do something else")

    async def start(self, document: Mapping[str, Json], *, key: str = "k1", **inputs: Json) -> str:
        """Start a run of Anna's."""
        workflow = self.shelf.put(document)
        run = await self.engine.launch(workflow, inputs, await self.starter(key), way="message")
        return run.id

    async def starter(self, key: str) -> Starter:
        """Be Anna."""
        anna = await self.people.person_of(ANNA)
        return Starter(person=anna, identity=ANNA, conversation=HERE, key=key, shown_as=f"shown-{key}")

    async def grant(self, identity: Identity, role: str) -> None:
        """Give somebody a role."""
        await self._people_rows.grant(identity, role, is_service=identity.platform == "workflow", now_ms=0)

    async def until_done(self, count: int) -> None:
        """Wait until so many things were done."""
        while len(self.done) < count:
            await asyncio.sleep(0.01)

    async def boris(self) -> Person:
        """Return who may approve what Anna asks for."""
        return await self.people.person_of(BORIS)

    async def end(self, run_id: str) -> Mapping[str, Any]:
        """Wait for the end of a run and return its ending, as it is on disk."""
        run = await self.engine.get(run_id)
        ending = await self.durable.result(run.durable_id)
        await self.engine.board.settle()
        return cast("Mapping[str, Any]", ending)

    async def until(self, run_id: str, state: str) -> None:
        """Wait until a run shows this state."""
        while (await self.engine.get(run_id)).state != state:
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Stop, as a process does."""
        await self.durable.close()
        await self.engine.board.close()
        await self.store.close()


async def open_place(folder: Path, **about: Any) -> Place:
    """Open the files in `folder`; `about` is what else the engine uses of the bot."""
    return Place(folder, await Store.open(folder / "quarterdeck.db"), **about)


def effect(folder: Path, line: str) -> None:
    """Leave a mark that outlives a kill."""
    with (folder / "effects").open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
