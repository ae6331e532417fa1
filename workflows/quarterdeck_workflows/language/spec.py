"""Hold what a workflow file says, checked and typed; nothing here reads a file or evaluates an expression.

A *template* is JSON whose texts may hold `${ … }` (`expression.fill`); an *expression* is the inside of one, as text
(`expression.evaluate`). Paths count from 0: `3.1.0` is the first step of the second branch of the fourth step; the
steps of `on_error` begin with `error`. Lines and columns count from 1; both are 0 in what was rebuilt from a run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal

from quarterdeck.core.command import Option
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass

Outcome = Literal["succeeded", "failed", "cancelled"]
Failure = Literal["unavailable", "rate_limited", "timeout", "any"]
"""What may be tried again: the other side is away, asks to wait, the step took too long; or whatever failed."""

APPROVAL_S = 900.0
LOOP_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again: `attempts` in all, the n-th wait is `backoff_s` · 2ⁿ⁻¹ seconds; `on` names what is worth it."""

    attempts: int = 3
    backoff_s: float = 1.0
    on: tuple[Failure, ...] = ("unavailable", "rate_limited")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Hold what every step has. `when` is an expression: false skips the step (state `skipped`, output null).

    `id` is the file's, or made of the place (`step_3_1_0`). `key` is a template of text: of all runs, only one at a
    time is in a step with the same key. `on_error` `continue` goes on after a failure: state `failed`, the failure in
    `steps.ID.error`. `timeout_s` None: the kind's own (an action's spec, `APPROVAL_S` for people, else none).
    """

    path: str
    id: str
    title: str = ""
    when: str = ""
    timeout_s: float | None = None
    key: str = ""
    on_error: Literal["stop", "continue"] = "stop"
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(_Step):
    """Run an action; `arguments` is a template. Its output is what the action returns."""

    action: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    retry: Retry | None = None
    kind: Literal["action"] = "action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(_Step):
    """Run branches at once. Output: a list, of each branch the output of its last step."""

    branches: tuple[tuple[Step, ...], ...]
    kind: Literal["parallel"] = "parallel"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForEach(_Step):
    """Run `steps` for each of `items` (an expression, or a list that is a template), `concurrency` at once.

    `name` and `index` are in scope inside; the inner steps are not, outside. More than `limit` items fail the step.
    Output: a list, of each item in order the output of the last inner step.
    """

    items: str | Sequence[Json]
    steps: tuple[Step, ...]
    name: str = "item"
    concurrency: int = 1
    limit: int = LOOP_LIMIT
    kind: Literal["for_each"] = "for_each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold the steps that run when the expression `when` is true."""

    when: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose(_Step):
    """Run the first case that is true, or `otherwise`. Output: that of its last step; the others' are skipped."""

    cases: tuple[Case, ...]
    otherwise: tuple[Step, ...] = ()
    kind: Literal["choose"] = "choose"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatUntil(_Step):
    """Run `steps`, then look at the expression `condition`, again until it is true.

    `index` counts the rounds from 0. Still false after `limit` rounds, the step fails. Output: that of the last inner
    step in the last round.
    """

    condition: str
    steps: tuple[Step, ...]
    limit: int = LOOP_LIMIT
    kind: Literal["repeat_until"] = "repeat_until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(_Step):
    """Wait for exactly one of: `seconds`; `until`, a template of a moment (RFC 3339); `event`, a template of a name.

    An event's payload is the output. None within `timeout_s`: the step fails, with `on_timeout` `continue` its output
    is null. `seconds` and `until` have no time limit.
    """

    seconds: float | None = None
    until: str = ""
    event: str = ""
    on_timeout: Literal["stop", "continue"] = "stop"
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve(_Step):
    """Ask `quorum` of `by` (each `role:NAME` or `group:NAME`) to agree to `message`, a template of text.

    Output: `{"approved": bool, "by": [names], "comment": text}`. Denied or not decided within `timeout_s`
    (default `APPROVAL_S`) the run ends as cancelled, or goes on with `on_denied` `continue`.
    """

    message: str
    by: tuple[str, ...] = ("role:admin",)
    quorum: int = 1
    conversation: str = ""  # a template; empty is the run's
    on_denied: Literal["stop", "continue"] = "stop"
    kind: Literal["approve"] = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(_Step):
    """Ask a person for typed values. `person` is a template of an identity; empty is who started the run.

    Output: the values by input. Not answered within `timeout_s` (default `APPROVAL_S`): the step fails, with
    `on_timeout` `continue` the output holds the defaults.
    """

    message: str
    inputs: tuple[Option, ...]
    person: str = ""
    conversation: str = ""  # a template; empty is the run's
    on_timeout: Literal["stop", "continue"] = "stop"
    kind: Literal["ask"] = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWorkflow(_Step):
    """Run another workflow and wait for it; `arguments` is a template of its inputs. Output: its output."""

    workflow: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    kind: Literal["call"] = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetValues(_Step):
    """Keep values as `vars.NAME`; `values` is a template. Output: the values."""

    values: Mapping[str, Json]
    kind: Literal["set"] = "set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(_Step):
    """End the run; `message` is a template of text. The steps of `on_error` run after `failed`."""

    outcome: Outcome
    message: str = ""
    kind: Literal["stop"] = "stop"


