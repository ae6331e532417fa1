"""What can be known to be wrong before a run is said before a run, with its line and the fix."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.action import ActionSpec
from quarterdeck.runtime.documents import yaml
from quarterdeck_workflows.language.parse import read_text
from quarterdeck_workflows.language.spec import OnSchedule
from quarterdeck_workflows.language.validate import Problem, Surroundings, check, validate

SEND = ActionSpec(
    id="chat.send",
    summary="Say something",
    input={
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to say"},
            "style": {"enum": ["plain", "loud"], "type": "string"},
            "count": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["text"],
        "additionalProperties": False,
    },
    output={"type": "object", "properties": {"message": {"type": "string"}}, "additionalProperties": False},
)
FETCH = ActionSpec(
    id="http.request",
    summary="Ask",
    input={"type": "object", "properties": {"url": {"type": "string"}}, "additionalProperties": False},
    output={
        "type": "object",
        "properties": {"status": {"type": "integer"}, "json": {}},
        "additionalProperties": False,
    },
)
OTHER = read_text(
    "inputs: {service: {choices: [api, web], required: true}, n: {kind: integer}}\n"
    "triggers: [{webhook: taken, auth: none, conversation: c, with: {service: api}}, {button: again, with: {service: api}}]\n"
    "steps: [{stop: succeeded}]",
    name="other",
)
HEAD = """\
inputs:
  env: {choices: [staging, prod], required: true}
  count: {kind: integer, default: 3}
  note: {}
