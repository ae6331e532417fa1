"""Describe the steps of a workflow file."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, StringConstraints, Tag, model_validator

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import refuse
from quarterdeck_workflows.language.rows.inputs import InputRow
from quarterdeck_workflows.language.rows.values import (
    Expression,
    Name,
    Seconds,
    Template,
    Templates,
    Text,
    Word,
    choose_one,
)
from quarterdeck_workflows.language.spec import LOOP_LIMIT, Failure, Outcome

OnFailure = Literal["stop", "continue"]
Approver = Annotated[str, StringConstraints(pattern=r"^(role|group):.+$")]


class RetryRow(Section):
    """Try an action again."""

    attempts: int = Field(default=3, ge=1, le=100)
    """How often in all."""
    backoff_s: Seconds = 1.0
    """The first pause; each one is twice the one before."""
    on: Annotated[
        tuple[Failure, ...],
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=Failure | list[Failure],
        ),
        Field(min_length=1),
    ] = ("unavailable", "rate_limited")
    """What is worth it: unavailable, rate_limited, timeout, any."""


class _StepRow(Section):
    kind_key: ClassVar[str] = ""

    id: Word | None = None
    """What expressions call it: steps.ID.output."""
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    """What people read while it runs."""
    when: Expression | None = None
    """Skip the step unless this is true."""
    timeout_s: Seconds | None = None
    """How long it may take."""
    key: str = ""
    """Of all runs, one at a time is in a step with the same key."""
    on_error: OnFailure = "stop"
    """What a failure does: stop ends the run, continue goes on."""


class ActionRow(_StepRow):
    """Run an action."""

    kind_key: ClassVar[str] = "action"
    action: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")]
    """Which one, such as chat.send."""
    arguments: Templates = Field(default_factory=dict, alias="with")
    """Its input."""
    retry: RetryRow | None = None
    """When to try again."""


class ParallelRow(_StepRow):
    """Run branches at the same time."""

    kind_key: ClassVar[str] = "parallel"
    parallel: Annotated[tuple[Branch, ...], Field(min_length=2, max_length=50)]
    """The branches, each a list of steps, or one step."""


class ForEachRow(_StepRow):
    """Run steps for each item of a list."""

    kind_key: ClassVar[str] = "for_each"
    for_each: JsonValue
    """An expression that gives a list, or the list itself."""
    name: Word = Field(default="item", alias="as")
    """What the item is called in expressions."""
    concurrency: int = Field(default=1, ge=1, le=50)
    """How many at once."""
    limit: int = Field(default=LOOP_LIMIT, ge=1, le=100_000)
    """More items than this are refused."""
    steps: Steps
    """What is done for each."""

    @model_validator(mode="after")
    def _has_items(self) -> ForEachRow:
        if not isinstance(self.for_each, str | list) or not self.for_each:
            raise refuse(
                "must be a list, or an expression that gives one",
                "write for_each: ${inputs.hosts}",
                key="for_each",
            )
        return self


class CaseRow(Section):
    """Hold the steps of one case."""

    when: Expression
    """The case is taken where this is true."""
    steps: Steps
    """What is done then."""


class ChooseRow(_StepRow):
    """Take the first case that is true."""

    kind_key: ClassVar[str] = "choose"
    choose: Annotated[tuple[CaseRow, ...], Field(min_length=1, max_length=50)]
    """The cases."""
    otherwise: MaybeSteps = ()
    """What is done where none is true."""


class RepeatRow(_StepRow):
    """Run steps again until something is true."""

    kind_key: ClassVar[str] = "repeat_until"
    repeat_until: Expression
    """Looked at after each round."""
    limit: int = Field(default=LOOP_LIMIT, ge=1, le=100_000)
    """After so many rounds it has failed."""
    steps: Steps
    """What is done in each round."""


class WaitFor(Section):
    """Say what is waited for."""

    seconds: Seconds | None = None
    """So long."""
    until: Text | None = None
    """Up to a moment, such as 2027-01-31T09:00:00+01:00."""
    event: Text | None = None
    """An event of this name."""

    @model_validator(mode="after")
    def _is_one(self) -> WaitFor:
        if len(self.model_fields_set) != 1:
            raise refuse(
                "waits for exactly one thing", "write wait: 10m, wait: {until: …} or wait: {event: …}"
            )
        return self


class WaitRow(_StepRow):
    """Wait."""

    kind_key: ClassVar[str] = "wait"
    wait: Annotated[
        WaitFor,
        BeforeValidator(
            lambda value: value if isinstance(value, dict) else {"seconds": value},
            json_schema_input_type=WaitFor | float | str,
        ),
    ]
    """A duration, or {until: moment}, or {event: name}."""
    on_timeout: OnFailure = "stop"
    """What happens when no event comes within timeout_s."""

    @model_validator(mode="after")
    def _has_limits_of_its_kind(self) -> WaitRow:
        if self.wait.event is None and self.timeout_s is not None:
            raise refuse("only waiting for an event has a time limit", "take timeout_s out", key="timeout_s")
        return self


class ApproveRow(_StepRow):
    """Ask others to agree."""

    kind_key: ClassVar[str] = "approve"
    approve: Text
    """What they are asked."""
    by: Annotated[
        tuple[Approver, ...],
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=str | list[str]
        ),
        Field(min_length=1, max_length=20),
    ] = ("role:admin",)
    """Who may agree: role:NAME, group:NAME; never the person who started the run."""
    quorum: int = Field(default=1, ge=1, le=20)
    """How many must agree."""
    conversation: str = ""
    """Where they are asked; the run's conversation where it is left out."""
    on_denied: OnFailure = "stop"
    """What a no, or silence, does: stop ends the run as cancelled, continue goes on."""


