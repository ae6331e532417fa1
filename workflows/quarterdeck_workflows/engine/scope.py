"""Hold the values that expressions may name, at one place of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from quarterdeck.core.ports import Json
from quarterdeck_workflows.language.expression import evaluate, fill

FIXED = ("inputs", "run", "trigger")


class Scope:
    """Hold inputs, steps, vars and what loops add. Steps and vars change as the run goes on."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        self.fixed: dict[str, Json] = {name: values.get(name) or {} for name in FIXED}
        self.steps: dict[str, Json] = dict(cast("Mapping[str, Json]", values.get("steps") or {}))
        self.vars: dict[str, Json] = dict(cast("Mapping[str, Json]", values.get("vars") or {}))
        self.locals: dict[str, Json] = dict(cast("Mapping[str, Json]", values.get("locals") or {}))

    def json(self) -> dict[str, Json]:
        """Return all of it, for a part of the run that has a run of its own."""
        return {**self.fixed, "steps": self.steps, "vars": self.vars, "locals": self.locals}

    def names(self) -> dict[str, Json]:
        """Return what expressions may name."""
        return {**self.fixed, **self.locals, "steps": self.steps, "vars": self.vars}

    def inner(self, *, shares_steps: bool, **more: Json) -> Scope:
        """Return the scope inside a loop: its vars are this one's, its steps too or a copy, and more has names."""
        found = Scope({})
        found.fixed, found.vars = self.fixed, self.vars
        found.steps = self.steps if shares_steps else dict(self.steps)
        found.locals = {**self.locals, **more}
        return found

    def put(self, step_id: str, output: Json, state: str, error: Json = None) -> None:
        """Keep what became of a step."""
        self.steps[step_id] = {"output": output, "state": state, "error": error}

    def take(self, steps: Mapping[str, Json], values: Mapping[str, Json]) -> None:
        """Take over what a part of the run added."""
        self.steps.update(steps)
        self.vars.update(values)

    def value(self, expression: str) -> Json:
        """Return the value of an expression."""
        return evaluate(expression, self.names())

    def filled(self, template: Json) -> Json:
        """Return a template with its values."""
        return fill(template, self.names())

    def text(self, template: str) -> str:
        """Return a template of text, as text."""
        found = self.filled(template)
        return found if isinstance(found, str) else "" if found is None else str(found)
