"""Run the cases of a workflow file: the same walk as in real runs, in a world of stubs with a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar, cast

from quarterdeck.core.access import ApprovalRule
from quarterdeck.core.errors import Cancelled, NotFound
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.engine.blocks import LARGE_BYTES
from quarterdeck_workflows.engine.ending import Ending, Failure
from quarterdeck_workflows.engine.job import Job
from quarterdeck_workflows.engine.walk import walk
from quarterdeck_workflows.engine.world import Act, Order
from quarterdeck_workflows.language.parse import read_document
from quarterdeck_workflows.language.spec import Ask, Step, TestCase, Wait, Workflow

P = ParamSpec("P")
T = TypeVar("T")

START: Final = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)  # a Monday, where a case says nothing
SPEAKING: Final = ("chat.send", "chat.edit", "discord.webhook", "slack.webhook")
NOBODY: Final = Identity(platform="test", user_id="you")
PLACE: Final = Conversation(id="test:here", platform="test", kind="group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Say how a case went; no problems: as expected."""

    workflow: str
    case: str
    file: str
    line: int
    problems: tuple[str, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Tell whether it went as expected."""
        return not self.problems

    def json(self) -> dict[str, Json]:
        """Return it for scripts."""
        return {
            "workflow": self.workflow,
            "case": self.case,
            "file": self.file or None,
            "line": self.line or None,
            "passed": self.is_passed,
            "problems": list(self.problems),
        }

    def text(self) -> str:
        """Return it for people."""
        head = f"{'ok' if self.is_passed else 'FAILED'}  {self.workflow}: {self.case}"
        where = [f"  {self.file}:{self.line}"] if self.problems and self.file else []
        return "\n".join([head, *where, *(f"  {problem}" for problem in self.problems)])


async def rehearse(workflow: Workflow, others: Mapping[str, Workflow]) -> list[Verdict]:
    """Run every case of a workflow; `others` are those that it may call."""
    return [await _rehearsed(workflow, case, others) for case in workflow.tests]


async def _rehearsed(workflow: Workflow, case: TestCase, others: Mapping[str, Workflow]) -> Verdict:
    stage = Stage(case, others)
    defaults = {option.name: cast("Json", option.default) for option in workflow.inputs}
    job = Job(
        root=f"{workflow.name}-test",
        workflow=workflow.name,
        definition={"document": workflow.document},
        identity=NOBODY,
        conversation=PLACE,
        scope={
            "inputs": {**defaults, **case.inputs},
            "trigger": case.trigger,
            "run": {
                "id": f"{workflow.name}-test",
                "workflow": workflow.name,
                "started_at": stage.now.isoformat(),
                "conversation": PLACE.id,
                "person": str(NOBODY),
            },
        },
    )
    missing = [
        option.name for option in workflow.inputs if option.required and option.name not in case.inputs
    ]
    if missing:
        problems = [f"the case gives no input {', '.join(map(repr, missing))}"]
    else:
        ending = Ending.read(await walk(Played(job.root, stage), stage, job.json()))
        problems = [*stage.problems, *_differences(case, ending, stage)]
    return Verdict(
        workflow=workflow.name,
        case=case.name,
        file=workflow.file,
        line=case.line,
        problems=tuple(problems),
    )


def _differences(case: TestCase, ending: Ending, stage: Stage) -> list[str]:
    found: list[str] = []
    if case.state is not None and case.state != ending.state:
        why = f": {ending.message}" if ending.message else ""
        found.append(f"state: expected {case.state}, and it {ending.state}{why}")
    elif case.state is None and ending.state == "failed" and not case.expects_output:
        found.append(f"it failed: {ending.message}")
    for name, expected, actual in (
        ("steps", case.steps, stage.entered),
        ("messages", case.messages, stage.said),
    ):
        if expected is not None and list(expected) != actual:
            found.append(f"{name}: expected {_spelt(list(expected))}, and there were {_spelt(actual)}")
    if case.expects_output and case.output != ending.output:
        found.append(f"output: expected {_spelt(case.output)}, and it is {_spelt(ending.output)}")
    return found


def _spelt(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:500]


class Stage:
    """Be the world of a case (the `World` port): stubs in place of actions, answers in place of people."""

    def __init__(self, case: TestCase, others: Mapping[str, Workflow]) -> None:
        self._case, self._others = case, others
        self.now = datetime.fromisoformat(case.now) if case.now else START
        self.entered: list[str] = []
        self.said: list[str] = []
        self.problems: list[str] = []
        self._used: dict[str, int] = {}
        self._answers: dict[str, Json] = {}
        self._heard: dict[str, int] = {}
        self._asked: dict[str, str] = {}
        self._kept: dict[str, Json] = {}

    def enter(self, step: Step) -> None:
        """Take note that a step is taken."""
        self.entered.append(step.id)

    def answer(self, topic: str) -> Json:
        """Return what comes under a topic, None when nothing does."""
        return self._answers.pop(topic, None)

    async def act(self, act: Act) -> Json:
        """Do what the stub says."""
        if act.action in SPEAKING:
            self.said.append(str(act.arguments.get("text") or ""))
        stub = self._stub(act.order.step.id, act.action)
        if stub is None and act.action in SPEAKING:
            return {"output": {"message": f"message-{len(self.said)}", "key": act.order.key}}
        if stub is None:
            problem = f"the step {act.order.step.id!r} runs {act.action}, and the case has no stub for it"
            self.problems.append(f"{problem}: write actions: {{{act.action}: {{output: …}}}}")
            return {"output": None}
        if stub.get("error"):
            error = cast("Mapping[str, Json]", stub["error"])
            failure = Failure(kind=str(error.get("kind")), message=str(error.get("message")))
            return {"error": failure.json(), "after_s": None}
        return {"output": stub.get("output")}

    def _stub(self, step_id: str, action: str) -> Mapping[str, Json] | None:
        name = step_id if step_id in self._case.actions else action
        stubs = cast("Sequence[Mapping[str, Json]]", self._case.actions.get(name) or ())
        if not stubs:
            return None
        number = self._used.get(name, 0)
        self._used[name] = number + 1
        if len(stubs) > 1 and number >= len(stubs):
            self.problems.append(
                f"{name!r} ran {number + 1} times, and the case has {len(stubs)} stubs for it"
            )
        return stubs[min(number, len(stubs) - 1)]

    async def ask_approval(
        self, order: Order, what: Mapping[str, Json], needs: ApprovalRule, subject: str
    ) -> Json:
        """Have the case's answer come."""
        word = self._said_at(order.step.id)
        if word in ("approve", "deny"):
            self._answers[order.topic] = {"state": word}
        self._asked[order.topic] = {"approve": "granted", "deny": "denied"}.get(str(word), "expired")
        return {"id": order.topic}

    async def confirm(self, order: Order, plan: str) -> Json:
        """Say yes: a case is no run."""
        self._answers[order.topic] = {"decision": "confirm"}
        return {}

    async def verdict(self, order: Order, approval_id: str, needs: ApprovalRule) -> Json:
        """Return what the case's approver said."""
        state = self._asked[approval_id]
        return {"state": state, "by": ["approver"] if state == "granted" else [], "comment": ""}

    async def ask(self, order: Order, step: Ask, values: Mapping[str, str]) -> Json:
        """Have the case's values come; what they leave out has its default."""
        given = self._said_at(step.id)
        if isinstance(given, Mapping):
            defaults = {one.name: cast("Json", one.default) for one in step.inputs}
            self._answers[order.topic] = {"values": {**defaults, **given}}
        return {}

    def _said_at(self, step_id: str) -> Json:
        """Return the next answer of a list, its last one again and again; what is no list is said each time."""
        given = self._case.answers.get(step_id)
        if not isinstance(given, list | tuple) or not given:
            return given
        number = self._heard.get(step_id, 0)
        self._heard[step_id] = number + 1
        return cast("Sequence[Json]", given)[min(number, len(given) - 1)]

    async def listen(self, order: Order, step: Wait, event: str) -> Json:
        """Have the case's event come."""
        given = self._said_at(step.id)
        if step.id in self._case.answers and given != "timeout":
            self._answers[order.topic] = {"payload": given}
        return {}

    async def hush(self, order: Order) -> Json:
        """Stop waiting."""
        return None

    async def hold(self, order: Order, reason: str) -> Json:
        """Nothing is unknown here."""
        return None

    async def until(self, order: Order, moment: str) -> Json:
        """Return the seconds until a moment, by the clock of the case."""
        try:
            wanted = datetime.fromisoformat(moment)
            return {"seconds": max(0.0, (wanted - self.now).total_seconds())}
        except (TypeError, ValueError):
            failure = Failure(kind="input", message=f"{moment!r} is no moment with a zone")
            return {"error": failure.json()}

    async def park(self, order: Order, seconds: float) -> Json:
        """Sleep by the clock of the case."""
        return {}

    async def workflow(self, order: Order, name: str, arguments: Mapping[str, Json]) -> Json:
        """Return another workflow, or what the case stubs it with."""
        found = self._others.get(name)
        if found is None:
            hint = did_you_mean(name, self._others) or "`quarterdeck workflow list` shows them"
            failure = Failure(kind="input", message=f"there is no workflow {name!r}", hint=hint)
            return {"error": failure.json()}
        defaults = {option.name: cast("Json", option.default) for option in found.inputs}
        return {"definition": {"document": found.document}, "inputs": {**defaults, **arguments}}

    async def drop(self, job: Job, durable_id: str) -> Json:
        """Ask nobody: nobody was asked."""
        return None

    async def failed(self, job: Job, failure: Failure) -> Json:
        """Take no note: the ending says it."""
        return None

    async def ended(self, job: Job, ending: Ending, states: Mapping[str, str]) -> None:
        """Likewise."""

    def known(self, job: Job) -> Workflow | None:
        """Have none at hand."""
        return None

    async def definition(self, job: Job) -> Workflow:
        """Return the workflow of a job."""
        where = job.definition
        if "blob" in where:
            where = cast("Mapping[str, Json]", self._kept[str(where["blob"])])
        return read_document(cast("Mapping[str, Json]", where["document"]))

    async def load(self, root: str, digest: str) -> Json:
        """Return a large value."""
        return self._kept[digest]

    async def keep(self, root: str, value: Json) -> str:
        """Keep a large value."""
        digest = f"kept-{len(self._kept)}"
        self._kept[digest] = value
        return digest


class Played:
    """Be a run that is not durable and takes no time (the `Run` port)."""

    def __init__(self, run_id: str, stage: Stage) -> None:
        self._id, self._stage = run_id, stage
        self._ends: dict[str, tuple[Json, float, float | None]] = {}

    @property
    def id(self) -> str:
        """Name it."""
        return self._id

    async def step(
        self, name: str, function: Callable[P, Coroutine[Any, Any, Json]], *args: P.args, **kwargs: P.kwargs
    ) -> Json:
        """Take a step; its result is as it would be on disk."""
        result: Json = json.loads(json.dumps(await function(*args, **kwargs), allow_nan=False))
        assert len(json.dumps(result)) <= 10 * LARGE_BYTES
        return result

    async def look(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask."""
        return await function(*args, **kwargs)

    async def sleep(self, seconds: float) -> None:
        """Move the clock of the case."""
        self._stage.now += timedelta(seconds=seconds)

    async def wait(self, topic: str, timeout_s: float) -> Json:
        """Return what the case says, or let the time pass."""
        found = self._stage.answer(topic)
        if found is None:
            await self.sleep(min(timeout_s, 3650 * 86_400.0))
        return found

    async def begin(
        self,
        name: str,
        payload: Json,
        *,
        part: str,
        queue: str = "",
        partition: str = "",
        timeout_s: float | None = None,
    ) -> None:
        """Run a part to its end, at once."""
        before = self._stage.now
        result = await walk(Played(f"{self._id}/{part}", self._stage), self._stage, payload)
        self._ends[part] = (result, (self._stage.now - before).total_seconds(), timeout_s)

    async def first(self, parts: Sequence[str]) -> str:
        """Return the first of them."""
        return parts[0]

    async def ending(self, part: str) -> Json:
        """Return how a part ended.

        Raises:
            Cancelled: it took too long by the clock of the case.
        """
        if part not in self._ends:
            raise NotFound(f"nothing was begun as {part!r}")
        result, took_s, limit_s = self._ends[part]
        if limit_s is not None and took_s > limit_s:
            raise Cancelled(f"{part} took too long", run_id=self._id)
        return result
