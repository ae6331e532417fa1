"""Hold the OpenAI SDK's client for one connection: what chat completions and responses share.

Imports the SDK: import this module when a provider is first used, not before. Retries are not the SDK's but
ours (`fallback.py`), so that there is one budget for them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

import httpx2
import openai
from openai import AsyncOpenAI, Omit

from quarterdeck.core.errors import Rejected, ServiceError
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.events import events
from quarterdeck.models.dialects.request import encoded
from quarterdeck.models.dialects.transport import FOREIGN, failure, http_client
from quarterdeck.models.providers.connection import Connection


class OpenAIClient:
    """Be what dialects over the OpenAI SDK have in common."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._service = connection, connection.service
        self._ways, self._headers = connection.capabilities, _headers(connection)
        self._client = AsyncOpenAI(
            api_key=connection.key or "unused",
            base_url=connection.base_url,
            max_retries=0,
            http_client=http_client(connection.base_url, connection.timeouts),
        )

    async def _events(
        self, path: str, body: Mapping[str, object]
    ) -> AsyncGenerator[list[Mapping[str, object]], None]:
        """Send `body` and yield the events of the answer, see `events`.

        What the SDK's own methods do to a body, field by field and for every tool, costs more than all else of a call.
        """
        response = await self._client.post(
            path,
            content=encoded(body),
            cast_to=httpx2.Response,
            options={"headers": self._headers, "security": {"bearer_auth": True}},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        try:
            async with aclosing(events(cast("httpx2.Response", response), self._service)) as heard:
                async for batch in heard:
                    yield batch
        finally:
            await cast("httpx2.Response", response).aclose()

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
        listing = cast("Callable[..., Awaitable[Any]]", self._client.models.list)
        try:
            page = await listing(extra_headers=self._headers)
            return [model.id for model in page.data]
        except (openai.OpenAIError, *FOREIGN) as error:
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
            case openai.APIStatusError(response=response):
                pause_s = errors.retry_after_s(response.headers)
                return errors.from_body(service, error.body, status=error.status_code, retry_after_s=pause_s)
            case openai.APITimeoutError():
                return failure(self._connection, error.__cause__ or httpx2.ReadTimeout(""))
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
