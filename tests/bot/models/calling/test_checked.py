"""Prove that what a model answers is held to what was asked for, with two repairs and no more."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from quarterdeck.core.errors import Rejected
from quarterdeck.core.model import Delta, ModelMessage, ModelRequest, Tool, ToolCall, Usage
from quarterdeck.models.calling.checked import checked
from quarterdeck.runtime.documents.json_schema import fault_in

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOL = Tool(name="count", description="Count", schema=SCHEMA)
GOOD = ToolCall(id="c1", name="count", arguments='{"n": 1}')
ASKED = (ModelMessage(speaker="user", text="?"),)


class Scripted:
    """Answer with one script after the other; remember the requests."""

    def __init__(self, *answers: Delta) -> None:
        self._answers = list(answers)
        self.asked: list[ModelRequest] = []

    async def __call__(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        self.asked.append(request)
        last = self._answers[min(len(self.asked), len(self._answers)) - 1]
        for letter in last.text:
            yield Delta(text=letter)
        usage = Usage(input_tokens=2, output_tokens=1)
        yield Delta(finish=last.finish or "stop", tool_calls=last.tool_calls, usage=usage)


async def heard(model: Scripted, **wanted: Any) -> list[Delta]:
    """Return everything that streams."""
    request = ModelRequest(model="m", messages=ASKED, **wanted)
    async with aclosing(checked(model, request)) as deltas:
        return [delta async for delta in deltas]


async def test_json_comes_in_one_piece_and_without_its_fence() -> None:
    """Half a document is of no use to anybody."""
    model = Scripted(Delta(text='```json\n{"n": 5}\n```'))

    deltas = await heard(model, json_schema=SCHEMA)

    assert ['{"n": 5}'] == [delta.text for delta in deltas]


@pytest.mark.parametrize("wrong", ["no json", '{"n": "five"}', "[]", "[" * 100_000])
async def test_wrong_json_is_repaired(wrong: str) -> None:
    """The model sees its answer and what is wrong with it; the tokens of both calls count."""
    model = Scripted(Delta(text=wrong), Delta(text='{"n": 5}'))

    deltas = await heard(model, json_schema=SCHEMA)

    assert ('{"n": 5}', Usage(input_tokens=4, output_tokens=2)) == (deltas[-1].text, deltas[-1].usage)
    assert ["user", "assistant", "user"] == [message.speaker for message in model.asked[1].messages]


async def test_after_two_repairs_the_call_fails_and_says_why() -> None:
    """Money has a limit, and so has patience."""
    model = Scripted(Delta(text="never"))

    with pytest.raises(Rejected, match="it is no JSON"):
        await heard(model, json_schema=SCHEMA)
    assert 3 == len(model.asked)


async def test_json_that_ran_out_of_room_is_not_asked_for_again() -> None:
    """It would run out again."""
    model = Scripted(Delta(text='{"n": ', finish="length"))

    with pytest.raises(Rejected, match="longer than allowed"):
        await heard(model, json_schema=SCHEMA)
    assert 1 == len(model.asked)


@pytest.mark.parametrize("finish", ["refusal", "content_filter"])
async def test_a_refusal_is_passed_on(finish: Any) -> None:
    """It is an answer."""
    model = Scripted(Delta(text="I will not.", finish=finish))

    deltas = await heard(model, json_schema=SCHEMA)

    assert ("I will not.", finish) == (deltas[-1].text, deltas[-1].finish)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (ToolCall(id="c1", name="drop", arguments="{}"), "there is no tool 'drop'"),
        (ToolCall(id="c1", name="count", arguments="{"), "no JSON object"),
        (ToolCall(id="c1", name="count", arguments='{"n": "x"}'), "not of type 'integer'"),
    ],
)
async def test_a_wrong_call_never_comes_out(call: ToolCall, reason: str) -> None:
    """Nothing runs that was not asked for in full (F14); of several calls none, when one is wrong."""
    bad = Delta(tool_calls=(GOOD, call), finish="tool_calls")
    model = Scripted(bad, Delta(tool_calls=(GOOD,), finish="tool_calls"))

    deltas = await heard(model, tools=(TOOL,))

    assert (GOOD,) == deltas[-1].tool_calls
    assert [()] * (len(deltas) - 1) == [delta.tool_calls for delta in deltas[:-1]]
    assert reason in " ".join(message.text for message in model.asked[1].messages)


async def test_wrong_calls_end_in_an_honest_error() -> None:
    """Three times wrong."""
    model = Scripted(Delta(tool_calls=(ToolCall(id="c", name="drop"),), finish="tool_calls"))

    with pytest.raises(Rejected, match="there is no tool 'drop'"):
        await heard(model, tools=(TOOL,))
    assert 3 == len(model.asked)


def test_a_schema_is_never_fetched() -> None:
    """A schema from elsewhere must not make us ask the web."""
    assert "its schema cannot be used" == fault_in({}, {"$ref": "http://127.0.0.1:9/schema.json"})
