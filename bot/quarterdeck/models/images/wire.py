"""Send orders for pictures over HTTP. Imports the SDKs' HTTP client: import this when a provider is first used.

Once an order is out, a lost answer is `Unknown`: the picture may have been made and paid for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

import httpx2

from quarterdeck.core.errors import ServiceError, Unavailable, Unknown
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.transport import FOREIGN, failure, http_client
from quarterdeck.models.images.refusal import is_refusal, no_picture, refused
from quarterdeck.models.providers.connection import Connection

ANSWER_LIMIT_BYTES: Final = 64 * 1024 * 1024  # ten pictures of 4 MB in base 64
LONGEST_RAW: Final = 4000  # characters of an error's body that are looked at
_NOT_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.InvalidURL,
    httpx2.UnsupportedProtocol,
)


class Wire:
    """Talk to one provider's endpoint for pictures."""

    def __init__(self, connection: Connection, *, is_repeatable: bool = False) -> None:
        """`is_repeatable`: a lost answer costs next to nothing, and the same may be asked again."""
        self.connection, self.service = connection, connection.service
        self._is_repeatable = is_repeatable
        headers = dict(connection.headers)
        if connection.key:
            bearer = connection.key_header == "bearer"
            name = "Authorization" if bearer else connection.key_header
            headers[name] = f"Bearer {connection.key}" if bearer else connection.key
        self._client = http_client(connection.base_url, connection.timeouts, limit_bytes=ANSWER_LIMIT_BYTES)
        self._client.headers.update(headers)
        self._base = connection.base_url.rstrip("/")

    async def post(self, path: str, body: Mapping[str, object]) -> httpx2.Response:
        """Send JSON; return the answer.

        Raises:
            ServiceError: `Refused` for content, `Unknown` where the answer was lost.
        """
        return await self._send("POST", path, json=dict(body))

    async def post_form(
        self, path: str, fields: Mapping[str, str], file: tuple[str, tuple[str, bytes, str]]
    ) -> httpx2.Response:
        """Send a form with one file: its field, and its name, bytes and media type; errors as `post`."""
        return await self._send("POST", path, data=dict(fields), files=[file])

    async def json(self, answer: httpx2.Response) -> Mapping[str, Any]:
        """Read an answer that must be a JSON object."""
        try:
            found = answer.json()
        except (ValueError, RecursionError) as error:
            raise no_picture(self.service, "something that is no JSON") from error
        if not isinstance(found, dict):
            raise no_picture(self.service, "something that is no picture")
        return cast("Mapping[str, Any]", found)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        url = f"{self._base}/{path.lstrip('/')}" if path else self._base
        try:
            answer = await self._client.request(method, url, **more)
        except _NOT_SENT as error:
            raise failure(self.connection, error) from error
        except FOREIGN as error:
            raise self._lost(error) from error
        if answer.status_code >= 400:
            raise self._failure(answer)
        if answer.status_code >= 300:
            raise no_picture(self.service, f"a redirect ({answer.status_code})")
        return answer

    def _lost(self, error: BaseException) -> ServiceError:
        if self._is_repeatable:
            return failure(self.connection, error)
        return Unknown(
            f"{failure(self.connection, error).message}; the picture may have been made, and paid for",
            service=self.service,
            hint="look at the account there before you order again",
        )

    def _failure(self, answer: httpx2.Response) -> ServiceError:
        raw = answer.text[:LONGEST_RAW]
        body = _body(raw)
        pause_s = errors.retry_after_s(answer.headers)
        error = errors.from_body(self.service, body, status=answer.status_code, retry_after_s=pause_s)
        if is_refusal(error, raw):
            return refused(self.service, getattr(error, "detail", ""))
        if isinstance(error, Unavailable) and answer.status_code == 504 and not self._is_repeatable:
            return self._lost(error)  # a gateway that gave up waiting: the model behind it may not have
        return error


def _body(raw: str) -> object:
    """Return an error's body as `errors.from_body` reads it: many vendors say `message`, `detail` or `error` only."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    if not isinstance(body, dict):
        return raw
    if isinstance(body.get("error"), str):
        return {"error": {"message": body["error"]}}
    if isinstance(body.get("detail"), str):
        return {"error": {"message": body["detail"]}}
    return body
