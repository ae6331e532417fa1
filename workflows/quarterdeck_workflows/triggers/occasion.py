"""Begin runs for what happened: look whether the trigger wants it, fill its inputs, find whose rights the run has.

Who triggers a run must be allowed to start the workflow. The run then has the rights of the trigger's `run_as`, else
of who triggered it; where nobody did, of the workflow's own account `workflow::NAME`, which is nobody until granted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import Final, Protocol, cast

from quarterdeck.core.access import AccessRequest, Way
from quarterdeck.core.errors import Denied, UsageError, UserError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import RunOf, Starter
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.observability import metrics
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.expression import evaluate, fill
from quarterdeck_workflows.language.spec import Trigger, Workflow
from quarterdeck_workflows.language.tree import ExpressionError
from quarterdeck_workflows.triggers.nowhere import PLATFORM, nowhere

LONGEST_ID: Final = 400
LONGEST_CHAIN: Final = 8  # workflows that start each other


class Places(Protocol):
    """Know the conversations that were ever spoken in."""

    async def conversation(self, conversation_id: str) -> Conversation | None:
        """Return the one of this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Say what happened: `values` are `${trigger…}`. `key` is the same when the same thing is told again.

    `who` triggered it, None where nobody did. `shown_as` is the outbox key of the run's progress message, empty where
    the run speaks for itself. `chain` counts the workflows that led here.
    """

    way: Way
    key: str
    values: Mapping[str, Json] = field(default_factory=dict)
    who: Identity | None = None
    person: Person | None = None
    conversation: Conversation | None = None
    shown_as: str = ""
    confirms: bool = False
    chain: int = 0
    attachments: tuple[Attachment, ...] = ()


class Beginning:
    """Begin runs."""

    def __init__(self, engine: WorkflowEngine, places: Places) -> None:
        self._engine, self._places = engine, places

    @property
    def bot(self) -> Bot:
        """Return what the engine uses of the bot."""
        return self._engine.bot

    async def begin(
        self,
        workflow: Workflow,
        trigger: Trigger,
        occasion: Occasion,
        *,
        given: Mapping[str, Json] | None = None,
    ) -> RunOf | None:
        """Start a run, None where the trigger's `when` is false; `given` are inputs besides those of its `with`.

        Raises:
            Denied: who triggered it may not start the workflow, or the account that it runs as may not.
            UsageError: the trigger's expressions or the inputs do not fit.
        """
        values: Mapping[str, Json] = {"kind": trigger.kind, **occasion.values, "chain": occasion.chain}
        try:
            try:
                run = await self._begun(workflow, trigger, occasion, values, given or {})
            except ExpressionError as error:  # what came does not have what the file names
                raise UsageError(error.message, hint=error.hint) from error
        except Denied as error:
            metrics.WORKFLOW_TRIGGERS.add(kind=trigger.kind, outcome="denied")
            await self._record(workflow, trigger, occasion, refused=error.message)
            raise
        except UserError:
            metrics.WORKFLOW_TRIGGERS.add(kind=trigger.kind, outcome="refused")
            raise
        outcome = "passed" if run is None else "started"
        metrics.WORKFLOW_TRIGGERS.add(kind=trigger.kind, outcome=outcome)
        if run is not None:
            await self._record(workflow, trigger, occasion, run=run.id, identity=str(run.identity))
        return run

    def shown(self, run: RunOf) -> Reply:
        """Return the message that shows a run from its start."""
        text = self._engine.describe(run)
        return Reply(text=text, run_id=run.id, status="pending")

    async def _record(self, workflow: Workflow, trigger: Trigger, occasion: Occasion, **more: str) -> None:
        """Put on record what started a run, or was refused to."""
        who = str(occasion.who) if occasion.who is not None else ""
        detail = {"workflow": workflow.name, "kind": trigger.kind, "who": who, **more}
        await self.bot.record.append(
            "trigger", detail, person_id=occasion.person.id if occasion.person else ""
        )

    async def _begun(
        self,
        workflow: Workflow,
        trigger: Trigger,
        occasion: Occasion,
        values: Mapping[str, Json],
        given: Mapping[str, Json],
    ) -> RunOf | None:
        if occasion.chain > LONGEST_CHAIN:
            raise UsageError(
                f"more than {LONGEST_CHAIN} workflows started each other",
                hint=f"give the trigger of {workflow.name} a `when`",
            )
        scope: Mapping[str, Json] = {"trigger": values}
        if trigger.when and not wanted(trigger.when, scope):
            return None
        arguments = cast("Mapping[str, Json]", fill(trigger.arguments, scope))
        files = [one.name for one in occasion.attachments]
        inputs = self.bot.inputs.given(workflow, {**given, **arguments}, files)
        own = Identity(platform=PLATFORM, user_id=workflow.name)
        who = occasion.who or own
        run_as = Identity.written(trigger.run_as) if trigger.run_as else who
        if occasion.who is not None and run_as != who:
            await self._may_start(workflow, occasion, who, inputs)
        known = occasion.person if run_as == who else None
        starter = Starter(
            person=known or await self.bot.people.person_of(run_as),
            identity=run_as,
            conversation=await self.place(workflow, trigger, occasion.conversation, values),
            key=f"{occasion.key}:{_digest(workflow, trigger)}",
            shown_as=occasion.shown_as,
            trigger=values,
            confirms=occasion.confirms,
            attachments=occasion.attachments,
        )
        try:
            return await self._engine.launch(workflow, inputs, starter, way=occasion.way)
        except Denied as error:
            if not starter.person.is_service or starter.person.held():
                raise
            raise Denied(f"{run_as} may not start {workflow.name}", hint=fix(run_as)) from error

    async def place(
        self,
        workflow: Workflow,
        trigger: Trigger,
        there: Conversation | None = None,
        values: Mapping[str, Json] | None = None,
    ) -> Conversation:
        """Return where a run speaks: where the trigger says, where it was triggered, or nowhere.

        Raises:
            UsageError: the trigger's `conversation` comes to no text.
        """
        wanted = fill(trigger.conversation, {"trigger": values or {}})
        if not wanted:
            return there or nowhere(workflow.name)
        if not isinstance(wanted, str) or len(wanted) > LONGEST_ID:
            raise UsageError("the trigger's `conversation` is no id", hint="such as slack:T1:C1")
        known = await self._places.conversation(wanted)
        if known is not None:
            return known
        platform = wanted.partition(":")[0]
        kind = "direct" if platform in ("console", "web") else "group"
        return Conversation(id=wanted, platform=platform, kind=kind)  # type: ignore[arg-type]  # a kind

    async def _may_start(
        self, workflow: Workflow, occasion: Occasion, who: Identity, inputs: Mapping[str, Json]
    ) -> None:
        """Ask whether who triggered it may start it, since the run will have the rights of another account."""
        decision = await self.bot.authoriser.authorise(
            AccessRequest(
                person=occasion.person or await self.bot.people.person_of(who),
                identity=who,
                action=f"workflow:{workflow.name}",
                way=occasion.way,
                conversation=occasion.conversation,
                least_role=workflow.allow,
                effect="write",
                arguments=inputs,
            )
        )
        if not decision.allowed:
            hint = fix(who) if occasion.way == "webhook" else "`/why` shows which rule said so"
            raise Denied(f"{who} may not start {workflow.name}", hint=hint)


def fix(account: Identity) -> str:
    """Return what lets a service account start something."""
    return f"an owner lets it: `quarterdeck person grant {account} operator`"


def wanted(condition: str, scope: Mapping[str, Json]) -> bool:
    """Return whether a condition over what happened is true.

    Raises:
        UsageError: it is no condition.
    """
    found = evaluate(condition, scope)
    if not isinstance(found, bool):
        raise UsageError("the trigger's `when` is neither true nor false", hint="write a comparison")
    return found


def _digest(workflow: Workflow, trigger: Trigger) -> str:
    """Name a trigger of a workflow, the same as long as it stands at its place."""
    number = workflow.triggers.index(trigger) if trigger in workflow.triggers else 0
    return hashlib.sha256(f"{workflow.name}:{trigger.kind}:{number}".encode()).hexdigest()[:12]
