"""Check the tests of a workflow file: every step, input and action that they name must be there."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.ports import Json
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck_workflows.language.checks.places import Places
from quarterdeck_workflows.language.spec import Approve, Ask, Do, Step, TestCase, Wait, Workflow

WORDS = ("approve", "deny", "timeout")


def check_cases(workflow: Workflow, places: Places) -> None:
    """Check each case."""
    steps = {step.id: step for step in workflow.every_step()}
    for at, case in enumerate(workflow.tests):
        _check_case(workflow, steps, case, ("tests", at), places)


def _check_case(
    workflow: Workflow, steps: Mapping[str, Step], case: TestCase, keys: Keys, places: Places
) -> None:
    inputs = {option.name: option for option in workflow.inputs}
    for name in case.inputs:
        if name not in inputs:
            places.unknown("input", name, inputs, (*keys, "inputs", name), at_key=True)
    for option in workflow.inputs:
        if option.required and option.name not in case.inputs:
            places.add(f"the input {option.name!r} is missing", keys, f"add `inputs: {{{option.name}: …}}`")
    doing = {name for step in steps.values() if isinstance(step, Do) for name in (step.id, step.action)}
    for name in case.actions:
        if name not in doing:
            places.unknown("step or action", name, doing, (*keys, "actions", name), at_key=True)
    _check_answers(steps, case, (*keys, "answers"), places)
    for position, name in enumerate(case.steps or ()):
        if name not in steps:
            places.unknown("step", name, steps, (*keys, "expect", "steps", position))


def _check_answers(steps: Mapping[str, Step], case: TestCase, keys: Keys, places: Places) -> None:
    asking = [step.id for step in steps.values() if isinstance(step, Approve | Ask | Wait)]
    for name, answer in case.answers.items():
        if name not in asking:
            places.unknown("step that asks", name, asking, (*keys, name), at_key=True)
        elif isinstance(steps[name], Approve) and not _are_words(answer):
            places.add(f"the answer to {name} is none", (*keys, name), f"write one of {', '.join(WORDS)}")


def _are_words(answer: Json) -> bool:
    answers = answer if isinstance(answer, list | tuple) else [answer]
    return bool(answers) and all(one in WORDS for one in answers)
