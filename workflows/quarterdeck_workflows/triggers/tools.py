"""Let models start workflows, where the person they answer may, and where a rule or an approval lets the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from quarterdeck.core.command import Call, Command, Effect
from quarterdeck.core.errors import NotFound
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Starter
from quarterdeck.core.tool import ToolResult, ToolUse, Usable
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.language.spec import CallWorkflow, Do, Workflow
from quarterdeck_workflows.triggers.commands import plain
from quarterdeck_workflows.triggers.index import Index

PREFIX: Final = "workflow."
RANKS: Final[tuple[Effect, ...]] = ("none", "read", "write", "destructive", "money")

SchemaOf = Callable[[Command], Mapping[str, object]]


class WorkflowTools:
    """Offer every workflow that needs no file (the port `ToolSource`)."""

    def __init__(self, index: Index, engine: WorkflowEngine, schema_of: SchemaOf) -> None:
        self._index, self._engine, self._schema_of = index, engine, schema_of
        self._made: dict[str, tuple[Workflow, Usable]] = {}

    async def tools(self) -> Sequence[Usable]:
        """Return them."""
        return [self._usable(one) for one in self._index.workflows() if _needs_no_file(one)]

    def _usable(self, workflow: Workflow) -> Usable:
        """Return the workflow's tool; asked for with each question, made anew when its file was read again."""
        known = self._made.get(workflow.name)
        if known is None or known[0] is not workflow:
            known = self._made[workflow.name] = workflow, self._tool(workflow)
        return known[1]

    def _tool(self, workflow: Workflow) -> Usable:
        async def run(use: ToolUse) -> ToolResult:
            return await self._run(workflow.name, use)

        def accept(use: ToolUse) -> Mapping[str, object]:
            given = cast("Mapping[str, Json]", plain(use.arguments))
            return self._engine.bot.inputs.given(workflow, given)

        command = Command(name=workflow.name, summary=workflow.title, handler=_never, options=workflow.inputs)
        return Usable(
            name=f"{PREFIX}{workflow.name}",
            summary=f"Start the workflow: {workflow.title}. {workflow.description}".strip(),
            schema=self._schema_of(command),
            run=run,
            accept=accept,
            effect=self._effect(workflow),
            least_role=workflow.allow,
            is_outward=True,
            requires=(f"workflow:{workflow.name}",),
        )

    def _effect(self, workflow: Workflow) -> Effect:
        """Return the gravest effect of its steps; a run itself is written down, so it never only reads."""
        gravest = RANKS.index("write")
        for step in workflow.every_step():
            if isinstance(step, Do):
                action = self._engine.bot.actions.get(step.action)
                if action is not None:
                    gravest = max(gravest, RANKS.index(action.spec.meant(step.arguments).effect))
            elif isinstance(step, CallWorkflow):
                gravest = max(gravest, RANKS.index("write"))
        return RANKS[gravest]

    async def _run(self, name: str, use: ToolUse) -> ToolResult:
        workflow = next((one for one in self._index.workflows() if one.name == name), None)
        if workflow is None:
            raise NotFound(f"there is no workflow {name!r} any more", hint="`/workflows` lists them")
        inputs = self._engine.bot.inputs.given(workflow, cast("Mapping[str, Json]", plain(use.arguments)))
        starter = Starter(
            person=use.person,
            identity=use.identity,
            conversation=use.conversation,
            key=f"tool:{use.key}",
            shown_as=f"tool:{use.key}",
            trigger={"kind": "tool"},
        )
        run = await self._engine.launch(workflow, inputs, starter, way="tool")
        return ToolResult(
            text=f"The run {run.id} of {name} has begun. Its own message here shows how it goes on; do not wait for it."
        )


def _needs_no_file(workflow: Workflow) -> bool:
    return not any(option.kind == "file" and option.required for option in workflow.inputs)


async def _never(call: Call) -> Reply:
    raise NotFound("a workflow is no command")
