"""Write what vendors write when their models ask for tools, write too much or too many calls, on every wire format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quarterdeck.core.model import Tool
from quarterdeck.models.dialects.anthropic import Anthropic
from quarterdeck.models.dialects.gemini import Gemini
from quarterdeck.models.dialects.openai_chat import OpenAIChat
from quarterdeck.models.dialects.openai_responses import OpenAIResponses

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = Tool(name="weather", description="Tell the weather", schema=SCHEMA)
ARGUMENTS = '{"city": "Köln"}'


def chat_stream(kit: Any) -> bytes:
    """Ask for two tools as OpenAI's chat completions do: names first, arguments in pieces."""
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    second = {"index": 1, "id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    pieces = [{"index": 0, "function": {"arguments": part}} for part in (ARGUMENTS[:5], ARGUMENTS[5:])]
    chunks = [kit.chunk({"role": "assistant", "content": "Let me look."})]
    chunks += [kit.chunk({"tool_calls": [one]}) for one in (first, *pieces, second)]
    return bytes(kit.sse(*chunks, kit.chunk({}, "tool_calls"), "[DONE]"))


def responses_stream(kit: Any) -> bytes:
    """Ask for two tools as OpenAI's responses do."""
    items = [
        {"type": "function_call", "call_id": id_, "name": "weather", "arguments": arguments}
        for id_, arguments in (("c1", ARGUMENTS), ("c2", "{}"))
    ]
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "x",
        "status": "completed",
    }
    usage = {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}}
    events: list[object] = [
        {"type": "response.created", "response": {"status": "in_progress"}},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.output_item.done", "output_index": 0, "item": thought},
        {"type": "response.output_text.delta", "delta": "Let me look."},
        {"type": "response.function_call_arguments.delta", "delta": ARGUMENTS[:5]},
    ]
    events += [
        {"type": "response.output_item.done", "output_index": n + 1, "item": item}
        for n, item in enumerate(items)
    ]
    end = {"type": "response.completed", "response": {"status": "completed", "usage": usage}}
    return bytes(kit.sse(*events, end, event_names=True))


def anthropic_stream(kit: Any) -> bytes:
    """Ask for two tools as Anthropic does."""
    events = kit.anthropic_events("Let me look.", stop="tool_use", thoughts="Hm.")
    asked: list[dict[str, object]] = []
    for n, (id_, parts) in enumerate((("c1", (ARGUMENTS[:5], ARGUMENTS[5:])), ("c2", ("",))), 2):
        block = {"type": "tool_use", "id": id_, "name": "weather", "input": {}}
        asked.append({"type": "content_block_start", "index": n, "content_block": block})
        asked += [
            {
                "type": "content_block_delta",
                "index": n,
                "delta": {"type": "input_json_delta", "partial_json": part},
            }
            for part in parts
        ]
        asked.append({"type": "content_block_stop", "index": n})
    return bytes(kit.sse(*events[:-2], *asked, *events[-2:], event_names=True))


def gemini_stream(kit: Any) -> bytes:
    """Ask for two tools as Gemini does: each whole, the first one signed."""
    calls = [
        {
            "functionCall": {"id": "c1", "name": "weather", "args": {"city": "Köln"}},
            "thoughtSignature": "c2ln",
        },
        {"functionCall": {"id": "c2", "name": "weather", "args": {}}},
    ]
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 1}

    def event(parts: list[Any], **more: object) -> dict[str, object]:
        return {
            "candidates": [{"content": {"role": "model", "parts": parts}, **more}],
            "usageMetadata": counts,
        }

    return bytes(
        kit.sse(
            event([{"text": "Hm.", "thought": True}]),
            event([{"text": "Let me look."}]),
            event(calls),
            event([], finishReason="STOP"),
        )
    )


@dataclass(frozen=True)
class Wire:
    """Hold one wire format with a stream that asks for tools."""

    dialect: Callable[[Any], Any]
    stream: Callable[[Any], bytes]
    whole_from: bytes
    saying: Callable[[Any, list[str]], bytes]
    """Returns a whole answer of these pieces."""
    asking: Callable[[Any, int], bytes]
    """Returns a whole answer that asks for so many tools."""


def chat_asking(kit: Any, count: int) -> bytes:
    """Ask for many tools at once."""
    calls = [{"index": n, "id": f"c{n}", "function": {"name": "weather"}} for n in range(count)]
    return bytes(kit.sse(kit.chunk({"tool_calls": calls}), kit.chunk({}, "tool_calls"), "[DONE]"))


def responses_saying(kit: Any, pieces: list[str]) -> bytes:
    """Say something."""
    said = [{"type": "response.output_text.delta", "delta": piece} for piece in pieces]
    return bytes(kit.sse(*said, {"type": "response.completed", "response": {"status": "completed"}}))


def responses_asking(kit: Any, count: int) -> bytes:
    """Ask for many tools at once."""
    asked = [
        {
            "type": "response.output_item.done",
            "output_index": n,
            "item": {"type": "function_call", "call_id": f"c{n}", "name": "weather", "arguments": "{}"},
        }
        for n in range(count)
    ]
    return bytes(kit.sse(*asked, {"type": "response.completed", "response": {"status": "completed"}}))


def anthropic_asking(kit: Any, count: int) -> bytes:
    """Ask for many tools at once."""
    events = kit.anthropic_events("", stop="tool_use")
    asked = [
        {
            "type": "content_block_start",
            "index": n + 9,
            "content_block": {"type": "tool_use", "id": f"c{n}", "name": "weather", "input": {}},
        }
        for n in range(count)
    ]
    return bytes(kit.sse(*events[:-2], *asked, *events[-2:], event_names=True))


def gemini_saying(kit: Any, pieces: list[str]) -> bytes:
    """Say something."""
    said = [{"candidates": [{"content": {"parts": [{"text": piece}]}}]} for piece in pieces]
    return bytes(kit.sse(*said, {"candidates": [{"finishReason": "STOP"}]}))


def gemini_asking(kit: Any, count: int) -> bytes:
    """Ask for many tools at once."""
    calls = [{"functionCall": {"id": f"c{n}", "name": "weather", "args": {}}} for n in range(count)]
    said = {"candidates": [{"content": {"parts": calls}, "finishReason": "STOP"}]}
    return bytes(kit.sse(said))


WIRES = {
    "openai_chat": Wire(
        OpenAIChat,
        chat_stream,
        b'"finish_reason": "tool_calls"',
        lambda kit, pieces: kit.openai_stream(*pieces),
        chat_asking,
    ),
    "openai_responses": Wire(
        OpenAIResponses,
        responses_stream,
        b'"type": "response.completed"',
        responses_saying,
        responses_asking,
    ),
    "anthropic": Wire(
        Anthropic,
        anthropic_stream,
        b'"stop_reason": "tool_use"',
        lambda kit, pieces: kit.anthropic_stream(*pieces),
        anthropic_asking,
    ),
    "gemini": Wire(Gemini, gemini_stream, b'"finishReason": "STOP"', gemini_saying, gemini_asking),
}
