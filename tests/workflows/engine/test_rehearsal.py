"""Prove `workflow test`: the cases of a file, in a world of stubs."""

from __future__ import annotations

from typing import Any

from quarterdeck_workflows.engine.rehearsal import rehearse
from quarterdeck_workflows.language.parse import read_document

DOCUMENT: dict[str, Any] = {
    "name": "deploy",
    "title": "Deploy",
    "inputs": {"service": {"summary": "Which", "required": True}},
    "steps": [
        {"id": "build", "action": "http.request", "with": {"url": "x"}, "retry": {"attempts": 2}},
        {"wait": 3600},
        {"approve": "Deploy?", "id": "ok"},
        {"id": "say", "action": "chat.send", "with": {"text": "Deployed ${inputs.service}"}},
    ],
    "output": "${steps.build.output.version}",
}


async def verdicts(*cases: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the problems of each case."""
    workflow = read_document(
        {**DOCUMENT, "tests": [{"name": f"case {n}", **one} for n, one in enumerate(cases)]}
    )
    return [one.problems for one in await rehearse(workflow, {})]


STUBS = {
    "http.request": [{"error": {"kind": "unavailable", "message": "away"}}, {"output": {"version": "7"}}]
}


async def test_a_case_that_goes_as_expected_has_no_problems() -> None:
    """A stub for each time, an answer for the approver, an hour that takes no time."""
    case = {
        "inputs": {"service": "api"},
        "actions": STUBS,
        "answers": {"ok": "approve"},
        "expect": {
            "steps": ["build", "step_1", "ok", "say"],
            "messages": ["Deployed api"],
            "output": "7",
            "state": "succeeded",
        },
    }
    assert [()] == await verdicts(case)


async def test_what_differs_is_named_with_both_sides() -> None:
    """A denied approval, a wrong output, a missing stub, a missing input."""
    inputs = {"service": "api"}
    found = await verdicts(
        {"inputs": inputs, "actions": STUBS, "answers": {"ok": "deny"}, "expect": {"state": "succeeded"}},
        {"inputs": inputs, "actions": STUBS, "answers": {"ok": "approve"}, "expect": {"output": "8"}},
        {"inputs": inputs, "answers": {"ok": "approve"}, "expect": {"steps": ["build"]}},
        {"expect": {"state": "succeeded"}},
    )

    assert ("state: expected succeeded, and it cancelled: ok was denied",) == found[0]
    assert ('output: expected "8", and it is "7"',) == found[1]
    assert "the case has no stub for it" in found[2][0]
    assert ("the case gives no input 'service'",) == found[3]
