"""Speak Gemini's own format: files of any kind, thoughts and their signatures, which the compatible endpoint lacks.

Google's SDK is not needed for it. Errors and limits are those of every dialect.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final, cast

import httpx2
import orjson

from quarterdeck.core.errors import ServiceError
from quarterdeck.core.model import Delta, Finish, ModelMessage, ModelRequest, ToolCall, Usage
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.calls import Calls
from quarterdeck.models.dialects.events import events, together
from quarterdeck.models.dialects.request import (
    base64_of,
    count,
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
from quarterdeck.models.dialects.transport import FOREIGN, failure, http_client
from quarterdeck.models.providers.capabilities import Capabilities
from quarterdeck.models.providers.connection import Connection

WIRE: Final = "gemini"
FINISHES: Mapping[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "LANGUAGE": "refusal",
}
"""What finish reasons mean (google-genai 3 types, FinishReason, 2026-11-21); others are no good end."""
BROKEN: Final = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "TOO_MANY_TOOL_CALLS"})


class Gemini:
    """Be a `Dialect` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._service = connection, connection.service
        self._ways = connection.capabilities
        self._base_url = connection.base_url.rstrip("/")
        self._client = http_client(connection.base_url, connection.timeouts)
        self._headers = {**_key_header(connection), **connection.headers}

    async def complete(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Stream the answer.

        Raises:
            ServiceError: see `_ours`; `Unavailable` when the stream ends without a finish reason.
        """
        ways = self._ways.of(request.model)
        request = await loaded(request, ways, self._service)
        body = _body(request, ways, self._service)
        answer = _Answer(self._service)
        address = f"{self._base_url}/models/{request.model}:streamGenerateContent"
        try:
            async with self._client.stream(
                "POST", address, params={"alt": "sse"}, json=body, headers=self._headers
            ) as response:
                await self._check(response)
                async with aclosing(events(response, self._service)) as heard:
                    async for batch in heard:
                        for delta in together(answer, batch):
                            yield delta
        except FOREIGN as error:
            if answer.finish is None:
                raise failure(self._connection, error) from error
        yield answer.last()

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector a text, in order.

        Raises:
            ServiceError: see `_ours`.
        """
        asked = [{"model": f"models/{model}", "content": {"parts": [{"text": one}]}} for one in texts]
        found = await self._json("POST", f"/models/{model}:batchEmbedContents", {"requests": asked})
        vectors = [cast("list[float]", one.get("values")) for one in parts(found.get("embeddings"))]
        if len(vectors) != len(texts) or not all(isinstance(one, list) for one in vectors):
            raise errors.not_understood(self._service, f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def models(self) -> list[str]:
        """List the ids of the models that write or embed.

        Raises:
            ServiceError: see `_ours`.
        """
        found = await self._json("GET", "/models?pageSize=1000")
        if not isinstance(found.get("models"), list):
            raise errors.not_understood(self._service, "something that is no list of models")
        return [text(one.get("name")).removeprefix("models/") for one in parts(found["models"])]

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _json(self, method: str, path: str, body: object = None) -> Mapping[str, object]:
        try:
            response = await self._client.request(
                method, self._base_url + path, json=body, headers=self._headers
            )
            await self._check(response)
            return mapping(orjson.loads(response.content))
        except FOREIGN as error:
            raise failure(self._connection, error) from error

    async def _check(self, response: httpx2.Response) -> None:
        """Refuse what is no success.

        Raises:
            ServiceError: by the status, with the vendor's words.
        """
        if response.status_code < 300:
            return
        said = await response.aread()
        try:
            body: object = orjson.loads(said)
        except ValueError:
            body = said.decode(errors="replace")
        if isinstance(body, list) and body:  # streams report errors in a list
            body = body[0]
        pause_s = errors.retry_after_s(response.headers)
        raise _refusal(self._service, body, response.status_code, pause_s)


def _key_header(connection: Connection) -> dict[str, str]:
    if not connection.key:
        return {}
    if connection.key_header == "bearer":
        return {"Authorization": f"Bearer {connection.key}"}
    return {connection.key_header: connection.key}


def _refusal(service: str, body: object, status: int, pause_s: float | None) -> ServiceError:
    """Translate an error; when to come back stands in its details, and a wrong key comes as 400."""
    error = mapping(mapping(body).get("error"))
    for detail in parts(error.get("details")):
        if delay := text(detail.get("retryDelay")).removesuffix("s"):
            pause_s = pause_s if pause_s is not None else errors.retry_after_s({"retry-after": delay})
        if detail.get("reason") == "API_KEY_INVALID":
            status = 401
    return errors.from_body(service, body, status=status, retry_after_s=pause_s)


class _Answer:
    """Put one answer together from its chunks."""

    def __init__(self, service: str) -> None:
        self._service, self._calls = service, Calls(service)
        self._usage: Usage | None = None
        self.finish: Finish | None = None
        self.is_over = False  # the count of tokens may come after the end

    def words(self, event: Mapping[str, object]) -> str | None:
        """Return None: tokens are counted in every chunk, so that each is to be heard."""
        return None

    def hear(self, event: Mapping[str, object]) -> Delta | None:
        """Take a chunk and return what it says.

        Raises:
            ServiceError: it reports a failure, or is no chunk.
        """
        if event.get("error"):
            raise _refusal(self._service, event, 0, None)
        if usage := event.get("usageMetadata"):
            self._usage = _usage_of(mapping(usage))
        if mapping(event.get("promptFeedback")).get("blockReason"):
            self.finish = "content_filter"
        candidate = next(iter(parts(event.get("candidates"))), None)
        if candidate is None:
            if not usage and self.finish is None:
                raise errors.not_understood(self._service, "something that is no piece of an answer")
            return None
        if reason := text(candidate.get("finishReason")):
            if reason in BROKEN:
                raise errors.from_status(self._service, 502, f"it broke off the answer: {reason}")
            self.finish = FINISHES.get(reason, "stop")
        return self._said(mapping(candidate.get("content")))

    def _said(self, content: Mapping[str, object]) -> Delta | None:
        words, thoughts = "", ""
        for part in parts(content.get("parts")):
            if part.get("thought"):
                thoughts += text(part.get("text"))
            elif asked := part.get("functionCall"):
                self._ask(mapping(asked), part.get("thoughtSignature"))
            else:
                words += text(part.get("text"))
        return Delta(text=words, reasoning=thoughts) if words or thoughts else None

    def _ask(self, asked: Mapping[str, object], signature: object) -> None:
        place = object()  # each comes whole, in a part of its own
        arguments = json.dumps(mapping(asked.get("args")))
        self._calls.add(place, id_=asked.get("id"), name=asked.get("name"), piece=arguments, mark=signature)

    def last(self) -> Delta:
        """Return the end of the answer.

        Raises:
            Unavailable: it has none.
        """
        if self.finish is None:
            raise errors.cut_off(self._service)
        calls: tuple[ToolCall, ...] = ()
        if self._calls and self.finish == "stop":
            calls, self.finish = self._calls.whole(), "tool_calls"
        return Delta(finish=self.finish, usage=self._usage, tool_calls=calls)


def _body(request: ModelRequest, ways: Capabilities, service: str) -> dict[str, object]:
    making: dict[str, object] = {"maxOutputTokens": request.max_output_tokens}
    if request.temperature is not None and ways.sampling == "ok":
        making["temperature"] = request.temperature
    if request.json_schema is not None and ways.json_output == "schema":
        making |= {"responseMimeType": "application/json", "responseJsonSchema": request.json_schema}
    elif request.json_schema is not None:
        request = with_schema_told(request)
    body: dict[str, object] = {"generationConfig": making}
    if system := system_of(request):
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if tools := tools_of(request, ways, service):
        declared = [
            {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema}
            for tool in tools
        ]
        body["tools"] = [{"functionDeclarations": declared}]
        if forced := forced_of(request, ways):
            only = {} if is_any(forced) else {"allowedFunctionNames": [forced]}
            body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY", **only}}
    body["contents"] = _contents(turns_of(request))
    effort = ways.effort_of(request.effort)
    merged(body, ways.extra_body, ways.reasoning_in[effort] if effort else {})
    return without(body, ways.drop)


def _contents(turns: Sequence[ModelMessage]) -> list[object]:
    """Return the turns; results of tools that were called together stand in one."""
    names = {call.id: call.name for turn in turns for call in turn.tool_calls}
    contents: list[object] = []
    results: list[object] = []
    for turn in turns:
        if turn.speaker == "tool":
            key = "error" if turn.is_error else "result"
            answer = {"name": names.get(turn.call_id, ""), "response": {key: turn.text}}
            if not results:
                contents.append({"role": "user", "parts": results})
            results.append({"functionResponse": answer})
            continue
        results = []
        role = "model" if turn.speaker == "assistant" else "user"
        contents.append({"role": role, "parts": _parts(turn)})
    return contents


def _parts(turn: ModelMessage) -> list[object]:
    made: list[object] = [{"text": turn.text}] if turn.text else []
    made += [{"inlineData": {"mimeType": one.media_type, "data": base64_of(one)}} for one in turn.enclosed]
    for call in turn.tool_calls:
        part: dict[str, object] = {"functionCall": {"name": call.name, "args": call.values()}}
        if call.mark and not call.mark.startswith("{"):
            part["thoughtSignature"] = call.mark
        made.append(part)
    return made


def _usage_of(usage: Mapping[str, object]) -> Usage:
    """Return the count of tokens; thoughts are written too, but counted apart."""
    written, thought = count(usage.get("candidatesTokenCount")), count(usage.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=count(usage.get("promptTokenCount")),
        output_tokens=None if written is None and thought is None else (written or 0) + (thought or 0),
        cached_tokens=count(usage.get("cachedContentTokenCount")),
        reasoning_tokens=thought,
    )
