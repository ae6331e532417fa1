"""Speak OpenAI's chat completions, which nearly every server understands.

Imports the SDK: import this module when a provider is first used, not before. Retries are not the SDK's but
ours (`fallback.py`), so that there is one budget for them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import cast

import openai
from openai import AsyncOpenAI, AsyncStream, Omit
from openai.types.chat import ChatCompletionChunk

from quarterdeck.core.errors import Rejected, ServiceError
from quarterdeck.core.model import Delta, Finish, ModelRequest, Usage
from quarterdeck.models.connection import Connection
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.request import messages_of, with_schema_told
from quarterdeck.models.dialects.think import ThinkTags
from quarterdeck.models.dialects.transport import FOREIGN, failure, http_client

FINISHES: Mapping[str, Finish] = {
    "length": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}
"""What finish reasons mean; any other that a server writes is an ordinary end, but `error` is none."""


class OpenAIChat:
    """Be a `Dialect` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._service = connection, connection.service
        self._ways, self._headers = connection.capabilities, _headers(connection)
        self._client = AsyncOpenAI(
            api_key=connection.key or "unused",
            base_url=connection.base_url,
            max_retries=0,
            http_client=http_client(connection.base_url, connection.timeouts),
        )

    async def complete(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Stream the answer.

        Raises:
            ServiceError: see `_ours`; `Unavailable` when the stream ends without a finish reason.
        """
        finish: Finish | None = None
        usage: Usage | None = None
        tags = ThinkTags() if self._ways.reasoning_out == "think-tags" else None
        try:
            async with await self._open(request) as stream:
                async for chunk in stream:
                    delta, reason, counted = self._heard(chunk, tags)
                    usage = counted or usage
                    finish = self._finish_of(reason) or finish
                    if delta.text or delta.reasoning:
                        yield delta
        except (openai.OpenAIError, *FOREIGN) as error:
            if finish is None:  # after it the answer is whole, whatever happens to the rest of the stream
                raise self._ours(error) from error
        if finish is None:
            raise errors.cut_off(self._service)
        text, thoughts = tags.flush() if tags else ("", "")
        yield Delta(text=text, reasoning=thoughts, finish=finish, usage=usage)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector a text, in order.

        Raises:
            ServiceError: see `_ours`; `Rejected` where the provider makes no embeddings.
        """
        if not self._ways.embeddings:
            message = f"{self._service} makes no embeddings"
            raise Rejected(
                message, service=self._service, status=404, hint="name another model for this role"
            )
        try:
            answer = await self._client.embeddings.create(
                model=model, input=list(texts), encoding_format="float", extra_headers=self._headers
            )
            vectors = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        except (openai.OpenAIError, *FOREIGN) as error:
            raise self._ours(error) from error
        except (AttributeError, TypeError) as error:
            raise errors.not_understood(self._service, "something that is no embedding") from error
        if len(vectors) != len(texts):
            raise errors.not_understood(self._service, f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def models(self) -> list[str]:
        """List the model ids that the endpoint offers.

        Raises:
            ServiceError: see `_ours`.
        """
        try:
            page = await self._client.models.list(extra_headers=self._headers)
            return [model.id for model in page.data]
        except (openai.OpenAIError, *FOREIGN) as error:
            raise self._ours(error) from error
        except (AttributeError, TypeError) as error:
            raise errors.not_understood(self._service, "something that is no list of models") from error

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    async def _open(self, request: ModelRequest) -> AsyncStream[ChatCompletionChunk]:
        create = cast(
            "Callable[..., Awaitable[AsyncStream[ChatCompletionChunk]]]", self._client.chat.completions.create
        )
        stream = await create(**self._parameters(request), extra_headers=self._headers)
        kind = stream.response.headers.get("Content-Type", "")
        if "html" in kind or "application/json" in kind:
            await stream.close()
            raise errors.not_understood(self._service, f"{kind.partition(';')[0]} instead of a stream")
        return stream

    def _parameters(self, request: ModelRequest) -> dict[str, object]:
        ways = self._ways
        messages = messages_of(request)
        parameters: dict[str, object] = {
            "model": request.model,
            "stream": True,
            ways.max_tokens_field: request.max_output_tokens,
        }
        if ways.stream_usage == "include_usage":
            parameters["stream_options"] = {"include_usage": True}
        if request.temperature is not None and ways.sampling == "ok":
            parameters["temperature"] = request.temperature
        if request.json_schema is not None and ways.json_output == "schema":
            schema = {"name": "answer", "schema": request.json_schema}
            parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.json_schema is not None:
            messages = with_schema_told(messages, request.json_schema)
            if ways.json_output == "object":
                parameters["response_format"] = {"type": "json_object"}
        if ways.extra_body:
            parameters["extra_body"] = ways.extra_body
        parameters["messages"] = messages
        return {name: value for name, value in parameters.items() if name not in ways.drop}

    def _heard(
        self, chunk: ChatCompletionChunk, tags: ThinkTags | None
    ) -> tuple[Delta, str | None, Usage | None]:
        """Read a chunk; the SDK checks nothing of it."""
        try:
            return *_read(chunk, tags), _usage_of(chunk)
        except (AttributeError, TypeError) as error:
            raise errors.not_understood(self._service, "something that is no piece of an answer") from error

    def _finish_of(self, reason: str | None) -> Finish | None:
        if reason == "error":
            raise errors.from_status(self._service, 502, "it broke off the answer")
        return FINISHES.get(reason, "stop") if reason else None

    def _ours(self, error: Exception) -> ServiceError:
        """Translate what the SDK raised; the seam's test walks its classes."""
        service = self._service
        match error:
            case openai.APIStatusError(response=response):
                pause_s = errors.retry_after_s(response.headers)
                return errors.from_body(service, error.body, status=error.status_code, retry_after_s=pause_s)
            case openai.APITimeoutError():
                return errors.no_answer(service, self._connection.timeouts.idle_s)
            case openai.APIConnectionError():
                return failure(self._connection, error.__cause__ or error)
            case openai.APIResponseValidationError():
                return errors.not_understood(service, "something that is not in its format")
            case openai.APIError():
                return errors.from_body(service, error.body or error.message)
            case openai.LengthFinishReasonError() | openai.ContentFilterFinishReasonError():
                return Rejected(f"{service}: {error}", service=service, status=400, detail=str(error))
            case openai.OpenAIError():
                return errors.unreachable(service, str(error))
        return failure(self._connection, error)


def _headers(connection: Connection) -> Mapping[str, str]:
    """Return the headers of every call; the SDK's own would tell any vendor our OpenAI organisation.

    Where the key travels in another header, or there is none, the SDK's own is left out.
    """
    headers: dict[str, str | Omit] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    if not connection.key or connection.key_header != "bearer":
        headers["Authorization"] = Omit()
    if connection.key and connection.key_header != "bearer":
        headers[connection.key_header] = connection.key
    return cast("Mapping[str, str]", {**headers, **connection.headers})


def _read(chunk: ChatCompletionChunk, tags: ThinkTags | None) -> tuple[Delta, str | None]:
    """Return what a chunk says and its finish reason; servers leave out whatever they like."""
    choice = next(iter(chunk.choices or ()), None)
    delta = getattr(choice, "delta", None)
    if choice is None or delta is None:
        return Delta(), getattr(choice, "finish_reason", None)
    text, thoughts = _split(delta.content)
    for name in ("reasoning_content", "reasoning"):
        said = getattr(delta, name, None)
        if isinstance(said, str):
            thoughts += said
            break
    if isinstance(getattr(delta, "refusal", None), str):
        text += delta.refusal or ""
    if tags:
        text, more = tags.feed(text)
        thoughts += more
    reason = choice.finish_reason
    return Delta(text=text, reasoning=thoughts), reason if isinstance(reason, str) else None


def _split(content: object) -> tuple[str, str]:
    """Return answer and thoughts of a content that is text, or a list of parts."""
    if isinstance(content, str):
        return content, ""
    text, thoughts = "", ""
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, Mapping):
            continue
        if part.get("type") == "thinking":
            thoughts += _split(part.get("thinking"))[0]
        elif isinstance(part.get("text"), str):
            text += part["text"]
    return text, thoughts


def _usage_of(chunk: ChatCompletionChunk) -> Usage | None:
    """Return the count of tokens where this chunk has one: in `usage`, or where Groq puts it."""
    usage: object = chunk.usage
    if usage is None:
        groq = getattr(chunk, "x_groq", None)
        usage = groq.get("usage") if isinstance(groq, Mapping) else None
    if usage is None:
        return None
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"), output_tokens=_count(usage, "completion_tokens")
    )


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
    return value if isinstance(value, int) else None
