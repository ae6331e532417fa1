"""Speak OpenAI's chat completions, which nearly every server understands.

Imports the SDK: import this module when a provider is first used, not before.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

import openai

from quarterdeck.core.budget import MICRO
from quarterdeck.core.model import Delta, Finish, ModelMessage, ModelRequest, Thoughts, ToolCall, Usage
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.calls import Calls
from quarterdeck.models.dialects.events import together
from quarterdeck.models.dialects.openai_client import OpenAIClient
from quarterdeck.models.dialects.request import (
    Turn,
    closed,
    count,
    data_uri,
    forced_of,
    is_any,
    loaded,
    mapping,
    merged,
    parts,
    system_of,
    text,
    tools_of,
    turns_of,
    with_schema_told,
    without,
)
from quarterdeck.models.dialects.think import ThinkTags
from quarterdeck.models.dialects.transport import FOREIGN
from quarterdeck.models.providers.capabilities import Capabilities

WIRE: Final = "openai_chat"
FINISHES: Mapping[str, Finish] = {
    "length": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Z.ai
    "refusal": "refusal",
}
"""What finish reasons mean; any other that a server writes is an ordinary end, but those of `BROKEN` are none."""
BROKEN: Final = frozenset(
    {"error", "network_error", "insufficient_system_resource"}
)  # OpenRouter, Z.ai, DeepSeek
BESIDE: Final = frozenset({"error", "x_groq"})  # fields of a chunk that say something whatever its words are


class OpenAIChat(OpenAIClient):
    """Be a `Dialect` over one connection."""

    async def complete(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Stream the answer.

        Raises:
            ServiceError: see `_ours`; `Unavailable` when the stream ends without a finish reason.
        """
        ways = self._ways.of(request.model)
        request = await loaded(request, ways, self._service)
        body = body_of(request, ways, self._service)
        answer = _Answer(self._service, ways)
        try:
            async with aclosing(self._events("/chat/completions", body)) as heard:
                async for batch in heard:
                    for delta in together(answer, batch):
                        yield delta
        except (openai.OpenAIError, *FOREIGN) as error:
            if (
                answer.finish is None
            ):  # after it the answer is whole, whatever happens to the rest of the stream
                raise self._ours(error) from error
        yield answer.last()


class _Answer:
    """Put one answer together from its chunks."""

    def __init__(self, service: str, ways: Capabilities) -> None:
        self._service, self._calls = service, Calls(service)
        self._tags = ThinkTags() if ways.reasoning_out == "think-tags" else None
        self._usage: Usage | None = None
        self._details: list[Mapping[str, object]] = []
        self._has_begun = False
        self.finish: Finish | None = None
        self.is_over = False  # the count of tokens comes after the end

    def words(self, event: Mapping[str, object]) -> str | None:
        """Return the words of a chunk that holds nothing else, as nearly all do; None: `hear` reads it.

        A tag that may begin in them, or is open, is `hear`'s; so is whatever stands beside the words.
        """
        try:
            choice = event["choices"][0]  # type: ignore[index]  # what it is, the next lines find out
            said = choice["delta"]
            words = said["content"]
            is_bare = len(said) == (2 if "role" in said else 1) and not choice.get("finish_reason")
        except (AttributeError, TypeError, KeyError, IndexError):
            return None
        if type(words) is not str or not is_bare or not BESIDE.isdisjoint(event):
            return None
        if self._tags is not None and (self._tags.is_busy or "<" in words):
            return None
        if event.get("usage"):
            return None
        self._has_begun = True
        return words

    def hear(self, event: Mapping[str, object]) -> Delta | None:
        """Take a chunk and return what it says; servers leave out whatever they like.

        Raises:
            ServiceError: it reports a failure, or is no chunk.
        """
        if event.get("error"):
            raise errors.from_body(self._service, event)
        self._count(event)
        choices = event.get("choices")
        if not choices:
            if not self._has_begun and "choices" not in event and not event.get("usage"):
                raise errors.not_understood(self._service, "something that is no piece of an answer")
            return None
        self._has_begun = True
        try:
            choice = choices[0]  # type: ignore[index]  # what it is, the next line finds out
            said = choice.get("delta") or choice.get("message")
            reason = choice.get("finish_reason")
            delta = self._said(said) if said is not None else None
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            raise errors.not_understood(self._service, "something that is no piece of an answer") from error
        if isinstance(reason, str) and reason:
            if reason in BROKEN:
                raise errors.from_status(self._service, 502, "it broke off the answer")
            self.finish = FINISHES.get(reason, "stop")
        return delta

    def _said(self, said: Mapping[str, object]) -> Delta | None:
        content = said.get("content")
        words, thoughts = (content, "") if isinstance(content, str) else _split(content)
        if len(said) > 1 or not words:  # rarely
            thoughts += text(said.get("reasoning_content")) or text(said.get("reasoning"))
            words += text(said.get("refusal"))
            self._details += parts(said.get("reasoning_details"))
            if asked := said.get("tool_calls"):
                self._ask(asked)
        if self._tags:
            words, more = self._tags.feed(words)
            thoughts += more
        return Delta(text=words, reasoning=thoughts) if words or thoughts else None

    def _ask(self, asked: object) -> None:
        """Collect calls; servers that write whole calls may leave out the index."""
        for n, one in enumerate(parts(asked)):
            function = mapping(one.get("function"))
            arguments = function.get("arguments")
            if isinstance(arguments, dict):  # Ollama and Mistral have written objects here
                arguments = json.dumps(arguments)
            place = one.get("index")
            if place is None:
                place = one.get("id") or n
            extra = one.get("extra_content")  # Gemini's thought signature
            mark = json.dumps(extra) if extra else None
            self._calls.add(place, id_=one.get("id"), name=function.get("name"), piece=arguments, mark=mark)

    def _count(self, event: Mapping[str, object]) -> None:
        usage = event.get("usage") or mapping(event.get("x_groq")).get("usage")
        if isinstance(usage, Mapping):
            self._usage = _usage_of(usage)

    def last(self) -> Delta:
        """Return the end of the answer.

        Raises:
            Unavailable: it has none.
        """
        if self.finish is None:
            raise errors.cut_off(self._service)
        words, thoughts = self._tags.flush() if self._tags else ("", "")
        calls: tuple[ToolCall, ...] = ()
        if self._calls and self.finish in ("stop", "tool_calls"):  # some servers say "stop" after a call
            calls, self.finish = self._calls.whole(), "tool_calls"
        kept = Thoughts(wire=WIRE, parts=tuple(self._details)) if self._details else None
        return Delta(
            text=words,
            reasoning=thoughts,
            finish=self.finish,
            usage=self._usage,
            tool_calls=calls,
            thoughts=kept,
        )