Step = Do | Parallel | ForEach | Choose | RepeatUntil | Wait | Approve | Ask | CallWorkflow | SetValues | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger:
    """Hold what every trigger has. `arguments` is a template of inputs over `trigger` alone.

    `conversation` is where the run speaks, empty: where it was triggered. `run_as` is the identity whose rights it
    has, empty: who triggered it; where nobody did, the workflow's own account `workflow::NAME`, which may what it was
    granted.
    """

    arguments: Mapping[str, Json] = field(default_factory=dict)
    when: str = ""  # an expression over `trigger`; false: it does not start
    conversation: str = ""
    run_as: str = ""
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCommand(_Trigger):
    """Start by `/name` with the inputs as its options."""

    name: str
    kind: Literal["command"] = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSchedule(_Trigger):
    """Start by the clock: `moment` is a cron line or words, as `/schedule` reads them.

    `trigger`: `planned_at`, RFC 3339.
    """

    moment: str
    timezone: str = ""  # empty is the bot's
    misfire: str = ""  # skip, once, all ≤ N, ask; empty is the default
    overlap: str = ""
    kind: Literal["schedule"] = "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAuth:
    """Say how a webhook's caller proves itself. `secret` is a reference (`secret:NAME`, `env:NAME`).

    `header` and `query` compare the parameter `name` with the secret; `basic` the password of `username`. `hmac`
    is the `algorithm` over the body, hexadecimal or base64, in the header `name` after `prefix`;
    `standard-webhooks` is standardwebhooks.com, with its window of five minutes.
    """

    kind: Literal["none", "header", "query", "basic", "hmac", "standard-webhooks"]
    secret: str = ""
    name: str = ""
    username: str = ""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnWebhook(_Trigger):
    """Start by a request to `/hooks/{name}`. No `methods`: any of them.

    `trigger`: `method`, `headers` (names in lower case), `query`, `body` (JSON where it is, else text).
    """

    name: str
    auth: HookAuth
    methods: tuple[str, ...] = ()
    kind: Literal["webhook"] = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnMessage(_Trigger):
    """Start by a message that `pattern` (RE2) is found in; `conversations` are ids, none: everywhere.

    `trigger`: `text`, `match` (what was found), `groups` (named groups), `message_id`, `conversation`, `person`.
    """

    pattern: str
    conversations: tuple[str, ...] = ()
    mention: bool = False  # only where the bot is spoken to
    kind: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnReaction(_Trigger):
    """Start by an emoji under a message. `trigger`: `emoji`, `message_id`, `conversation`, `person`."""

    emoji: str
    conversations: tuple[str, ...] = ()
    kind: Literal["reaction"] = "reaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnButton(_Trigger):
    """Start by the button called `name`. `trigger`: `button`, `value`, `message_id`, `conversation`, `person`."""

    name: str
    kind: Literal["button"] = "button"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnWorkflow(_Trigger):
    """Start after a run of another workflow ended. `trigger`: `workflow`, `run_id`, `state`, `output`."""

    workflow: str
    outcomes: tuple[Outcome, ...] = ("succeeded",)
    kind: Literal["workflow"] = "workflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnStartup(_Trigger):
    """Start when the bot has started. `trigger` is empty."""

    kind: Literal["startup"] = "startup"


Trigger = OnCommand | OnSchedule | OnWebhook | OnMessage | OnReaction | OnButton | OnWorkflow | OnStartup


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """Hold one case of the file's own tests, for `workflow test`.

    `actions` gives stubs by step id or action id: `{"output": …}`, `{"error": {"kind", "message"}}`, or a list of
    them, one for each time. `answers` by step id: `approve`, `deny`, `timeout`, for ask and wait the values, or a
    list of these, one for each time.
    Expected, each only where it is not None: `steps` that ran in order by id, `messages` that were said in order,
    `output`, `state`.
    """

    __test__ = False  # not one of pytest's

    name: str
    inputs: Mapping[str, Json] = field(default_factory=dict)
    trigger: Mapping[str, Json] = field(default_factory=dict)
    now: str = ""  # RFC 3339, where the virtual clock begins
    actions: Mapping[str, Json] = field(default_factory=dict)
    answers: Mapping[str, Json] = field(default_factory=dict)
    steps: tuple[str, ...] | None = None
    messages: tuple[str, ...] | None = None
    output: Json = None
    expects_output: bool = False  # `output: null` is an expectation too
    state: Outcome | None = None
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """Hold one workflow. `document` is the plain JSON of its file: it travels with a run.

    `allow` is the least role that may start it. `output` is a template. `file` is empty in what was rebuilt from a run.
    """

    name: str
    title: str
    description: str = ""
    inputs: tuple[Option, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    allow: str = "operator"
    steps: tuple[Step, ...]
    on_error: tuple[Step, ...] = ()
    output: Json = None
    tests: tuple[TestCase, ...] = ()
    file: str = field(default="", compare=False)
    document: Mapping[str, Json] = field(repr=False)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the document, in hexadecimal: the same for the same meaning, whatever the layout."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def every_step(self) -> Iterator[Step]:
        """Yield all steps, inner ones after the one that holds them, those of `on_error` last."""
        for step in (*self.steps, *self.on_error):
            yield from _with_inner(step)


def inner(step: Step) -> tuple[tuple[Step, ...], ...]:
    """Return the lists of steps inside a step; none where it holds no others."""
    match step:
        case Parallel():
            return step.branches
        case Choose():
            return (*(case.steps for case in step.cases), step.otherwise)
        case ForEach() | RepeatUntil():
            return (step.steps,)
        case _:
            return ()


def _with_inner(step: Step) -> Iterator[Step]:
    yield step
    for steps in inner(step):
        for one in steps:
            yield from _with_inner(one)
