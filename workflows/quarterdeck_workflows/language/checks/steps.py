"""Check the steps of a workflow in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from quarterdeck.core.command import Option
from quarterdeck.core.ports import Json
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck_workflows.language.checks.kinds import (
    ANYTHING,
    Kind,
    either,
    list_of,
    map_of,
    of_option,
    of_schema,
    plain,
)
from quarterdeck_workflows.language.checks.places import Places
from quarterdeck_workflows.language.checks.scope import RESERVED, Scope, last_output
from quarterdeck_workflows.language.checks.surroundings import Surroundings
from quarterdeck_workflows.language.functions import FUNCTIONS
from quarterdeck_workflows.language.rows.steps import STEP_KINDS
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
    Workflow,
)

APPROVED = map_of({"approved": plain("boolean"), "by": list_of(plain("string")), "comment": plain("string")})


class StepChecks:
    """Walk the steps; each knows what ran before it."""

    def __init__(self, workflow: Workflow, around: Surroundings, places: Places) -> None:
        self._workflow, self._around, self._places = workflow, around, places

    def walk(self, steps: Sequence[Step], scope: Scope, keys: Keys) -> bool:
        """Check `steps` and note in `scope` what is known after them; return whether they always end the run."""
        ended_by: Step | None = None
        for at, step in enumerate(steps):
            here = (*keys, at)
            if ended_by is not None:
                self._places.add(
                    f"this never runs: {ended_by.id!r} in line {ended_by.line} always ends the run",
                    here,
                    "take it out, or give the step before it a `when`",
                )
                ended_by = None
            if self._step(step, scope, here):
                ended_by = step
        return ended_by is not None

    def _step(self, step: Step, scope: Scope, keys: Keys) -> bool:
        always: bool | None = True
        if step.when:
            always = self._places.condition(step.when, scope, (*keys, "when"))
            if always is False:
                self._places.add(
                    "this step never runs", (*keys, "when"), "take it out, or its `when`", level="warning"
                )
        self._text(step.key, scope, (*keys, "key"))
        output, ends = self._work(step, scope, keys)
        self._text(step.title, scope, (*keys, "title"))
        scope.ran(step, output)
        return ends and always is True

    def _work(self, step: Step, scope: Scope, keys: Keys) -> tuple[Kind, bool]:
        match step:
            case Parallel() | Choose() | ForEach() | RepeatUntil():
                return self._block(step, scope, keys)
            case Do():
                return self._action(step, scope, keys), False
            case CallWorkflow():
                return self._call(step, scope, keys), False
            case SetValues():
                kind = self._places.template(step.values, scope, (*keys, "set"))
                scope.values.update(kind.fields)
                return kind, False
            case Stop():
                self._text(step.message, scope, (*keys, "message"))
                return plain("null"), True
            case _:
                return self._people(step, scope, keys), False

    def _people(self, step: Wait | Approve | Ask, scope: Scope, keys: Keys) -> Kind:
        match step:
            case Wait():
                self._text(step.until, scope, (*keys, "wait", "until"))
                self._text(step.event, scope, (*keys, "wait", "event"))
                return ANYTHING if step.event else plain("null")
            case Approve():
                self._text(step.message, scope, (*keys, "approve"))
                self._text(step.conversation, scope, (*keys, "conversation"))
                for at, approver in enumerate(step.by):
                    kind, _, name = approver.partition(":")
                    if kind == "role" and self._around.roles and name not in self._around.roles:
                        self._places.unknown("role", name, self._around.roles, (*keys, "by", at))
                return APPROVED
            case Ask():
                for name in ("ask", "person", "conversation"):
                    self._text(step.message if name == "ask" else getattr(step, name), scope, (*keys, name))
                return map_of({option.name: of_option(option) for option in step.inputs})
        assert_never(step)

    def _block(
        self, step: Parallel | Choose | ForEach | RepeatUntil, scope: Scope, keys: Keys
    ) -> tuple[Kind, bool]:
        match step:
            case Parallel():
                return self._parallel(step, scope, keys)
            case Choose():
                return self._choose(step, scope, keys)
            case ForEach():
                return self._for_each(step, scope, keys), False
            case RepeatUntil():
                inner = scope.copy(index=plain("integer"))
                self.walk(step.steps, inner, (*keys, "steps"))
                self._places.condition(step.condition, inner, (*keys, "repeat_until"))
                scope.take([inner], is_certain=_is_certain(step))
                return last_output(step.steps, inner), False
        assert_never(step)

    def _parallel(self, step: Parallel, scope: Scope, keys: Keys) -> tuple[Kind, bool]:
        branches = [scope.copy() for _ in step.branches]
        ends = []
        for at, (branch, inner) in enumerate(zip(step.branches, branches, strict=True)):
            ends.append(self.walk(branch, inner, (*keys, "parallel", at)))
        outputs = [last_output(steps, inner) for steps, inner in zip(step.branches, branches, strict=True)]
        scope.take(branches, is_certain=_is_certain(step))
        return list_of(either(outputs)), any(ends)

    def _choose(self, step: Choose, scope: Scope, keys: Keys) -> tuple[Kind, bool]:
        lists = [(case.steps, (*keys, "choose", at, "steps")) for at, case in enumerate(step.cases)]
        lists.append((step.otherwise, (*keys, "otherwise")))
        for at, case in enumerate(step.cases):
            always = self._places.condition(case.when, scope, (*keys, "choose", at, "when"))
            if always is False:
                self._places.add(
                    "this case is never taken", (*keys, "choose", at, "when"), "take it out", level="warning"
                )
        branches = [scope.copy() for _ in lists]
        ends = [self.walk(steps, inner, at) for (steps, at), inner in zip(lists, branches, strict=True)]
        outputs = [last_output(steps, inner) for (steps, _), inner in zip(lists, branches, strict=True)]
        scope.take(branches, is_certain=False)
        return either(outputs), all(ends)

    def _for_each(self, step: ForEach, scope: Scope, keys: Keys) -> Kind:
        at = (*keys, "for_each")
        found = len(self._places.problems)
        if isinstance(step.items, str):
            items = self._places.expression(step.items, scope, at)
        else:
            items = self._places.template(step.items, scope, at)
        if not items.may_be("list") and len(self._places.problems) == found:
            self._places.add(f"for_each goes through a list, and this is {items}", at, "give a list")
        if step.name in (*RESERVED, *FUNCTIONS, "true", "false", "null", "in"):
            self._places.add(f"an item cannot be called {step.name}", (*keys, "as"), "choose another name")
        inner = scope.copy(**{step.name: items.items or ANYTHING, "index": plain("integer")})
        self.walk(step.steps, inner, (*keys, "steps"))
        for name, kind in inner.values.items():
            scope.values.setdefault(name, kind.or_null())
        return list_of(last_output(step.steps, inner))

    def _action(self, step: Do, scope: Scope, keys: Keys) -> Kind:
        spec = self._around.actions.get(step.action)
        if spec is None:
            kind = step.action.rpartition(".")[2]
            if kind in STEP_KINDS:  # chat.ask: what holds a run up until a person answers is no action
                message, hint = (
                    f"there is no action {step.action!r}",
                    f"it is a step of its own: `- {kind}: …`",
                )
                self._places.add(message, (*keys, "action"), hint)
            else:
                self._places.unknown("action", step.action, self._around.actions, (*keys, "action"))
            self._places.template(step.arguments, scope, (*keys, "with"))
            return ANYTHING
        at = (*keys, "with") if step.arguments else (*keys, "action")
        self._places.fitting(step.arguments, spec.input, scope, at)
        return of_schema(spec.output)

    def _call(self, step: CallWorkflow, scope: Scope, keys: Keys) -> Kind:
        called = self._around.workflows.get(step.workflow)
        if step.workflow == self._workflow.name:
            called = self._workflow
            if not step.when:
                self._places.add(
                    "this workflow calls itself without end", (*keys, "call"), "give the step a `when`"
                )
        if called is None:
            self._places.unknown("workflow", step.workflow, self._around.workflows, (*keys, "call"))
            self._places.template(step.arguments, scope, (*keys, "with"))
            return ANYTHING
        at = (*keys, "with") if step.arguments else (*keys, "call")
        check_arguments(self._places, step.arguments, called.inputs, scope, at)
        return ANYTHING

    def _text(self, template: str, scope: Scope, keys: Keys) -> None:
        if template:
            self._places.template(template, scope, keys)


def _is_certain(step: Step) -> bool:
    """Tell whether the steps inside have run once `step` is behind."""
    return not step.when and step.on_error == "stop"


def check_arguments(
    places: Places,
    arguments: Mapping[str, Json],
    inputs: Sequence[Option],
    scope: Scope,
    keys: Keys,
    *,
    needs_all: bool = True,
) -> None:
    """Check what is given for the inputs of a workflow."""
    by_name = {option.name: option for option in inputs}
    for name, value in arguments.items():
        at = (*keys, name)
        if name not in by_name:
            places.unknown("input", name, by_name, at, at_key=True)
            continue
        kind, wanted = places.template(value, scope, at), of_option(by_name[name])
        is_spoken = kind.may_be("string") and not kind.values  # text is read as on the command line
        if not kind.fits(wanted.or_null()) and not is_spoken:
            values = f", one of {', '.join(map(str, wanted.values))}" if wanted.values else ""
            places.add(f"{name} is {kind}, and should be {wanted}{values}", at, f"give {wanted}{values}")
        elif kind.values and wanted.values and not kind.fits(wanted):
            places.add(
                f"{name} cannot be {kind.values[0]!r}",
                at,
                f"write one of {', '.join(map(str, wanted.values))}",
            )
    for option in inputs:
        if needs_all and option.required and option.name not in arguments:
            places.add(
                f"the input {option.name!r} is missing", keys, f"add `{option.name}:`, {option.summary}"
            )
