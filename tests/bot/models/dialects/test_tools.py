"""Prove on every wire format that tools, files and thoughts go out and come back whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bot.models.wires import ARGUMENTS, TOOL, WIRES, Wire

from quarterdeck.core.errors import Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Delta, Enclosed, ModelMessage, ModelRequest, Thoughts, ToolCall
from quarterdeck.models.dialects.anthropic import Anthropic
from quarterdeck.models.dialects.gemini import Gemini
from quarterdeck.models.dialects.openai_chat import OpenAIChat
from quarterdeck.models.dialects.openai_responses import OpenAIResponses

PICTURE = Enclosed(media_type="image/png", content=b"\x89PNG", name="map.png")


@pytest.fixture(params=list(WIRES))
def wire(request: pytest.FixtureRequest) -> Wire:
    """Return each wire format in turn."""
    return WIRES[request.param]


@pytest.fixture
async def open_(kit: Any, vendor: Any, wire: Wire) -> AsyncIterator[Callable[..., Any]]:
    """Return a maker of dialects that are closed afterwards."""
    made: list[Any] = []

    def make(**ways: Any) -> Any:
        made.append(wire.dialect(kit.connection_to(vendor, **ways)))
        return made[-1]

    yield make
    for dialect in made:
        await dialect.close()


def asking(*messages: ModelMessage, **more: Any) -> ModelRequest:
    """Make a request with a tool."""
    first = ModelMessage(speaker="user", text="How is the weather?")
    return ModelRequest(model="m-1", messages=(first, *messages), tools=(TOOL,), **more)


async def test_calls_come_whole_and_last(kit: Any, vendor: Any, wire: Wire, open_: Any) -> None:
    """Whoever runs tools must never see half a call."""
    vendor.answers = [kit.stream_answer(wire.stream(kit))]

    deltas = await kit.heard(open_().complete(asking()))

    assert ["weather", "weather"] == [call.name for call in deltas[-1].tool_calls]
    assert [{"city": "Köln"}, {}] == [call.values() for call in deltas[-1].tool_calls]
    assert ["c1", "c2"] == [call.id for call in deltas[-1].tool_calls]
    assert "tool_calls" == deltas[-1].finish
    assert [()] * (len(deltas) - 1) == [delta.tool_calls for delta in deltas[:-1]]
    assert "Let me look." == "".join(delta.text for delta in deltas)


@pytest.mark.slow
async def test_of_an_answer_cut_at_any_byte_no_tool_comes_out(
    kit: Any, vendor: Any, wire: Wire, open_: Any
) -> None:
    """A tool from half a stream could delete the wrong thing (F14)."""
    body = wire.stream(kit)
    whole_from = body.index(wire.whole_from)
    dialect = open_()
    wrong: list[tuple[int, str]] = []

    for cut in range(len(body)):
        vendor.answers = [kit.stream_answer(body, cut=cut)]
        deltas: list[Delta] = []
        try:
            async for delta in dialect.complete(asking()):
                deltas.append(delta)
        except Unavailable as error:
            if any(delta.tool_calls for delta in deltas):
                wrong.append((cut, error.message))
            continue
        if cut <= whole_from or 2 != len(deltas[-1].tool_calls):
            wrong.append((cut, "passed for whole"))

    assert [] == wrong


async def test_results_and_pictures_travel(
    kit: Any, vendor: Any, wire: Wire, open_: Any, tmp_path: Path
) -> None:
    """What the next turn needs: the call, its result, and a picture from a file."""
    vendor.answers = [kit.stream_answer(wire.stream(kit))]
    file = tmp_path / "map.png"
    file.write_bytes(b"\x89PNG")
    enclosed = Enclosed(media_type="image/png", content=file, name="map.png")
    call = ToolCall(id="c1", name="weather", arguments=ARGUMENTS)
    turns = (
        ModelMessage(speaker="assistant", text="", tool_calls=(call,)),
        ModelMessage(speaker="tool", text="sunny-4711", call_id="c1"),
        ModelMessage(speaker="user", text="And here?", enclosed=(enclosed,)),
    )

    await kit.heard(open_(vision="data-uri").complete(asking(*turns)))

    sent = json.dumps(vendor.seen[0].body, ensure_ascii=False)
    assert [True] * 4 == [part in sent for part in ("Köln", "sunny-4711", "iVBORw==", "And here?")]


async def test_a_picture_is_refused_where_none_is_taken(
    kit: Any, vendor: Any, wire: Wire, open_: Any
) -> None:
    """DeepSeek answers pictures with 400; we say so before anything is sent, and the next model may try."""
    picture = ModelMessage(speaker="user", text="What is it?", enclosed=(PICTURE,))

    with pytest.raises(Rejected, match="takes no pictures"):
        await kit.heard(open_(vision="none").complete(asking(picture)))
    assert [] == vendor.seen


async def test_more_calls_than_anybody_needs_are_stopped(kit: Any, vendor: Any) -> None:
    """Ten thousand calls in one answer are a fault of the model (F15)."""
    calls = [{"index": n, "id": f"c{n}", "function": {"name": "weather"}} for n in range(10_000)]
    vendor.answers = [
        kit.stream_answer(kit.sse(kit.chunk({"tool_calls": calls}), kit.chunk({}, "tool_calls")))
    ]
    dialect = OpenAIChat(kit.connection_to(vendor))

    with pytest.raises(ServiceError, match="more than 64 tools"):
        await kit.heard(dialect.complete(asking()))
    await dialect.close()


async def test_thoughts_go_back_as_they_came(kit: Any, vendor: Any, wire: Wire, open_: Any) -> None:
    """Vendors refuse the next turn, or think anew, without their signed thoughts."""
    vendor.answers = [kit.stream_answer(wire.stream(kit))]
    dialect = open_(replay_reasoning="always", thinks=True)
    last = (await kit.heard(dialect.complete(asking())))[-1]
    turns = (
        ModelMessage(speaker="assistant", text="", tool_calls=last.tool_calls, thoughts=last.thoughts),
        *(ModelMessage(speaker="tool", text="sunny", call_id=call.id) for call in last.tool_calls),
    )

    await kit.heard(dialect.complete(asking(*turns)))

    signs = {Anthropic: "c2ln", OpenAIResponses: '"encrypted_content": "x"', Gemini: "c2ln", OpenAIChat: ""}
    assert signs[wire.dialect] in json.dumps(vendor.seen[1].body)  # type: ignore[index]


async def test_thoughts_of_another_format_are_left_out(kit: Any, vendor: Any, wire: Wire, open_: Any) -> None:
    """After a change of model the old one's thoughts would be refused."""
    vendor.answers = [kit.stream_answer(wire.stream(kit))]
    call = ToolCall(id="c1", name="weather")
    foreign = Thoughts(wire="elsewhere", parts=({"type": "thinking", "thinking": "x", "signature": "alien"},))
    turns = (
        ModelMessage(speaker="assistant", text="", tool_calls=(call,), thoughts=foreign),
        ModelMessage(speaker="tool", text="sunny", call_id="c1"),
    )

    await kit.heard(open_(replay_reasoning="always").complete(asking(*turns)))

    assert "alien" not in json.dumps(vendor.seen[0].body)
