"""Know which names expressions may use at one place of a workflow, and of what kind they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.checks.kinds import ANYTHING, Kind, either, map_of, of_option, plain
from quarterdeck_workflows.language.spec import Step, Workflow

TEXT: Final = plain("string")
STATES: Final = ("succeeded", "failed", "skipped")
RUN: Final = map_of(dict.fromkeys(("id", "workflow", "started_at", "conversation", "person"), TEXT))
ERROR: Final = map_of(dict.fromkeys(("step", "kind", "message", "hint", "place"), TEXT))
RESERVED: Final = ("inputs", "steps", "vars", "run", "trigger", "error", "index")


@dataclass(slots=True)
class Scope:
    """Hold what is known so far; `steps` by id are what `steps.ID` stands for."""

    fixed: Mapping[str, Kind]
    steps: dict[str, Kind] = field(default_factory=dict)
    values: dict[str, Kind] = field(default_factory=dict)
    local: Mapping[str, Kind] = field(default_factory=dict)

    def names(self) -> dict[str, Kind]:
        """Return every name with its kind."""
        return {**self.fixed, **self.local, "steps": map_of(self.steps), "vars": map_of(self.values)}

    def copy(self, **local: Kind) -> Scope:
        """Return a scope of its own that begins with what is known here."""
        return Scope(self.fixed, dict(self.steps), dict(self.values), {**self.local, **local})

    def ran(self, step: Step, output: Kind) -> None:
        """Note that `step` is behind; its output may be null where it could be skipped or fail."""
        may_lack = bool(step.when) or step.on_error == "continue"
        self.steps[step.id] = entry(output.or_null() if may_lack else output)

    def take(self, branches: Sequence[Scope], *, is_certain: bool) -> None:
        """Take over what branches know: all of them ran, or perhaps one of them."""
        for branch in branches:
            for name, kind in branch.steps.items():
                if name not in self.steps:
                    self.steps[name] = kind if is_certain else _maybe(kind)
            for name, kind in branch.values.items():
                known = self.values.get(name)
                self.values[name] = kind if known is None or known == kind else either([known, kind])


def entry(output: Kind) -> Kind:
    """Return the kind of `steps.ID`."""
    return map_of(
        {
            "output": output,
            "state": Kind(names=frozenset({"string"}), values=STATES),
            "error": Kind(names=frozenset({"map", "null"}), fields=ERROR.fields, closed=True),
        }
    )


def first_scope(workflow: Workflow) -> Scope:
    """Return what is known before the first step."""
    inputs = map_of({option.name: of_option(option) for option in workflow.inputs})
    return Scope({"inputs": inputs, "run": RUN, "trigger": ANYTHING})


def last_output(steps: Sequence[Step], scope: Scope) -> Kind:
    """Return the kind of what the last of `steps` returns."""
    known = scope.steps.get(steps[-1].id) if steps else None
    return known.fields["output"] if known else plain("null")


def _maybe(step: Kind) -> Kind:
    return entry(step.fields["output"].or_null())