class AskRow(_StepRow):
    """Ask a person for values."""

    kind_key: ClassVar[str] = "ask"
    ask: Text
    """What they are asked."""
    inputs: Annotated[dict[Word, InputRow], Field(min_length=1, max_length=20)]
    """The values."""
    person: str = ""
    """Whom, by an account such as slack:T1:U1; who started the run where it is left out."""
    conversation: str = ""
    """Where they are asked; the run's conversation where it is left out."""
    on_timeout: OnFailure = "stop"
    """What silence does: stop fails the step, continue takes the defaults."""


class CallRow(_StepRow):
    """Run another workflow and wait for it."""

    kind_key: ClassVar[str] = "call"
    call: Name
    """Which one."""
    arguments: Templates = Field(default_factory=dict, alias="with")
    """Its inputs."""


class SetRow(_StepRow):
    """Keep values for later steps."""

    kind_key: ClassVar[str] = "set"
    set: Annotated[dict[Word, Template], Field(min_length=1)]
    """The values, later vars.NAME."""


class StopRow(_StepRow):
    """End the run."""

    kind_key: ClassVar[str] = "stop"
    stop: Outcome
    """How it ended: succeeded, failed or cancelled."""
    message: str = ""
    """Why."""


STEPS: tuple[type[_StepRow], ...] = (
    ActionRow,
    ParallelRow,
    ForEachRow,
    ChooseRow,
    RepeatRow,
    WaitRow,
    ApproveRow,
    AskRow,
    CallRow,
    SetRow,
    StopRow,
)
STEP_KINDS = tuple(row.kind_key for row in STEPS)

StepRow = Annotated[
    Annotated[ActionRow, Tag("step:action")]
    | Annotated[ParallelRow, Tag("step:parallel")]
    | Annotated[ForEachRow, Tag("step:for_each")]
    | Annotated[ChooseRow, Tag("step:choose")]
    | Annotated[RepeatRow, Tag("step:repeat_until")]
    | Annotated[WaitRow, Tag("step:wait")]
    | Annotated[ApproveRow, Tag("step:approve")]
    | Annotated[AskRow, Tag("step:ask")]
    | Annotated[CallRow, Tag("step:call")]
    | Annotated[SetRow, Tag("step:set")]
    | Annotated[StopRow, Tag("step:stop")],
    Discriminator(lambda value: f"step:{choose_one(value, STEP_KINDS)}"),
]
Steps = Annotated[tuple[StepRow, ...], Field(min_length=1, max_length=500)]
MaybeSteps = Annotated[tuple[StepRow, ...], Field(max_length=500)]
Branch = Annotated[
    Steps,
    BeforeValidator(
        lambda value: [value] if isinstance(value, dict) else value,
        json_schema_input_type=StepRow | list[StepRow],
    ),
]
for _row in STEPS:
    _row.model_rebuild()
CaseRow.model_rebuild()
