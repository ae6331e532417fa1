"""A workflow file means one thing; a wrong one is refused with all its mistakes, each with its place and fix."""

from __future__ import annotations

import json
import textwrap

import pytest
from jsonschema import Draft202012Validator
from tests.workflows.language.hostile_files import workflow_files, yaml_files

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.settings.datafiles import DataFileInvalid
from quarterdeck_workflows.language.parse import read_document, read_text
from quarterdeck_workflows.language.spec import (
    Approve,
    Ask,
    CallWorkflow,
    Case,
    Choose,
    Do,
    ForEach,
    HookAuth,
    OnButton,
    OnCommand,
    OnMessage,
    OnReaction,
    OnSchedule,
    OnStartup,
    OnWebhook,
    OnWorkflow,
    Parallel,
    RepeatUntil,
    Retry,
    SetValues,
    Stop,
    Wait,
)

STEPS = """
    steps:
      - {id: a, action: http.request, with: {url: x}, retry: {attempts: 2, backoff_s: 1m, on: any}, timeout_s: 2m}
      - parallel:
          - {id: b, stop: succeeded, key: k}
          - [{wait: 10}, {wait: 1h30m}]
      - {for_each: "${inputs.l}", as: host, concurrency: 2, limit: 7, steps: [{id: c, set: {x: 1}}]}
      - choose: [{when: "${ true }", steps: [{id: d, stop: failed, message: no}]}]
        otherwise: [{id: e, call: other, with: {y: 2}}]
      - {repeat_until: "index > 3", limit: 9, steps: [{wait: {event: "go"}, on_timeout: continue, timeout_s: 5}]}
      - {approve: ok?, by: [role:admin, group:leads], quorum: 2, on_denied: continue, when: false}
      - {ask: who?, person: "slack:T1:U1", inputs: {name: {required: true}}, on_error: continue, title: Ask}
      - {wait: {until: "${vars.x}"}}
    on_error: [{stop: cancelled}]
"""

TRIGGERS = """
    triggers:
      - command
      - {command: other, when: "trigger.x", with: {a: 1}, conversation: c1, run_as: "slack:T1:U1"}
      - {schedule: every day at 9, timezone: Europe/Berlin, misfire: skip, overlap: skip}
      - {webhook: hook, methods: any, auth: {basic: {username: u, secret: "env:P"}}}
      - {webhook: hook2, auth: {standard-webhooks: {secret: "secret:P"}}}
      - {message: "^x", in: c1, mention: true}
      - {reaction: "🚀", in: [c1, c2]}
      - {button: again}
      - {workflow: build, on: [failed, cancelled]}
      - startup
    steps: [{stop: succeeded}]
"""


def test_every_kind_of_step_is_read() -> None:
    """Places in branches are counted as the engine does."""
    workflow = read_text(textwrap.dedent(STEPS), name="every")

    assert (
        Do(
            path="0",
            id="a",
            action="http.request",
            arguments={"url": "x"},
            retry=Retry(attempts=2, backoff_s=60.0, on=("any",)),
            timeout_s=120.0,
        ),
        Parallel(
            path="1",
            id="step_1",
            branches=(
                (Stop(path="1.0.0", id="b", outcome="succeeded", key="k"),),
                (
                    Wait(path="1.1.0", id="step_1_1_0", seconds=10.0),
                    Wait(path="1.1.1", id="step_1_1_1", seconds=5400.0),
                ),
            ),
        ),
        ForEach(
            path="2",
            id="step_2",
            items="inputs.l",
            name="host",
            concurrency=2,
            limit=7,
            steps=(SetValues(path="2.0.0", id="c", values={"x": 1}),),
        ),
        Choose(
            path="3",
            id="step_3",
            cases=(Case(when="true", steps=(Stop(path="3.0.0", id="d", outcome="failed", message="no"),)),),
            otherwise=(CallWorkflow(path="3.1.0", id="e", workflow="other", arguments={"y": 2}),),
        ),
        RepeatUntil(
            path="4",
            id="step_4",
            condition="index > 3",
            limit=9,
            steps=(Wait(path="4.0.0", id="step_4_0_0", event="go", on_timeout="continue", timeout_s=5.0),),
        ),
        Approve(
            path="5",
            id="step_5",
            message="ok?",
            by=("role:admin", "group:leads"),
            quorum=2,
            on_denied="continue",
            when="false",
        ),
        Ask(
            path="6",
            id="step_6",
            message="who?",
            person="slack:T1:U1",
            inputs=workflow.steps[6].inputs,  # type: ignore[union-attr]
            on_error="continue",
            title="Ask",
        ),
        Wait(path="7", id="step_7", until="${vars.x}"),
    ) == workflow.steps
    assert (Stop(path="error.0", id="step_error_0", outcome="cancelled"),) == workflow.on_error


def test_every_kind_of_trigger_is_read() -> None:
    """What is left out has its default."""
    workflow = read_text(textwrap.dedent(TRIGGERS), name="every")

    assert (
        OnCommand(name="every"),
        OnCommand(
            name="other", when="trigger.x", arguments={"a": 1}, conversation="c1", run_as="slack:T1:U1"
        ),
        OnSchedule(moment="every day at 9", timezone="Europe/Berlin", misfire="skip", overlap="skip"),
        OnWebhook(name="hook", methods=(), auth=HookAuth(kind="basic", username="u", secret="env:P")),
        OnWebhook(
            name="hook2", methods=("POST",), auth=HookAuth(kind="standard-webhooks", secret="secret:P")
        ),
        OnMessage(pattern="^x", conversations=("c1",), mention=True),
        OnReaction(emoji="🚀", conversations=("c1", "c2")),
        OnButton(name="again"),
        OnWorkflow(workflow="build", outcomes=("failed", "cancelled")),
        OnStartup(),
    ) == workflow.triggers


