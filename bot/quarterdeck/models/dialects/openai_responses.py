"""Speak OpenAI's responses: thoughts with tools, which chat completions refuse on newer models.

Nothing is stored at the vendor; thoughts travel with us, encrypted. A server that knows only chat completions is
spoken to in those. Imports the SDK: import this module when a provider is first used, not before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final

import openai

from quarterdeck.core.errors import Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Delta, Finish, ModelMessage, ModelRequest, Thoughts, Usage
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.calls import Calls
from quarterdeck.models.dialects.events import together
from quarterdeck.models.dialects.openai_chat import OpenAIChat
from quarterdeck.models.dialects.openai_client import OpenAIClient
from quarterdeck.models.dialects.request import (
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
from quarterdeck.models.dialects.transport import FOREIGN
from quarterdeck.models.providers.capabilities import Capabilities
from quarterdeck.models.providers.connection import Connection

WIRE: Final = "openai_responses"
OFFICIAL_HOST: Final = "api.openai.com"
NO_SUCH_ADDRESS: Final = (404, 405, 501)


class OpenAIResponses(OpenAIClient):
    """Be a `Dialect` over one connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._may_be_older = OFFICIAL_HOST not in connection.base_url
        self._chat: OpenAIChat | None = None
        self._is_older = False

    async def complete(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Stream the answer.

        Raises:
            ServiceError: see `_ours`; `Unavailable` when the stream ends without its last event.
        """
        if not self._is_older:
            try:
                async with aclosing(self._responses(request)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except Rejected as error:
                if not self._may_be_older or error.status not in NO_SUCH_ADDRESS:
                    raise
        async with aclosing(self._older().complete(request)) as deltas:
            async for delta in deltas:
                self._is_older = True  # it answers: so it is to be from now on
                yield delta

    def _older(self) -> OpenAIChat:
        """Return chat completions over the same connection."""
        if self._chat is None:
            ways = self._connection.chat_capabilities or self._ways
            self._chat = OpenAIChat(replace(self._connection, capabilities=ways))
        return self._chat

    async def _responses(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        ways = self._ways.of(request.model)
        request = await loaded(request, ways, self._service)
        body = _body(request, ways, self._service)
        answer = _Answer(self._service)
        try:
            async with aclosing(self._events("/responses", body)) as heard:
                async for batch in heard:
                    for delta in together(answer, batch):
                        yield delta
                    self._may_be_older = False
                    if answer.is_over:
                        break
        except (openai.OpenAIError, *FOREIGN) as error:
            if not answer.is_over:
                raise self._ours(error) from error
        yield answer.last()

    async def close(self) -> None:
        """Close connections."""
        if self._chat is not None:
            await self._chat.close()
        await super().close()


class _Answer:
    """Put one answer together from its events."""

    def __init__(self, service: str) -> None:
        self._service, self._calls = service, Calls(service)
        self._thoughts: list[Mapping[str, object]] = []
        self._refused = False
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self.is_over = False

    def words(self, event: Mapping[str, object]) -> str | None:
        """Return the words of an event that holds nothing else; None: `hear` reads it."""
        words = event.get("delta") if event.get("type") == "response.output_text.delta" else None
        return words if type(words) is str else None

    def hear(self, event: Mapping[str, object]) -> Delta | None:
        """Take an event and return what it says.

        Raises:
            ServiceError: it reports a failure.
        """
        match event.get("type"):
            case "response.output_text.delta":
                return Delta(text=text(event.get("delta")))
            case "response.refusal.delta":
                self._refused = True
                return Delta(text=text(event.get("delta")))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return Delta(reasoning=text(event.get("delta")))
            case "response.output_item.done":
                self._item(mapping(event.get("item")), event.get("output_index"))
            case "response.completed" | "response.incomplete":
                self._end(mapping(event.get("response")))
            case "response.failed":
                raise self._failure(mapping(event.get("response")))
            case "error":
                raise errors.from_body(self._service, event.get("error") or event)
            case None:
                raise errors.not_understood(self._service, "something that is no piece of an answer")
        return None

    def _item(self, item: Mapping[str, object], place: object) -> None:
        """Take a finished part of the answer: calls come whole here, the pieces before are not read."""
        if item.get("type") == "function_call":
            place = item.get("call_id") or place
            arguments = item.get("arguments")
            self._calls.add(place, id_=item.get("call_id"), name=item.get("name"), piece=arguments)
        elif item.get("type") == "reasoning":
            self._thoughts.append(item)

    def _end(self, response: Mapping[str, object]) -> None:
        self.is_over = True
        usage = mapping(response.get("usage"))
        self._usage = Usage(
            input_tokens=count(usage.get("input_tokens")),
            output_tokens=count(usage.get("output_tokens")),
            cached_tokens=count(mapping(usage.get("input_tokens_details")).get("cached_tokens")),
            reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
        )
        if response.get("status") == "incomplete":
            reason = mapping(response.get("incomplete_details")).get("reason")
            self._finish = "content_filter" if reason == "content_filter" else "length"
        elif self._refused:
            self._finish = "refusal"
        else:
            self._finish = "tool_calls" if self._calls else "stop"

    def _failure(self, response: Mapping[str, object]) -> ServiceError:
        error = mapping(response.get("error"))
        if not error:
            return Unavailable(f"{self._service} failed to answer", service=self._service)
        return errors.from_body(self._service, {"error": error})

    def last(self) -> Delta:
        """Return the end of the answer.

        Raises:
            Unavailable: it has none.
        """
        if self._finish is None:
            raise errors.cut_off(self._service)
        calls = self._calls.whole() if self._finish == "tool_calls" else ()
        thoughts = Thoughts(wire=WIRE, parts=tuple(self._thoughts)) if self._thoughts else None
        return Delta(finish=self._finish, usage=self._usage, tool_calls=calls, thoughts=thoughts)


def _body(request: ModelRequest, ways: Capabilities, service: str) -> dict[str, object]:
    body: dict[str, object] = {
        "model": request.model,
        "stream": True,
        "store": False,
        "max_output_tokens": request.max_output_tokens,
    }
    if request.json_schema is not None and ways.json_output != "schema":
        request = with_schema_told(request)
    elif request.json_schema is not None:
        wanted = closed(request.json_schema) if ways.closed_schemas else request.json_schema
        body["text"] = {
            "format": {"type": "json_schema", "name": "answer", "schema": wanted, "strict": False}
        }
    if system := system_of(request):
        body["instructions"] = system
    effort = ways.effort_of(request.effort)
    if request.temperature is not None and not ways.is_thinking(request.effort) and ways.sampling != "never":
        body["temperature"] = request.temperature
    if tools := tools_of(request, ways, service):
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
                "strict": False,
            }
            for tool in tools
        ]
        if forced := forced_of(request, ways):
            body["tool_choice"] = forced if is_any(forced) else {"type": "function", "name": forced}
    if ways.is_thinking(request.effort) and ways.replay_reasoning != "never":
        body["include"] = ["reasoning.encrypted_content"]
    body["input"] = [item for message in turns_of(request) for item in _items(message, ways)]
    merged(body, ways.extra_body, ways.reasoning_in[effort] if effort else {})
    return without(body, ways.drop)


def _items(message: ModelMessage, ways: Capabilities) -> list[dict[str, object]]:
    if message.speaker == "tool":
        return [{"type": "function_call_output", "call_id": message.call_id, "output": message.text}]
    items: list[dict[str, object]] = []
    thoughts = message.thoughts
    if thoughts is not None and thoughts.wire == WIRE and ways.replay_reasoning != "never":
        items += [{key: part[key] for key in part if key != "status"} for part in parts(list(thoughts.parts))]
    if message.text or message.enclosed:
        items.append({"role": message.speaker, "content": _content(message)})
    items += [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return items


def _content(message: ModelMessage) -> object:
    if not message.enclosed:
        return message.text
    content: list[object] = [{"type": "input_text", "text": message.text}] if message.text else []
    for one in message.enclosed:
        if one.is_image:
            content.append({"type": "input_image", "image_url": data_uri(one), "detail": "auto"})
        else:
            content.append({"type": "input_file", "filename": one.name or "file", "file_data": data_uri(one)})
    return content
