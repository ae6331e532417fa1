"""Hold answers to what was asked for: JSON follows its schema, tool calls fit their tools.

What does not fit is sent back with the reason, twice at most; then the call fails and says why. This is done once
here, not in every dialect, also where the vendor promises to do it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from quarterdeck.core.errors import Rejected
from quarterdeck.core.model import Delta, ModelMessage, ModelRequest, ToolCall, Usage
from quarterdeck.runtime.documents.json_schema import fault_in

REPAIRS: Final = 2

Stream = Callable[[ModelRequest], AsyncGenerator[Delta, None]]


async def checked(stream: Stream, request: ModelRequest) -> AsyncGenerator[Delta, None]:
    """Yield an answer that fits; JSON comes in one piece, when it is known to fit.

    Raises:
        Rejected: it did not fit, after all repairs.
    """
    used = Usage()
    for repairs_left in range(REPAIRS, -1, -1):
        pieces: list[str] = []
        last = Delta()
        async with aclosing(stream(request)) as deltas:
            async for delta in deltas:
                pieces.append(delta.text)
                if delta.finish is not None:
                    last = delta
                elif request.json_schema is None:
                    yield delta
                elif delta.reasoning:
                    yield Delta(reasoning=delta.reasoning)
        used = _sum(used, last.usage)
        text = "".join(pieces)
        if request.json_schema is not None and not last.tool_calls:
            text = without_fence(text)
            last = replace(last, text=text)
        fault = _fault(request, text, last)
        if not fault:
            yield replace(last, usage=used if last.usage is not None else None)
            return
        service = last.answered_by.provider if last.answered_by else "the model"
        if not repairs_left or last.finish == "length":
            message = f"the answer of {service} was not what was asked for: {fault}"
            hint = "ask for less at once, or choose a more capable model"
            raise Rejected(message, service=service, status=200, detail=fault, hint=hint)
        request = _repaired(request, text, last, fault)


def without_fence(text: str) -> str:
    """Return JSON without the code fence that some models put around it."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        return text.partition("\n")[2].removesuffix("```").strip()
    return text


def _fault(request: ModelRequest, text: str, last: Delta) -> str:
    """Return what is wrong with an answer, empty when it fits."""
    if last.tool_calls:
        return next(filter(None, (call_fault(request, call) for call in last.tool_calls)), "")
    if request.json_schema is None or last.finish in ("refusal", "content_filter"):
        return ""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "it is longer than allowed" if last.finish == "length" else "it is no JSON"
    return fault_in(value, request.json_schema)


def call_fault(request: ModelRequest, call: ToolCall) -> str:
    """Return what is wrong with a call, empty when it fits."""
    tools = (*request.tools, *request.unshown)
    tool = next((one for one in tools if one.name == call.name), None)
    if tool is None:
        return f"there is no tool {call.name!r}"
    try:
        values = call.values()
    except ValueError:
        return f"the arguments of {call.name} are no JSON object"
    fault = fault_in(dict(values), tool.schema)
    return f"the arguments of {call.name} are wrong: {fault}" if fault else ""


def _repaired(request: ModelRequest, text: str, last: Delta, fault: str) -> ModelRequest:
    """Return the request with the answer and what is wrong with it."""
    calls = tuple(call if _is_object(call) else replace(call, arguments="{}") for call in last.tool_calls)
    said = ModelMessage(
        speaker="assistant", text=text or ("" if calls else "…"), tool_calls=calls, thoughts=last.thoughts
    )
    words = f"That cannot be used: {fault}. Answer again, with nothing but what was asked for."
    results = tuple(
        ModelMessage(
            speaker="tool",
            text=f"not run: {call_fault(request, call) or 'another call was wrong'}",
            call_id=call.id,
            is_error=True,
        )
        for call in last.tool_calls
    )
    asked = results or (ModelMessage(speaker="user", text=words),)
    return replace(request, messages=(*request.messages, said, *asked))


def _is_object(call: ToolCall) -> bool:
    try:
        return isinstance(call.values(), Mapping)
    except ValueError:
        return False


def _sum(before: Usage, usage: Usage | None) -> Usage:
    if usage is None:
        return before

    def plus(name: str) -> int | None:
        both = [value for one in (before, usage) if (value := getattr(one, name)) is not None]
        return sum(both) if both else None

    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "microusd")
    return Usage(**{name: plus(name) for name in names})
