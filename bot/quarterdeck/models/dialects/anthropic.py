"""Speak Anthropic's messages.

Imports the SDK: import this module when a provider is first used, not before. Retries are not the SDK's but
ours (`fallback.py`), so that there is one budget for them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import cast

import anthropic
from anthropic import AsyncAnthropic, AsyncStream, Omit
from anthropic.types import RawMessageStreamEvent

from quarterdeck.core.errors import Rejected, ServiceError
from quarterdeck.core.model import Delta, Finish, ModelRequest, Usage
from quarterdeck.models.connection import Connection
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.request import system_of, turns_of
from quarterdeck.models.dialects.transport import FOREIGN, failure, http_client

FINISHES: Mapping[str, Finish] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
"""What stop reasons mean; any other is an ordinary end (types of anthropic 2.11.0, 2026-11-21)."""


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
        finish: Finish | None = None
        usage = Usage()
        try:
            async with await self._open(request) as stream:
                async for event in stream:
                    delta, reason, usage = _read(event, usage)
                    finish = FINISHES.get(reason, "stop") if reason else finish
                    if delta.text or delta.reasoning:
                        yield delta
        except (anthropic.AnthropicError, *FOREIGN) as error:
            if finish is None:  # after it the answer is whole, whatever happens to the rest of the stream
                raise self._ours(error) from error
        if finish is None:
            raise errors.cut_off(self._service)
        yield Delta(finish=finish, usage=usage)

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

    async def _open(self, request: ModelRequest) -> AsyncStream[RawMessageStreamEvent]:
        create = cast(
            "Callable[..., Awaitable[AsyncStream[RawMessageStreamEvent]]]", self._client.messages.create
        )
        stream = await create(**self._parameters(request))
        kind = stream.response.headers.get("Content-Type", "")
        if "html" in kind or "application/json" in kind:
            await stream.close()
            raise errors.not_understood(self._service, f"{kind.partition(';')[0]} instead of a stream")
        return stream

    def _parameters(self, request: ModelRequest) -> dict[str, object]:
        ways = self._connection.capabilities
        parameters: dict[str, object] = {
            "model": request.model,
            "stream": True,
            "max_tokens": request.max_output_tokens,
            "messages": turns_of(request),
        }
        if system := system_of(request):
            parameters["system"] = system
        if request.json_schema is not None:
            output = {"format": {"type": "json_schema", "schema": request.json_schema}}
            parameters["output_config"] = output
        body = dict(ways.extra_body)
        if (
            request.temperature is not None and ways.sampling == "ok"
        ):  # the SDK knows no such argument any more
            body["temperature"] = request.temperature
        if body:
            parameters["extra_body"] = body
        return {name: value for name, value in parameters.items() if name not in ways.drop}

    def _ours(self, error: Exception) -> ServiceError:
        """Translate what the SDK raised; the seam's test walks its classes."""
        service = self._service
        match error:
            case anthropic.APIStatusError(response=response):
                pause_s = errors.retry_after_s(response.headers)
                return errors.from_body(service, error.body, status=error.status_code, retry_after_s=pause_s)
            case anthropic.APITimeoutError():
                return errors.no_answer(service, self._connection.timeouts.idle_s)
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


def _read(event: RawMessageStreamEvent, usage: Usage) -> tuple[Delta, str | None, Usage]:
    """Return what an event says, its stop reason, and the count of tokens so far."""
    match getattr(event, "type", None):
        case "content_block_delta":
            said = getattr(event, "delta", None)
            return Delta(text=_text(said, "text"), reasoning=_text(said, "thinking")), None, usage
        case "message_start":
            return Delta(), None, _usage_of(getattr(getattr(event, "message", None), "usage", None), usage)
        case "message_delta":
            reason = _text(getattr(event, "delta", None), "stop_reason")
            return Delta(), reason, _usage_of(getattr(event, "usage", None), usage)
    return Delta(), None, usage


def _text(part: object, name: str) -> str:
    """Return the text called `name`; the SDK checks nothing of what it hands us."""
    value = getattr(part, name, None)
    return value if isinstance(value, str) else ""


def _usage_of(counted: object, before: Usage) -> Usage:
    """Return the newest counts; tokens read from or written to a cache are input too."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    parts = [value for name in names if isinstance(value := getattr(counted, name, None), int)]
    written = getattr(counted, "output_tokens", None)
    return Usage(
        input_tokens=sum(parts) if parts else before.input_tokens,
        output_tokens=written if isinstance(written, int) else before.output_tokens,
    )
