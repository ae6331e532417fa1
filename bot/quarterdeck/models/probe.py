"""Try a connected model for real and measure what comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from quarterdeck.core.errors import QuarterdeckError, ServiceError, Unavailable
from quarterdeck.core.model import Connected, Delta, Dialect, ModelMessage, ModelRequest, Tool, Usage
from quarterdeck.core.ports import Clock, Json, Progress
from quarterdeck.models.calling.checked import call_fault, without_fence

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

STEP_TIMEOUT_S: Final = 120.0
CHAT: Final = "Say hello in one short sentence."
JSON_QUESTION: Final = "Which colour has the clear sky at noon?"
SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}


TOOL_QUESTION: Final = "Which colour has the clear sky at noon? Report it with the tool, do not write it."
TOOL: Final = Tool(name="report_colour", description="Report a colour", schema=SCHEMA)
TOKENS: Final = 512  # models that think write that many before the first word


async def probe(connected: Connected, dialect: Dialect, clock: Clock, progress: Progress) -> dict[str, Json]:
    """Ask for the models, an answer, its usage, a tool call and a JSON answer, and return what was measured.

    Raises:
        ServiceError: there is no streamed answer; the others may fail, and the result says why.
    """
    await progress(f"Asking {connected} for its list of models")
    listed: Json
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            models = await dialect.models()
        listed = {"ok": True, "count": len(models), "has_this_one": connected.model in models}
    except (ServiceError, TimeoutError) as error:
        listed = {"ok": False, "reason": _reason(error)}
    await progress("Asking for a streamed answer")
    chat = await _measure(connected, dialect, clock, ModelRequest(model="", messages=_asked(CHAT)))
    await progress("Asking for a tool")
    tools = await _tool_call(connected, dialect, clock)
    await progress("Asking for an answer in JSON")
    return {
        "model": str(connected),
        "label": connected.label,
        "models": listed,
        "chat": chat,
        "usage": {"ok": chat["output_tokens"] is not None},
        "tools": tools,
        "json": await _json_answer(connected, dialect, clock),
    }


async def _tool_call(connected: Connected, dialect: Dialect, clock: Clock) -> Json:
    request = ModelRequest(model="", messages=_asked(TOOL_QUESTION), tools=(TOOL,), tool_choice=TOOL.name)
    try:
        measured = await _measure(connected, dialect, clock, request)
    except (ServiceError, ValueError) as error:
        return {"ok": False, "reason": _reason(error)}
    is_asked = bool(measured["calls"])
    reason = "" if is_asked else "it did not use the tool"
    return {"ok": is_asked, "took_ms": measured["took_ms"], "reason": reason}


async def _json_answer(connected: Connected, dialect: Dialect, clock: Clock) -> Json:
    request = ModelRequest(model="", messages=_asked(JSON_QUESTION), json_schema=SCHEMA)
    try:
        measured = await _measure(connected, dialect, clock, request)
        answer = json.loads(without_fence(cast("str", measured["text"])))
        is_valid = isinstance(answer, dict) and isinstance(answer.get("colour"), str)
    except (ServiceError, ValueError) as error:
        return {"ok": False, "reason": _reason(error)}
    return {"ok": is_valid, "took_ms": measured["took_ms"], "reason": "" if is_valid else "not as asked for"}


async def _measure(
    connected: Connected, dialect: Dialect, clock: Clock, request: ModelRequest
) -> dict[str, Json]:
    request = replace(request, model=connected.model, max_output_tokens=TOKENS)
    began_ms = clock.now_ms()
    first_ms: int | None = None
    text, thoughts, pieces, usage, calls = "", 0, 0, Usage(), 0
    deltas = cast("AsyncGenerator[Delta, None]", dialect.complete(request))
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S), aclosing(deltas):
            async for delta in deltas:
                first_ms = clock.now_ms() - began_ms if first_ms is None else first_ms
                text += delta.text
                thoughts += len(delta.reasoning)
                pieces += bool(delta.text or delta.reasoning)
                usage = delta.usage or usage
                calls += sum(not call_fault(request, call) for call in delta.tool_calls)
    except TimeoutError as error:
        message = f"{connected} did not finish in {STEP_TIMEOUT_S:g} s"
        raise Unavailable(message, service=connected.provider) from error
    took_ms = clock.now_ms() - began_ms
    written = usage.output_tokens or pieces
    rate = round(written * 1000 / max(1, took_ms - (first_ms or 0)), 1)
    return {
        "ok": True,
        "text": text,
        "first_ms": first_ms,
        "took_ms": took_ms,
        "tokens_per_s": rate,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "reasons": thoughts > 0,
        "calls": calls,
    }


def _asked(text: str) -> tuple[ModelMessage, ...]:
    return (ModelMessage(speaker="user", text=text),)


def _reason(error: Exception) -> str:
    if isinstance(error, QuarterdeckError):
        return error.message
    return "no answer in time" if isinstance(error, TimeoutError) else "not JSON"
