"""Hold every action's declaration to what people and the engine rely on, and the page about them to the code."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.workflows.actions.conftest import Bench

from quarterdeck.core.action import ActionSpec
from quarterdeck.core.errors import NotFound, Rejected, SetupError, Unavailable, Unknown, UsageError
from quarterdeck_workflows.actions.kit.declared import STRING, Declared, shape
from quarterdeck_workflows.actions.kit.perform import RESULT_BYTES, perform
from quarterdeck_workflows.actions.kit.registry import Actions, discover

DOCS = Path(__file__).resolve().parents[3] / "docs" / "actions.md"
CORE = {
    *(
        "chat.send",
        "chat.edit",
        "chat.react",
        "chat.upload",
        "model.complete",
        "model.extract",
        "model.classify",
    ),
    *(
        "knowledge.search",
        "knowledge.answer",
        "knowledge.add",
        "image.generate",
        "http.request",
        "webhook.send",
    ),
    *(
        "schedule.add",
        "schedule.list",
        "schedule.pause",
        "schedule.remove",
        "schedule.run",
        "file.read",
        "file.write",
    ),
    *("data.transform", "table.render", "discord.webhook", "slack.webhook", "workflow.start"),
    *("media.frames", "media.extract"),
}


def spec(**more: Any) -> ActionSpec:
    """Return a sound declaration."""
    given = {
        "id": "test.do",
        "summary": "Do it",
        "input": shape({}),
        "output": shape({"said": STRING}),
        **more,
    }
    return ActionSpec(**given)


def saying(result: Any, **more: Any) -> Declared:
    """Return an action that returns this."""

    async def work(call: Any) -> Any:
        return result

    return Declared(spec(**more), work)


def test_every_action_of_the_core_is_found_by_its_place() -> None:
    """Nothing registers itself by being imported."""
    assert set() == CORE - {action.spec.id for action in discover().all()}


@pytest.mark.parametrize("action", discover().all(), ids=lambda one: one.spec.id)
def test_an_action_takes_nothing_that_it_does_not_name(action: Any) -> None:
    """A misspelt key must not be lost in silence."""
    schema = action.spec.input

    assert (False, True) == (schema["additionalProperties"], bool(schema["properties"]))
    assert [] == [name for name, one in schema["properties"].items() if not one.get("description")]


@pytest.mark.parametrize("action", discover().all(), ids=lambda one: one.spec.id)
def test_what_changes_something_says_what_a_second_run_does(action: Any) -> None:
    """After a crash the engine decides by it."""
    declared = action.spec

    assert declared.effect in ("none", "read") or declared.idempotency != "pure"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"id": "Send"}, "noun.verb"),
        ({"summary": ""}, "summary"),
        ({"effect": "huge"}, "effect"),
        ({"idempotency": "twice"}, "idempotency"),
        ({"timeout_s": 0}, "timeout"),
        ({"input": {"type": "nonsense"}}, "no JSON Schema"),
        ({"input": {"type": "object"}}, "no other keys"),
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_found(wrong: dict[str, Any], words: str) -> None:
    """And not when a run meets it at night."""
    with pytest.raises(SetupError) as caught:
        Actions([saying({}, **wrong)])

    assert words in caught.value.message


def test_two_actions_cannot_have_one_id() -> None:
    """Which of them ran would be a matter of luck."""
    with pytest.raises(SetupError, match="two actions"):
        Actions([saying({}), saying({})])


def test_an_unknown_action_names_the_nearest() -> None:
    """The hint is the fix."""
    with pytest.raises(NotFound) as caught:
        discover().find("chat.sent")

    assert "chat.send" in caught.value.hint


async def test_wrong_input_names_the_place(bench: Bench) -> None:
    """Before anything was done."""
    with pytest.raises(UsageError) as caught:
        await bench.do("chat.send", text=5)

    assert "chat.send cannot take this: text:" in caught.value.message


async def test_a_result_that_is_too_large_fails(bench: Bench) -> None:
    """It would stand in the run's journal for ever."""
    with pytest.raises(Rejected) as caught:
        await perform(saying({"said": "x" * RESULT_BYTES}), bench.call())

    assert "save_as" in caught.value.hint


async def test_a_result_is_held_to_the_declared_output(bench: Bench) -> None:
    """Later steps rely on it."""
    with pytest.raises(Rejected, match="something else than it declares"):
        await perform(saying({"said": 5}), bench.call())


@pytest.mark.parametrize(
    ("idempotency", "error"), [("pure", Unavailable), ("key", Unavailable), ("none", Unknown)]
)
async def test_an_action_that_takes_too_long_is_unknown_only_where_it_may_have_acted(
    bench: Bench, idempotency: Any, error: type[Exception]
) -> None:
    """What may be repeated is, what may not waits for a person."""

    async def hang(call: Any) -> Any:
        await asyncio.Event().wait()

    with pytest.raises(error):
        await perform(Declared(spec(idempotency=idempotency), hang), bench.call(), timeout_s=0.01)


def test_effect_and_idempotency_may_follow_from_the_input() -> None:
    """A GET may be repeated, a POST may not, and a DELETE is destructive."""
    declared = discover().find("http.request").spec
    meant = [declared.meant(given) for given in ({}, {"method": "POST"}, {"method": "DELETE"})]
    keyed = declared.meant({"method": "POST", "idempotent": True})

    assert [("read", "pure"), ("write", "none"), ("destructive", "key"), ("write", "key")] == [
        (one.effect, one.idempotency) for one in (*meant, keyed)
    ]
    assert replace(declared, effect="read", idempotency="pure", meaning=None) == meant[0]


def test_the_page_about_actions_says_what_they_declare() -> None:
    """People write workflows from it."""
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| (\w+) \| (\w+) \| (.+?) \|$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    declared = [
        (one.spec.id, one.spec.effect, one.spec.idempotency, one.spec.summary) for one in discover().all()
    ]

    assert declared == rows


def test_the_page_names_every_input() -> None:
    """And which of them are needed."""
    text = DOCS.read_text("utf-8")
    sections = dict(re.findall(r"^### ([a-z_.]+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    for action in discover().all():
        schema = cast("dict[str, Any]", action.spec.input)
        named = re.findall(r"^- `(\w+)`( \*)?:", sections[action.spec.id], re.MULTILINE)
        expected = [(name, " *" if name in schema["required"] else "") for name in schema["properties"]]

        assert expected == named, action.spec.id


def test_declarations_are_plain_json() -> None:
    """They go into schemas and pages."""
    assert all(json.dumps([dict(one.spec.input), dict(one.spec.output)]) for one in discover().all())
