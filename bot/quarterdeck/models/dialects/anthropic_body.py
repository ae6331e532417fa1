"""Put a request into the shape of Anthropic's messages; no SDK is needed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from quarterdeck.core.model import ModelMessage, ModelRequest
from quarterdeck.models.dialects.request import (
    base64_of,
    closed,
    forced_of,
    is_any,
    merged,
    system_of,
    tools_of,
    turns_of,
    with_schema_told,
    without,
)
from quarterdeck.models.providers.capabilities import Capabilities

WIRE: Final = "anthropic"


def body_of(request: ModelRequest, ways: Capabilities, service: str) -> dict[str, object]:
    """Return the request as the capability record allows it.

    Raises:
        Rejected: it needs something that the model cannot do.
    """
    if request.json_schema is not None and ways.json_output != "schema":
        request = with_schema_told(request)
    body: dict[str, object] = {
        "model": request.model,
        "stream": True,
        "max_tokens": request.max_output_tokens,
        "messages": _messages(turns_of(request)),
    }
    if system := system_of(request):
        body["system"] = system
    if request.json_schema is not None and ways.json_output == "schema":
        schema = closed(request.json_schema) if ways.closed_schemas else request.json_schema
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if tools := tools_of(request, ways, service):
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in tools
        ]
        if forced := forced_of(request, ways):
            body["tool_choice"] = {"type": "any"} if is_any(forced) else {"type": "tool", "name": forced}
    if request.temperature is not None and ways.sampling == "ok":
        body["temperature"] = request.temperature
    effort = ways.effort_of(request.effort)
    merged(body, ways.extra_body, ways.reasoning_in[effort] if effort else {})
    return without(body, ways.drop)


def _messages(turns: Sequence[ModelMessage]) -> list[object]:
    """Return the turns; results of tools stand at the begin of the user's next turn, all in one."""
    messages: list[dict[str, object]] = []
    results: list[object] = []
    for turn in turns:
        if turn.speaker == "tool":
            results.append(_result(turn))
            continue
        content = _content(turn)
        if results:
            content = [*results, *(content if isinstance(content, list) else [_words(turn.text)])]
            if turn.speaker == "assistant":
                messages.append({"role": "user", "content": results})
                content = _content(turn)
            results = []
        messages.append({"role": turn.speaker, "content": content})
    if results:
        messages.append({"role": "user", "content": results})
    return list(messages)


def _result(turn: ModelMessage) -> Mapping[str, object]:
    made: dict[str, object] = {"type": "tool_result", "tool_use_id": turn.call_id, "content": turn.text}
    if turn.is_error:
        made["is_error"] = True
    return made


def _words(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def _content(turn: ModelMessage) -> object:
    thoughts = turn.thoughts if turn.thoughts is not None and turn.thoughts.wire == WIRE else None
    if not turn.enclosed and not turn.tool_calls:
        return turn.text
    content: list[object] = list(thoughts.parts) if thoughts is not None and turn.tool_calls else []
    for one in turn.enclosed:
        source = {"type": "base64", "media_type": one.media_type, "data": base64_of(one)}
        content.append({"type": "image" if one.is_image else "document", "source": source})
    if turn.text:
        content.append(_words(turn.text))
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.values()}
        for call in turn.tool_calls
    ]
    return content