def body_of(request: ModelRequest, ways: Capabilities, service: str) -> dict[str, object]:
    """Return the request as the capability record allows it.

    Raises:
        Rejected: it needs something that the model cannot do.
    """
    body: dict[str, object] = {
        "model": request.model,
        "stream": True,
        ways.max_tokens_field: request.max_output_tokens,
    }
    if request.json_schema is not None:
        body |= _json_mode(request.json_schema, ways)
        request = request if ways.json_output == "schema" else with_schema_told(request)
    if ways.stream_usage == "include_usage" and body["stream"]:
        body["stream_options"] = {"include_usage": True}
    effort = ways.effort_of(request.effort)
    if request.temperature is not None and (
        ways.sampling == "ok" or (ways.sampling == "not-when-reasoning" and effort == "none")
    ):
        body["temperature"] = request.temperature
    if tools := tools_of(request, ways, service):
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": closed(tool.schema) if ways.closed_schemas else tool.schema,
                },
            }
            for tool in tools
        ]
        if forced := forced_of(request, ways):
            named = {"type": "function", "function": {"name": forced}}
            body["tool_choice"] = forced if is_any(forced) else named
    body["messages"] = _messages(request, ways)
    merged(body, ways.extra_body, ways.reasoning_in[effort] if effort else {})
    return without(body, ways.drop)


def _json_mode(schema: Mapping[str, object], ways: Capabilities) -> dict[str, object]:
    made: dict[str, object] = {}
    if ways.json_output == "schema":
        wanted = closed(schema) if ways.closed_schemas else schema
        made["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}
    elif ways.json_output == "object":
        made["response_format"] = {"type": "json_object"}
    if made and not ways.json_streams:
        made["stream"] = False
    return made


def _messages(request: ModelRequest, ways: Capabilities) -> list[Turn]:
    system = system_of(request)
    first: list[Turn] = [{"role": "system", "content": system}] if system else []
    return first + [_turn(message, ways) for message in turns_of(request)]


def _turn(message: ModelMessage, ways: Capabilities) -> Turn:
    if message.speaker == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    turn: Turn = {"role": message.speaker, "content": _content(message)}
    if message.tool_calls:
        turn["content"] = message.text or None
        turn["tool_calls"] = [_call(call) for call in message.tool_calls]
    replays = ways.replay_reasoning
    if message.speaker == "assistant" and (
        replays == "always" or (replays == "with-tools" and message.tool_calls)
    ):
        if ways.replay_field == "reasoning_content":
            turn["reasoning_content"] = message.reasoning
        elif message.thoughts is not None and message.thoughts.wire == WIRE:
            turn["reasoning_details"] = list(message.thoughts.parts)
    return turn


def _content(message: ModelMessage) -> object:
    if not message.enclosed:
        return message.text
    content: list[object] = [{"type": "text", "text": message.text}] if message.text else []
    for one in message.enclosed:
        if one.is_image:
            content.append({"type": "image_url", "image_url": {"url": data_uri(one)}})
        else:
            file = {"filename": one.name or "file", "file_data": data_uri(one)}
            content.append({"type": "file", "file": file})
    return content


def _call(call: ToolCall) -> dict[str, object]:
    made: dict[str, object] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.mark.startswith("{"):
        made["extra_content"] = json.loads(call.mark)
    return made


def _split(content: object) -> tuple[str, str]:
    """Return answer and thoughts of a content that is a list of parts."""
    words, thoughts = "", ""
    for part in parts(content):
        if part.get("type") == "thinking":
            said = part.get("thinking")
            thoughts += said if isinstance(said, str) else _split(said)[0]
        else:
            words += text(part.get("text"))
    return words, thoughts


def _usage_of(usage: Mapping[str, object]) -> Usage:
    """Return the count of tokens; what was read from a cache stands where each vendor likes."""
    cached = count(mapping(usage.get("prompt_tokens_details")).get("cached_tokens"))
    cost = usage.get("cost")  # OpenRouter, in US dollars
    return Usage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        cached_tokens=count(usage.get("prompt_cache_hit_tokens")) if cached is None else cached,
        reasoning_tokens=count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        microusd=round(cost * MICRO) if isinstance(cost, (int, float)) and cost >= 0 else None,
    )
