"""Check what starts a workflow: names that clash, moments, inputs that a trigger must bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from quarterdeck.core.action import ActionSpec
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck_workflows.language.checks.kinds import ANYTHING, plain
from quarterdeck_workflows.language.checks.places import Places
from quarterdeck_workflows.language.checks.scope import Scope
from quarterdeck_workflows.language.checks.steps import check_arguments
from quarterdeck_workflows.language.checks.surroundings import Surroundings
from quarterdeck_workflows.language.spec import (
    CallWorkflow,
    Do,
    OnButton,
    OnCommand,
    OnSchedule,
    OnStartup,
    OnWebhook,
    OnWorkflow,
    Trigger,
    Workflow,
)


def check_triggers(workflow: Workflow, around: Surroundings, places: Places) -> None:
    """Check each trigger."""
    for at, trigger in enumerate(workflow.triggers):
        keys: Keys = ("triggers", at)
        _check_name(workflow, trigger, around, places, keys)
        scope = Scope({"trigger": plain("map")})
        scope = Scope({"trigger": ANYTHING}) if not isinstance(trigger, OnStartup) else scope
        if trigger.when:
            places.condition(trigger.when, scope, (*keys, "when"))
        here = (*keys, "with") if trigger.arguments else keys
        if trigger.conversation:
            places.template(trigger.conversation, scope, (*keys, "conversation"))
        if isinstance(trigger, OnWebhook):
            _check_preview(workflow, trigger, around, places, keys)
        needs_all = not isinstance(trigger, OnCommand)
        check_arguments(places, trigger.arguments, workflow.inputs, scope, here, needs_all=needs_all)
        if isinstance(trigger, OnSchedule | OnStartup | OnWebhook) and not trigger.conversation:
            places.add(
                "nobody is there when this starts, so what the run says goes nowhere",
                keys,
                "add `conversation:` with a conversation's id, such as slack:T1:C1, unless the run says nothing",
                level="warning",
            )


def _check_preview(
    workflow: Workflow, trigger: OnWebhook, around: Surroundings, places: Places, keys: Keys
) -> None:
    """Refuse what a link preview would start: a GET that needs no more than its address, and changes something."""
    is_open = trigger.auth.kind in ("none", "query") and (not trigger.methods or "GET" in trigger.methods)
    if is_open and not is_harmless(workflow, around.actions.get):
        level: Literal["error", "warning"] = "error" if "GET" in trigger.methods else "warning"
        places.add(
            "a GET that proves itself by its address alone starts nothing that changes anything: every link preview "
            "sends one",
            (*keys, "webhook"),
            "take GET out of `methods`, or let the caller prove itself by header, basic, hmac or standard-webhooks",
            level=level,
        )


def is_harmless(workflow: Workflow, spec_of: Callable[[str], ActionSpec | None]) -> bool:
    """Tell whether a workflow only reads; one that calls another is not taken for it."""
    for step in workflow.every_step():
        spec = spec_of(step.action) if isinstance(step, Do) else None
        if isinstance(step, CallWorkflow):
            return False
        if isinstance(step, Do) and (
            spec is None or spec.meant(step.arguments).effect not in ("none", "read")
        ):
            return False
    return True


def _check_name(
    workflow: Workflow, trigger: Trigger, around: Surroundings, places: Places, keys: Keys
) -> None:
    match trigger:
        case OnCommand() if trigger.name in around.commands:
            places.add(
                f"there is already a command /{trigger.name}", (*keys, "command"), "choose another name"
            )
        case OnCommand() | OnWebhook() | OnButton():
            for other in _same(workflow, trigger, around):
                places.add(
                    f"the {trigger.kind} {trigger.name!r} starts the workflow {other!r} already",
                    (*keys, trigger.kind),
                    "choose another name",
                )
        case OnSchedule() if around.schedule_fault is not None:
            fault, hint = around.schedule_fault(trigger)
            if fault:
                places.add(fault, (*keys, "schedule"), hint)
        case OnWorkflow() if trigger.workflow not in {*around.workflows, workflow.name}:
            places.unknown("workflow", trigger.workflow, around.workflows, (*keys, "workflow"))
        case OnWorkflow() if trigger.workflow == workflow.name and not trigger.when:
            places.add(
                "this workflow starts itself without end", (*keys, "workflow"), "give the trigger a `when`"
            )


def _same(
    workflow: Workflow, trigger: OnCommand | OnWebhook | OnButton, around: Surroundings
) -> Iterator[str]:
    for name, other in around.workflows.items():
        if name != workflow.name and any(
            one.kind == trigger.kind and one.name == trigger.name
            for one in other.triggers
            if isinstance(one, OnCommand | OnWebhook | OnButton)
        ):
            yield name
