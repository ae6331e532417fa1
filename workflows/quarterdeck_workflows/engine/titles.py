"""Fill the titles of steps with the inputs of a run, as far as these say it, for people to read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from quarterdeck.core.ports import Json
from quarterdeck_workflows.language.expression import fill
from quarterdeck_workflows.language.spec import Step, Workflow
from quarterdeck_workflows.language.tree import ExpressionError

EXPRESSION = re.compile(r"\$\{[^}]*\}")
UNKNOWN = "…"  # what only the run will know


def with_titles(workflow: Workflow, inputs: Mapping[str, Json] | None = None) -> Workflow:
    """Return the workflow as people are shown it; without `inputs`, what they would have filled in is left open."""
    names: Mapping[str, Json] = {"inputs": inputs} if inputs is not None else {}
    return replace(workflow, steps=tuple(_titled(step, names) for step in workflow.steps))


def open_title(title: str) -> str:
    """Return a title without what is not known yet."""
    return EXPRESSION.sub(UNKNOWN, title)


def _titled(step: Step, names: Mapping[str, Json]) -> Step:
    if "${" not in step.title:
        return step
    try:
        title = str(fill(step.title, names))
    except ExpressionError:
        title = open_title(step.title)
    return replace(step, title=title)
