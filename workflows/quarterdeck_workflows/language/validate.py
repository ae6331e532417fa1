"""Check a workflow file: everything that can be known to be wrong before it runs, each with its place and fix."""

from __future__ import annotations

from pathlib import Path

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.datafiles import DataFileInvalid
from quarterdeck_workflows.language.checks.cases import check_cases
from quarterdeck_workflows.language.checks.kinds import ANYTHING, map_of
from quarterdeck_workflows.language.checks.places import Places
from quarterdeck_workflows.language.checks.scope import ERROR, Scope, entry, first_scope
from quarterdeck_workflows.language.checks.starts import check_triggers
from quarterdeck_workflows.language.checks.steps import StepChecks
from quarterdeck_workflows.language.checks.surroundings import Problem as Problem
from quarterdeck_workflows.language.checks.surroundings import Surroundings as Surroundings
from quarterdeck_workflows.language.parse import read_located
from quarterdeck_workflows.language.spec import Workflow


def validate(file: Path, around: Surroundings) -> list[Problem]:
    """Return what is wrong with a file, in its order; empty where it can run."""
    try:
        located = yaml.load(file)
        workflow = read_located(located, name=file.stem)
    except DataFileInvalid as error:
        return [Problem(error=problem) for problem in error.problems]
    except SetupError as error:
        return [Problem(error=error)]
    return check(workflow, located, around)


def check(workflow: Workflow, located: yaml.Located, around: Surroundings) -> list[Problem]:
    """Return what is wrong with a workflow that could be read, in the order of its file."""
    places = Places(located, frozenset(step.id for step in workflow.every_step()))
    if around.roles and workflow.allow not in around.roles:
        places.unknown("role", workflow.allow, around.roles, ("allow",))
    check_triggers(workflow, around, places)
    steps = StepChecks(workflow, around, places)
    scope = first_scope(workflow)
    steps.walk(workflow.steps, scope, ("steps",))
    if workflow.output is not None:
        places.template(workflow.output, scope, ("output",))
    if workflow.on_error:
        steps.walk(workflow.on_error, _after_failure(workflow, scope), ("on_error",))
    check_cases(workflow, places)
    return sorted(places.problems, key=lambda one: (one.error.line or 0, one.error.column or 0))


def _after_failure(workflow: Workflow, scope: Scope) -> Scope:
    """Return what on_error knows: any step may have run, or not."""
    return Scope(
        {**scope.fixed, "error": map_of(ERROR.fields)},
        {name: entry(ANYTHING) for name in scope.steps},
        {name: kind.or_null() for name, kind in scope.values.items()},
    )
