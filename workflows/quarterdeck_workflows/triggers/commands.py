"""Bring each workflow's commands, native on every platform with completion from its inputs; and one for the clock."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import RunOf
from quarterdeck.core.schedule import planned_at
from quarterdeck_workflows.language.spec import OnCommand, OnSchedule, Workflow
from quarterdeck_workflows.triggers.index import Index
from quarterdeck_workflows.triggers.occasion import Beginning, Occasion

FIRE: Final = "workflow-schedule"
SUMMARY: Final = 100

Start = Callable[[Workflow, OnCommand, Call], Awaitable[Reply]]

log = logging.getLogger(__name__)


def command_of(workflow: Workflow, trigger: OnCommand, start: Start) -> Command:
    """Return the command that starts a workflow; its options are the workflow's inputs."""

    async def handler(call: Call) -> Reply:
        return await start(workflow, trigger, call)

    return Command(
        name=trigger.name,
        summary=(workflow.title or workflow.name)[:SUMMARY],
        handler=handler,
        options=workflow.inputs,
        allow=workflow.allow,
        effect="write",
        detail=workflow.description,
        examples=(f"/{trigger.name}",),
    )


def commands_of(
    workflows: Iterable[Workflow], start: Start, check: Callable[[Command], None]
) -> list[Command]:
    """Return the commands of all workflows; one that no platform can show is left out, and said in the log."""
    found: dict[str, Command] = {}
    for workflow in workflows:
        for trigger in workflow.triggers:
            if not isinstance(trigger, OnCommand):
                continue
            command = command_of(workflow, trigger, start)
            try:
                check(command)
            except SetupError as error:
                fields = {"workflow": workflow.name, "error": error.message}
                log.warning("A workflow has no command of its own; /run starts it", extra=fields)
                continue
            found.setdefault(command.name, command)
    return list(found.values())


async def unstarted(workflow: Workflow, trigger: OnCommand, call: Call) -> Reply:
    """Start nothing: for who only lists commands."""
    raise NotFound("nothing runs workflows in this process", hint="start the bot with `quarterdeck run`")


class WorkflowCommands:
    """Hold the commands of the workflows there are now."""

    def __init__(self, index: Index, beginning: Beginning, check: Callable[[Command], None]) -> None:
        self._index, self._beginning, self._check = index, beginning, check
        self._commands: dict[str, Command] = {}
        self._hidden = {one.name: one for one in (self._fire(),)}
        index.on_change(self._read)

    def all(self) -> Mapping[str, Command]:
        """Return them by name."""
        self._index.look()
        return self._commands

    def hidden(self, name: str) -> Command | None:
        """Return the command behind the clock."""
        return self._hidden.get(name)

    def _read(self) -> None:
        workflows = self._index.workflows()
        self._commands = {one.name: one for one in commands_of(workflows, self.start, self._check)}

    async def start(self, workflow: Workflow, trigger: OnCommand, call: Call) -> Reply:
        """Start a workflow with the values of a command's options."""
        given = {name: plain(value) for name, value in call.options.items() if value is not None}
        is_planned = bool(planned_at(call.event_id))
        occasion = Occasion(
            way="schedule" if is_planned else "message",
            key=call.event_id,
            values={"text": ""},
            who=call.identity,
            person=call.person,
            conversation=call.conversation,
            shown_as="" if is_planned else call.event_id,
            confirms=not is_planned,
            attachments=call.attachments,
        )
        run = await self._beginning.begin(workflow, trigger, occasion, given=given)
        if is_planned and run is not None:
            return Reply(run_id=run.id, status="pending")
        return self._answer(run, call, workflow)

    def _answer(self, run: RunOf | None, call: Call, workflow: Workflow) -> Reply:
        if run is None:
            return Reply(text=f"{workflow.name} does not start with these inputs.", status="not_found")
        if run.conversation.id != call.conversation.id:
            return Reply(text=f"`{run.id}` has begun.", run_id=run.id, status="pending")
        return self._beginning.shown(run)

    def _fire(self) -> Command:
        async def fire(call: Call) -> Reply:
            name, number = call.text("workflow"), int(call.text("number"))
            workflow = next((one for one in self._index.workflows() if one.name == name), None)
            triggers = workflow.triggers if workflow is not None else ()
            trigger = triggers[number] if number < len(triggers) else None
            if workflow is None or not isinstance(trigger, OnSchedule):
                raise NotFound(f"{name} has no such schedule any more", hint="/workflows lists what there is")
            planned = planned_at(call.event_id) or self._beginning.bot.clock.now().isoformat()
            who = None if call.identity.platform == "workflow" else call.identity
            occasion = Occasion(
                way="schedule",
                key=call.event_id,
                values={"planned_at": planned},
                who=who,
                person=call.person if who else None,
                conversation=call.conversation,
            )
            run = await self._beginning.begin(workflow, trigger, occasion)
            if run is None:
                return Reply()
            return Reply(run_id=run.id, status="pending")

        options = (
            Option(name="workflow", summary="Its name", positional=True, required=True),
            Option(
                name="number",
                summary="Which of its triggers",
                positional=True,
                required=True,
                pattern="[0-9]{1,3}",
            ),
            Option(name="mark", summary="What its file said", positional=True),
        )
        return Command(
            name=FIRE,
            summary="Start what the clock starts",
            handler=fire,
            options=options,
            allow="viewer",
            effect="write",
        )


def plain(value: object) -> Json:
    """Return a typed value as JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
