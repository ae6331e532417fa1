"""Speak Anthropic's messages.

Imports the SDK: import this module when a provider is first used, not before. Retries are not the SDK's but
ours (`fallback.py`), so that there is one budget for them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, cast

import anthropic
import httpx2
from anthropic import AsyncAnthropic, Omit

from quarterdeck.core.errors import Rejected, ServiceError
from quarterdeck.core.model import Delta, Finish, ModelRequest, Thoughts, Usage
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.anthropic_body import WIRE, body_of
from quarterdeck.models.dialects.calls import Calls
from quarterdeck.models.dialects.events import events, together
from quarterdeck.models.dialects.request import count, loaded, mapping, text
from quarterdeck.models.dialects.transport import FOREIGN, failure, http_client
from quarterdeck.models.providers.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    Opens = Callable[..., AbstractAsyncContextManager[Any]]

FINISHES: Mapping[str, Finish] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
"""What stop reasons mean; any other is an ordinary end (types of anthropic 2.11.0, 2026-11-21)."""
NAMED: Final = ("model", "messages", "max_tokens", "stream")


class Anthropic:
    """Be a `Dialect` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._service = connection, connection.service
        self._client = AsyncAnthropic(
            api_key=connection.key or "unused",
            base_url=connection.base_url,
            max_retries=0,
            default_headers=cast("Mapping[str, str]", _headers(connection)),
            http_client=http_client(connection.base_url, connection.timeouts),
        )

    async def complete(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Stream the answer.

        Raises:
            ServiceError: see `_ours`; `Unavailable` when the stream ends without a stop reason.
        """
        ways = self._connection.capabilities.of(request.model)
        request = await loaded(request, ways, self._service)
        body = body_of(request, ways, self._service)
        answer = _Answer(self._service)
        try:
            async with aclosing(self._events(body)) as heard:
                async for batch in heard:
                    for delta in together(answer, batch):
                        yield delta
                    if answer.is_over:
                        break
        except (anthropic.AnthropicError, *FOREIGN) as error:
            if (
                answer.finish is None
            ):  # after it the answer is whole, whatever happens to the rest of the stream
                raise self._ours(error) from error
        yield answer.last()

    async def _events(self, body: Mapping[str, object]) -> AsyncGenerator[list[Mapping[str, object]], None]:
        create = cast("Opens", self._client.messages.with_streaming_response.create)
        more = {name: value for name, value in body.items() if name not in NAMED}
        async with create(**{name: body[name] for name in NAMED}, extra_body=more) as answer:
            response = cast("httpx2.Response", answer.http_response)
            async with aclosing(events(response, self._service)) as heard:
                async for batch in heard:
                    yield batch

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Refuse: there is no such endpoint.

        Raises:
            Rejected: always.
        """
        message = f"{self._service} makes no embeddings"
        raise Rejected(message, service=self._service, status=404, hint="name another model for this role")

    async def models(self) -> list[str]:
        """List the model ids that the endpoint offers.

        Raises:
            ServiceError: see `_ours`.
        """
        try:
            page = await self._client.models.list(limit=1000)
            return [model.id for model in page.data]
        except (anthropic.AnthropicError, *FOREIGN) as error:
            raise self._ours(error) from error
        except (AttributeError, TypeError) as error:
            raise errors.not_understood(self._service, "something that is no list of models") from error

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    def _ours(self, error: Exception) -> ServiceError:
        """Translate what the SDK raised; the seam's test walks its classes."""
        service = self._service
        match error:
            case anthropic.APIStatusError(response=response):
                pause_s = errors.retry_after_s(response.headers)
                return errors.from_body(service, error.body, status=error.status_code, retry_after_s=pause_s)
            case anthropic.APITimeoutError():
                return failure(self._connection, error.__cause__ or httpx2.ReadTimeout(""))
            case anthropic.APIConnectionError() | anthropic.RetryableError():
                return failure(self._connection, error.__cause__ or error)
            case anthropic.APIResponseValidationError() | anthropic.APIWebhookValidationError():
                return errors.not_understood(service, "something that is not in its format")
            case anthropic.APIError():
                return errors.from_body(service, error.body or error.message)
            case anthropic.CredentialsError():
                return errors.from_status(service, 401, str(error))
            case anthropic.AnthropicError():
                return errors.unreachable(service, str(error))
        return failure(self._connection, error)


def _headers(connection: Connection) -> dict[str, str | Omit]:
    """Return the headers of every call. Other vendors of this format may still want `x-api-key`."""
    headers: dict[str, str | Omit] = {}
    if not connection.key or connection.key_header != "bearer":
        headers["Authorization"] = Omit()
    if connection.key and connection.key_header != "bearer":
        headers[connection.key_header] = connection.key
    return {**headers, **connection.headers}


class _Answer:
    """Put one answer together from its events; what a server may leave out is not missed."""

    def __init__(self, service: str) -> None:
        self._service, self._calls = service, Calls(service)
        self._blocks: dict[object, dict[str, object]] = {}
        self._usage = Usage()
        self.finish: Finish | None = None
        self.is_over = False

    def words(self, event: Mapping[str, object]) -> str | None:
        """Return the words of an event that holds nothing else; None: `hear` reads it."""
        said = event.get("delta") if event.get("type") == "content_block_delta" else None
        if type(said) is not dict or said.get("type") != "text_delta":
            return None
        words = said.get("text")
        return words if type(words) is str else None

    def hear(self, event: Mapping[str, object]) -> Delta | None:
        """Take an event and return what it says.

        Raises:
            ServiceError: it reports a failure.
        """
        match event.get("type"):
            case "content_block_delta":
                return self._piece(event.get("index"), mapping(event.get("delta")))
            case "content_block_start":
                return self._begin(event.get("index"), mapping(event.get("content_block")))
            case "message_start":
                self._usage = _usage_of(mapping(mapping(event.get("message")).get("usage")), self._usage)
            case "message_delta":
                if reason := text(mapping(event.get("delta")).get("stop_reason")):
                    self.finish = FINISHES.get(reason, "stop")
                self._usage = _usage_of(mapping(event.get("usage")), self._usage)
            case "message_stop":
                self.is_over = self.finish is not None
            case "error":
                raise errors.from_body(self._service, event)
            case None:
                if event.get("error"):
                    raise errors.from_body(self._service, event)
                raise errors.not_understood(self._service, "something that is no piece of an answer")
        return None

    def _begin(self, place: object, block: Mapping[str, object]) -> Delta | None:
        match block.get("type"):
            case "tool_use":
                self._calls.add(place, id_=block.get("id"), name=block.get("name"))
            case "thinking" | "redacted_thinking":
                self._blocks[place] = dict(block)
            case "text" if words := text(block.get("text")):
                return Delta(text=words)
        return None

    def _piece(self, place: object, said: Mapping[str, object]) -> Delta | None:
        match said.get("type"):
            case "text_delta":
                return Delta(text=text(said.get("text")))
            case "thinking_delta":
                self._append(place, "thinking", text(said.get("thinking")))
                return Delta(reasoning=text(said.get("thinking")))
            case "signature_delta":
                self._append(place, "signature", text(said.get("signature")))
            case "input_json_delta":
                self._calls.add(place, piece=said.get("partial_json"))
        return None

    def _append(self, place: object, name: str, words: str) -> None:
        block = self._blocks.setdefault(place, {"type": "thinking", "thinking": ""})
        block[name] = text(block.get(name)) + words

    def last(self) -> Delta:
        """Return the end of the answer.

        Raises:
            Unavailable: it has none.
        """
        if self.finish is None:
            raise errors.cut_off(self._service)
        calls = self._calls.whole() if self.finish == "tool_calls" else ()
        thoughts = Thoughts(wire=WIRE, parts=tuple(self._blocks.values())) if self._blocks and calls else None
        return Delta(finish=self.finish, usage=self._usage, tool_calls=calls, thoughts=thoughts)


def _usage_of(counted: Mapping[str, object], before: Usage) -> Usage:
    """Return the newest counts; tokens read from or written to a cache are input too."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    found = [value for name in names if (value := count(counted.get(name))) is not None]
    written, cached = count(counted.get("output_tokens")), count(counted.get("cache_read_input_tokens"))
    return Usage(
        input_tokens=sum(found) if found else before.input_tokens,
        output_tokens=before.output_tokens if written is None else written,
        cached_tokens=before.cached_tokens if cached is None else cached,
    )
