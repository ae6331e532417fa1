"""Call Slack's Web API: the SDK's client with all its methods, over one shared session.

The SDK opens a session for each call where none is given, repeats what broke off (and so doubles posts), and writes
out each request for a debug log that nobody has asked for; this client does none of the three. It loads the SDK when it
is imported, so import it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from yarl import URL

from quarterdeck.core.errors import AuthFailed, ServiceError
from quarterdeck.runtime.network.http import failure_of
from quarterdeck_adapters.slack import errors

TIMEOUT_S: Final = 30
JSON: Final = "application/json;charset=utf-8"
FORM: Final = "application/x-www-form-urlencoded"
# Methods that change nothing: a lost answer is no doubt. Besides everything that is asked for with GET.
READS: Final = frozenset({"auth.test", "apps.connections.open", "files.info", "files.getUploadURLExternal"})


class Client(AsyncWebClient):
    """Be the SDK's client. `on_auth_failed` hears when Slack refuses the bot's token."""

    def __init__(
        self,
        *,
        api_url: str,
        session: aiohttp.ClientSession,
        token: Callable[[], str],
        on_auth_failed: Callable[[ServiceError], None],
    ) -> None:
        super().__init__(
            token=None, base_url=api_url, timeout=TIMEOUT_S, session=session, retry_handlers=[], proxy="none"
        )
        self.proxy = None  # of the environment: never
        self._session, self._token_of, self._on_auth_failed = session, token, on_auth_failed
        self._root = URL(self.base_url)
        self._urls: dict[str, URL] = {}
        self._agent = self.headers["User-Agent"]

    async def api_call(
        self,
        api_method: str,
        *,
        http_verb: str = "POST",
        files: dict[str, Any] | None = None,
        data: Any = None,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        auth: dict[str, Any] | None = None,
    ) -> AsyncSlackResponse:
        """Call a method as the SDK does, and return Slack's answer.

        Raises:
            ServiceError: what Slack refused, or what went wrong on the way.
        """
        query = _present(params)
        other_token = query.pop("token", None)
        token = other_token or self._token_of()
        sent: dict[str, Any] = {
            "Authorization": f"Bearer {token}",
            "Content-Type": FORM if json is None else JSON,
            "User-Agent": self._agent,
            **(headers or {}),
        }
        body = data if json is None else orjson.dumps({k: v for k, v in json.items() if v is not None})
        url = self._urls.get(api_method)
        if url is None:
            url = self._urls[api_method] = self._root.join(URL(api_method))
        is_read = http_verb == "GET" or api_method in READS
        try:
            async with self._session.request(
                http_verb, url, params=query or None, data=body, headers=sent
            ) as answer:
                raw = await answer.read()
                status, received = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError) as error:
            verb = "GET" if is_read else "POST"
            raise failure_of(error, service=errors.SERVICE, method=verb) from error
        try:
            content = self._checked(api_method, raw, status, received, is_read=is_read)
        except AuthFailed as error:
            if other_token is None:
                self._on_auth_failed(error)
            raise
        return AsyncSlackResponse(
            client=self,
            http_verb=http_verb,
            api_url=api_method,
            req_args={},
            data=content,
            headers=dict(received),
            status_code=status,
        )

    def _checked(
        self, method: str, raw: bytes, status: int, headers: Mapping[str, str], *, is_read: bool
    ) -> dict[str, Any]:
        try:
            content = orjson.loads(raw)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            if status < 400:
                raise errors.nonsense(method, status, is_read=is_read)
            content = {}
        if status < 400 and content.get("ok") is True:
            return content
        raise errors.refusal(
            method,
            str(content.get("error") or ""),
            status=status,
            headers=headers,
            needed=str(content.get("needed") or ""),
            is_read=is_read,
        )


def _present(params: dict[str, Any] | None) -> dict[str, Any]:
    """Return what is given, as a query takes it."""
    if not params:
        return {}
    return {
        name: str(int(value)) if isinstance(value, bool) else value
        for name, value in params.items()
        if value is not None
    }