@pytest.mark.parametrize("text", [STEPS, TRIGGERS])
def test_a_run_rebuilds_its_workflow_from_its_document(text: str) -> None:
    """The document travels with the run as JSON, and means the same there."""
    workflow = read_text(textwrap.dedent(text), name="every")
    travelled = json.loads(json.dumps(workflow.document))

    assert workflow == read_document(travelled)
    assert workflow.digest == read_document(travelled).digest


def test_the_digest_is_of_the_meaning() -> None:
    """Comments and layout change nothing; a value does."""
    one = read_text("steps:\n  - stop: succeeded\n", name="x")
    other = read_text("# same\nsteps: [{'stop': \"succeeded\"}]\n", name="x")

    assert one.digest == other.digest
    assert one.digest != read_text("steps: [{stop: failed}]", name="x").digest


@pytest.mark.parametrize("text", [STEPS, TRIGGERS])
def test_editors_accept_what_we_accept(text: str) -> None:
    """The published schema is what completes files in editors."""
    schema = json.loads((config_dir() / "schema" / "workflow.json").read_text())

    assert [] == list(Draft202012Validator(schema).iter_errors(yaml.load(textwrap.dedent(text)).data))


MISTAKES = """\
titel: x
inputs:
  a-b: {}
  c: {choices: [x], default: y}
triggers: [command, {webhook: x}, {webhok: y}]
steps:
  - acton: x.y
  - action: a.b
    retry: {attempts: 0}
    foo: 1
    approve: hm
  - parallel:
      - stop: x
      - - wait: 1x
  - just text
"""


def test_all_mistakes_come_at_once_with_place_and_fix() -> None:
    """One round of mending, not ten."""
    with pytest.raises(DataFileInvalid) as caught:
        read_text(MISTAKES, name="bad", file="bad.yaml")

    problems = caught.value.problems
    assert [place for place, _, _ in EXPECTED] == [(one.line, one.column) for one in problems]
    assert [message for _, message, _ in EXPECTED] == [one.message for one in problems]
    assert [] == [
        one.hint
        for one, (_, _, hint) in zip(problems, EXPECTED, strict=True)
        if not one.hint.startswith(hint)
    ]


EXPECTED = (
    ((1, 1), "titel is not a known key", "did you mean 'title'?"),
    ((3, 3), "inputs.a-b: is not of the right form", "use small letters, digits and underscores"),
    ((4, 30), "inputs.c.default: 'y' is not one of x", "write one of x"),
    ((5, 21), "triggers.1.auth: is missing", "add it"),
    ((5, 36), "'webhok' is no trigger", "did you mean 'webhook'?"),
    ((7, 5), "'acton' is no step", "did you mean 'action'?"),
    ((9, 23), "steps.1.retry.attempts: should be greater than or equal to 1", "write at least 1"),
    ((10, 5), "steps.1.foo is not a known key", "known here: action"),
    (
        (11, 5),
        "steps.1.approve is not a known key",
        "a step does one thing: begin another one with `- approve:`",
    ),
    (
        (13, 15),
        "steps.2.parallel.0.stop: should be 'succeeded', 'failed' or 'cancelled'",
        "write 'succeeded'",
    ),
    ((14, 17), "steps.2.parallel.1.0.wait.seconds: is no duration", "write seconds, or such as 90s"),
    ((15, 5), "this is no step", "write `- ` and one of action, parallel"),
)


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("triggers: [comand]", (1, 12), "'comand' is no trigger", "did you mean 'command'?"),
        ("steps: [{set: {x: ${inputs.y}}}]", (1, 20), "this is not YAML", "text that holds ${ … }"),
        ("output: ${inputs.x}: done", (1, 20), "this is not YAML", "put text that holds `: ` in quotes"),
    ],
)
def test_what_a_newcomer_gets_wrong_first_has_its_fix(
    text: str, place: tuple[int, int], message: str, hint: str
) -> None:
    """Each was made by somebody who wrote a first workflow from the documentation."""
    with pytest.raises(SetupError) as caught:
        read_text(f"{text}\nsteps: [{{stop: succeeded}}]\n" if "steps" not in text else text, name="bad")

    assert place == (caught.value.line, caught.value.column)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("number", range(len(yaml_files())))
def test_hostile_yaml_is_refused(number: int) -> None:
    """Bombs, tags, surprises: none of it becomes a workflow."""
    with pytest.raises(SetupError) as caught:
        read_text(yaml_files()[number], name="bad", file="bad.yaml")

    assert caught.value.hint
    assert "bad.yaml" == caught.value.file


@pytest.mark.parametrize("number", range(len(workflow_files())))
def test_hostile_workflows_are_refused(number: int) -> None:
    """Each with a place and a fix."""
    with pytest.raises(SetupError) as caught:
        read_text(workflow_files()[number], name="bad", file="bad.yaml")

    assert caught.value.hint
    assert 1 <= (caught.value.line or 0)