steps:
"""
FIRST = HEAD.count("\n") + 1


def around() -> Surroundings:
    """Return two actions, one other workflow, two roles."""

    def fault(trigger: OnSchedule) -> tuple[str, str]:
        return ("", "") if trigger.moment == "0 9 * * *" else ("it is no time", "write a cron line")

    return Surroundings(
        actions={spec.id: spec for spec in (SEND, FETCH)},
        workflows={"other": OTHER},
        roles=("operator", "admin"),
        commands=("ping",),
        schedule_fault=fault,
    )


def problems(text: str) -> list[Problem]:
    """Check a text that can be read."""
    return check(read_text(text, name="mine", file="mine.yaml"), yaml.load(text, file="mine.yaml"), around())


STEPS = {
    "action: chat.sned": "there is no action 'chat.sned' | did you mean 'chat.send'?",
    "action: chat.ask": "there is no action 'chat.ask' | it is a step of its own: `- ask: …`",
    "{action: chat.send, with: {txt: x, text: y}}": "there is no input 'txt' | did you mean 'text'?",
    "{action: chat.send, with: {style: loud}}": "the input 'text' is missing | add `text:`, What to say",
    "action: chat.send": "the input 'text' is missing | add `text:`, What to say",
    "{action: chat.send, with: {text: 5}}": "text: 5 is not of type 'string' | it is what to say",
    "{action: chat.send, with: {text: x, style: quiet}}": "style: 'quiet' is not one of ['plain', 'loud'] | write text",
    '{action: chat.send, with: {text: "${inputs.count}"}}': "text is a whole number, and should be text | write string(x), or text around it",
    '{action: chat.send, with: {text: x, count: "${inputs.env}"}}': "count is text, and should be a whole number | give a whole number",
    '{action: chat.send, with: {text: x, style: "${inputs.env}"}}': "style is one of staging, prod | give one of plain, loud",
    '{action: chat.send, with: {text: x, tags: ["${inputs.env}", "${inputs.count}"]}}': "tags is a whole number, and should be text | write string(x), or text around it",
    "{when: inputs.evn == 'x', stop: succeeded}": "`inputs.evn == 'x'`: there is no inputs.evn | did you mean 'env'?",
    "{when: inputs.env == 'production', stop: succeeded}": "`inputs.env == 'production'`: it can never be 'production' | it is one of 'staging', 'prod'",
    "{when: inputs.env == 'prdo', stop: succeeded}": "`inputs.env == 'prdo'`: it can never be 'prdo' | did you mean 'prod'?",
    "{when: inputs.count, stop: succeeded}": "the condition is a whole number | write what is true or false, such as inputs.env == 'prod'",
    "{when: inputs.count == '3', stop: succeeded}": "`inputs.count == '3'`: `==` compares a whole number with text, which are never the same | write string(x) around what is no text",
    "{when: 'inputs.count > 2.5 &&', stop: succeeded}": '`inputs.count > 2.5 &&`: a value is missing at the end (character 22) | write a name, a number, or text in quotes, such as inputs.env == "prod"',
    "set: {x: '${inputs.count + 0.5}'}": "`inputs.count + 0.5`: `+` joins a whole number and a number with a fraction | write double(x) around the whole number",
    "set: {x: '${inputs.env + inputs.count}'}": "`inputs.env + inputs.count`: `+` joins text and a whole number | write string(x) around what is no text",
    "set: {x: '${size(inputs.count)}'}": "`size(inputs.count)`: size() cannot take a whole number as its value 1 | write such as size(inputs.services) > 0",
    "set: {x: '${inputs.count.x}'}": "`inputs.count.x`: inputs.count is a whole number, so it has no x | check the path",
    "set: {x: '${vars.y}'}": "`vars.y`: nothing sets vars.y | add a `set` step before this one",
    "set: {x: '${steps.nope.output}'}": "`steps.nope.output`: there is no steps.nope | steps has nothing yet",
    "set: {x: '${item}'}": "`item`: there is no item | known here: inputs, run, steps, trigger, vars",
    "set: {x: '${error.message}'}": "`error.message`: there is no error | known here: inputs, run, steps, trigger, vars",
    "set: {x: '${inputs.env'}": "a `${` is not closed | close it with `}`, or write `$${` for the characters themselves",
    "{for_each: '${inputs.env}', steps: [{stop: failed}]}": "for_each goes through a list, and this is text | give a list",
    "{for_each: [1], as: steps, steps: [{stop: failed}]}": "an item cannot be called steps | choose another name",
    "{call: othr, with: {service: api}}": "there is no workflow 'othr' | did you mean 'other'?",
    "{call: other, with: {servic: api, service: api}}": "there is no input 'servic' | did you mean 'service'?",
    "call: other": "the input 'service' is missing | add `service:`, service",
    "{call: other, with: {service: db}}": "service cannot be 'db' | write one of api, web",
    '{call: other, with: {service: api, n: "${inputs.env == inputs.note}"}}': "n is true or false, and should be a whole number | give a whole number",
    "{call: mine, with: {env: prod}}": "this workflow calls itself without end | give the step a `when`",
    "{approve: ok?, by: role:boss}": "there is no role 'boss' | there are admin, operator",
    "{repeat_until: steps.a.output.status, steps: [{id: a, action: http.request}]}": "the condition is a whole number | write what is true or false, such as inputs.env == 'prod'",
}


@pytest.mark.parametrize(("step", "said"), STEPS.items())
def test_a_wrong_step_is_named_with_its_line_and_fix(step: str, said: str) -> None:
    """One thing is wrong, so one thing is said."""
    found = problems(f"{HEAD}  - {step}\n")

    assert [said] == [f"{one.error.message} | {one.error.hint}" for one in found]
    assert [("error", FIRST, "mine.yaml")] == [(one.level, one.error.line, one.error.file) for one in found]


SEVERAL = {
    "later": (
        "  - set: {x: '${steps.b.output.status}'}\n  - {id: b, action: http.request}\n",
        [(0, "`steps.b.output.status`: the step 'b' does not run before this one, or is inside a loop")],
    ),
    "out of a loop": (
        "  - {id: l, for_each: [1], steps: [{id: b, action: http.request}]}\n  - set: {x: '${steps.b.output}'}\n",
        [(1, "`steps.b.output`: the step 'b' does not run before this one, or is inside a loop")],
    ),
    "another branch": (
        "  - parallel:\n      - {id: a, action: http.request}\n      - set: {x: '${steps.a.output}'}\n",
        [(2, "`steps.a.output`: the step 'a' does not run before this one, or is inside a loop")],
    ),
    "after the end": (
        "  - {id: s, stop: succeeded}\n  - {wait: 5}\n  - {wait: 5}\n",
        [(1, f"this never runs: 's' in line {FIRST} always ends the run")],
    ),
    "after every case ended": (
        "  - {id: c, choose: [{when: inputs.env == 'prod', steps: [{stop: failed}]}], otherwise: [{stop: failed}]}\n"
        "  - {wait: 5}\n",
        [(1, f"this never runs: 'c' in line {FIRST} always ends the run")],
    ),
    "an output that lacks the field": (
        "  - {id: b, action: http.request}\n  - set: {x: '${steps.b.output.stauts}'}\n",
        [(1, "`steps.b.output.stauts`: there is no steps.b.output.stauts")],
    ),
    "a state that is none": (
        "  - {id: b, action: http.request}\n  - {when: steps.b.state == 'done', stop: failed}\n",
        [(1, "`steps.b.state == 'done'`: it can never be 'done'")],
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_order_and_reach_are_checked(name: str) -> None:
    """A step knows what is behind it, and nothing else."""
    text, said = SEVERAL[name]

    assert [(FIRST + line, message) for line, message in said] == [
        (one.error.line, one.error.message) for one in problems(HEAD + text)
    ]


GOOD = """\
inputs:
  env: {choices: [staging, prod], required: true}
  hosts: {kind: string}
triggers:
  - command
  - {schedule: 0 9 * * *, conversation: "slack:T1:C1", with: {env: prod}}
  - {workflow: other, with: {env: "${trigger.output.env}"}}
  - {message: ^ship, with: {env: "${trigger.groups.env}"}, when: size(trigger.text) < 100}
