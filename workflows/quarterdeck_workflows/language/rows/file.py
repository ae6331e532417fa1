"""Describe a workflow file as a whole, and the cases of its own tests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, StringConstraints, model_validator

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import refuse
from quarterdeck_workflows.language.rows.inputs import InputRow
from quarterdeck_workflows.language.rows.steps import MaybeSteps, Steps
from quarterdeck_workflows.language.rows.triggers import TriggerRow
from quarterdeck_workflows.language.rows.values import Line, Name, Templates, Word
from quarterdeck_workflows.language.spec import Outcome


class StubError(Section):
    """Say how a stubbed action fails."""

    kind: Literal["unavailable", "rate_limited", "timeout", "failed"] = "failed"
    """What sort of failure."""
    message: str = "stubbed failure"
    """What it says."""


class StubRow(Section):
    """Say what a stubbed action does."""

    output: JsonValue = None
    """What it returns."""
    error: StubError | None = None
    """How it fails."""

    @model_validator(mode="after")
    def _is_one(self) -> StubRow:
        if len(self.model_fields_set) != 1:
            raise refuse("does one thing", "write output: …, or error: {kind: unavailable}")
        return self


class ExpectRow(Section):
    """Say what a case must come to; what is left out is not looked at."""

    steps: tuple[str, ...] | None = None
    """The ids of the steps that ran, in order."""
    messages: tuple[str, ...] | None = None
    """What was said, in order."""
    output: JsonValue = None
    """What the run returned."""
    state: Outcome | None = None
    """How it ended."""


class TestRow(Section):
    """Hold one test case."""

    __test__ = False  # not one of pytest's

    name: Line
    """What the case shows."""
    inputs: Templates = Field(default_factory=dict)
    """The inputs of the run."""
    trigger: Templates = Field(default_factory=dict)
    """What ${trigger…} holds."""
    now: str = ""
    """Where the clock begins, such as 2027-01-31T09:00:00+01:00."""
    actions: dict[
        str,
        Annotated[
            tuple[StubRow, ...],
            BeforeValidator(
                lambda value: [value] if isinstance(value, dict) else value,
                json_schema_input_type=StubRow | list[StubRow],
            ),
            Field(min_length=1),
        ],
    ] = Field(default_factory=dict)
    """What actions do, by step or action: once for all times, or a list, one for each time."""
    answers: Templates = Field(default_factory=dict)
    """What people say, by step: approve, deny, timeout, the values of a form or an event, or a list, one a time."""
    expect: ExpectRow = ExpectRow()
    """What must come of it."""


def _triggers(value: object) -> object:
    """Take `command` for `command:`."""
    if not isinstance(value, list | tuple):
        return value
    return [{one: None} if isinstance(one, str) else one for one in value]


Triggers = Annotated[
    tuple[TriggerRow, ...],
    BeforeValidator(_triggers, json_schema_input_type=list[TriggerRow | Literal["command", "startup"]]),
    Field(max_length=50),
]


class WorkflowFile(Section):
    """Describe what is done, in which order, and what starts it."""

    name: Name | None = None
    """What it is called; the file's name where it is left out."""
    title: Line | None = None
    """What people read in lists."""
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    """What it is for."""
    allow: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")] = "operator"
    """The least role that may start it."""
    inputs: Annotated[dict[Word, InputRow], Field(max_length=25)] = Field(default_factory=dict)
    """What must be known at the start, in the order of the command line."""
    triggers: Triggers = ()
    """What starts it; /run NAME always does."""
    steps: Steps
    """What is done, in order."""
    on_error: MaybeSteps = ()
    """What is done when a step failed; it knows ${error…}."""
    output: JsonValue = None
    """What the run returns."""
    tests: Annotated[tuple[TestRow, ...], Field(max_length=200)] = ()
    """Cases for `quarterdeck workflow test`."""