steps:
  - {id: a, action: http.request, when: inputs.env == "prod", on_error: continue}
  - {id: loop, for_each: ["x", "${inputs.env}"], as: one, steps: [{set: {seen: "${one + string(index)}"}}]}
  - {id: again, repeat_until: "steps.b.output.status == 200 || index > 3", steps: [{id: b, action: http.request}]}
  - choose:
      - when: steps.a.state == "failed" && steps.a.error.kind == "timeout"
        steps: [{id: c, set: {why: "${steps.a.error.message}"}}]
      - {when: "steps.a.output != null && steps.a.output.status >= 300", steps: [{stop: failed}]}
  - {id: yes, approve: "Go? ${steps.loop.output[0]} ${vars.seen}", on_denied: continue, timeout_s: 2d}
  - {id: maybe, when: inputs.env == "prod", parallel: [{id: p, action: http.request}, {id: q, action: http.request}]}
  - {when: "steps.p.output != null && steps.p.output.status == 200 && inputs.env != null", wait: 5}
  - {when: steps.yes.output.approved, id: who, ask: Who?, inputs: {name: {required: true}, n: {kind: integer}}}
  - {when: has(steps.b.output.json) && steps.b.output.json.id > 5, action: chat.send, with: {text: "${vars.why} $${x}"}}
  - {action: chat.send, with: {text: "${steps.who.output.name}", count: "${steps.b.output.json.n}", tags: ["a"]}}
  - {call: other, with: {service: "${inputs.hosts}", n: 5}}
on_error:
  - {action: chat.send, with: {text: "${error.step} ${error.message} ${steps.a.state} ${vars.seen}"}}
output: {status: "${steps.b.output.status}"}
tests:
  - {name: t, inputs: {env: prod}, answers: {yes: deny, who: {name: x}}, actions: {a: {output: 1}, chat.send: {output: 1}},
     expect: {steps: [a, loop, yes]}}
"""


def test_a_sound_workflow_has_no_problem() -> None:
    """A check that cries wolf is switched off."""
    assert [] == [one.error.message for one in problems(GOOD)]


TRIGGERS = {
    "command: ping": "there is already a command /ping",
    "{button: again, with: {env: prod}}": "the button 'again' starts the workflow 'other' already",
    "{schedule: sometimes, conversation: c, with: {env: prod}}": "it is no time",
    "{workflow: nope, with: {env: prod}}": "there is no workflow 'nope'",
    "{workflow: mine, with: {env: prod}}": "this workflow starts itself without end",
    "{button: x, with: {evn: prod, env: prod}}": "there is no input 'evn'",
    "{button: x}": "the input 'env' is missing",
    "{button: x, when: inputs.env == 'x', with: {env: prod}}": "`inputs.env == 'x'`: there is no inputs",
    "{button: x, with: {env: production}}": "env cannot be 'production'",
    "{startup: true, with: {env: prod}}": "nobody is there when this starts, so what the run says goes nowhere",
}


@pytest.mark.parametrize(("trigger", "said"), TRIGGERS.items())
def test_a_wrong_trigger_is_named(trigger: str, said: str) -> None:
    """It would fail at night."""
    found = problems(f"{HEAD}  - stop: succeeded\ntriggers:\n  - {trigger}\n")

    assert [said] == [one.error.message for one in found]
    assert [FIRST + 2] == [one.error.line for one in found]


CASES = {
    "{name: t}": "the input 'env' is missing",
    "{name: t, inputs: {env: prod, x: 1}}": "there is no input 'x'",
    "{name: t, inputs: {env: prod}, actions: {nope: {output: 1}}}": "there is no step or action 'nope'",
    "{name: t, inputs: {env: prod}, answers: {b: approve}}": "there is no step that asks 'b'",
    "{name: t, inputs: {env: prod}, answers: {a: maybe}}": "the answer to a is none",
    "{name: t, inputs: {env: prod}, answers: {a: [approve, maybe]}}": "the answer to a is none",
    "{name: t, inputs: {env: prod}, expect: {steps: [z]}}": "there is no step 'z'",
}


@pytest.mark.parametrize(("case", "said"), CASES.items())
def test_a_case_names_what_is_there(case: str, said: str) -> None:
    """A stub for a step that was renamed tests nothing."""
    found = problems(
        f"{HEAD}  - {{id: a, approve: ok?}}\n  - {{id: b, action: http.request}}\ntests:\n  - {case}\n"
    )

    assert [said] == [one.error.message for one in found]


def test_what_is_switched_off_is_a_warning() -> None:
    """Somebody may have switched it off for a day."""
    found = problems(f"{HEAD}  - {{when: false, wait: 5}}\n")

    assert [("warning", "this step never runs")] == [(one.level, one.error.message) for one in found]


def test_a_file_that_cannot_be_read_is_a_problem_too(tmp_path: Path) -> None:
    """Whoever checks many files sees all of them."""
    file = tmp_path / "bad.yaml"
    file.write_text("titel: x\nsteps: [{wait: soon}]\n")

    assert [(1, "error"), (2, "error")] == [(one.error.line, one.level) for one in validate(file, around())]
    assert [str(tmp_path / "none.yaml")] == [
        one.error.file for one in validate(tmp_path / "none.yaml", around())
    ]
