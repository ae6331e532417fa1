"""Call Discord's REST API with discord.py's HTTP client, which keeps to the limits of each bucket.

Its routes carry Discord's address in a class attribute. Ours is put in where a request leaves this one client, so
nothing changes for any other client in the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import aiohttp
import orjson
from discord.gateway import DiscordClientWebSocketResponse
from discord.http import HTTPClient, Route

from quarterdeck.core.errors import AuthFailed, Rejected, ServiceError
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.discord.api.breaker import Breaker
from quarterdeck_adapters.discord.errors import SERVICE, failure_of, refusal

TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0, sock_connect=10.0)
LONGEST_PAUSE_S: Final = 30.0  # a longer wait for a bucket is the outbox's to wait; discord.py takes no less
CLOSE_S: Final = 1.0  # how long a closing handshake may take; a dead line never answers one
CHUNK_BYTES: Final = 64 * 1024

Parameters = str | int


@dataclass(frozen=True, slots=True)
class Upload:
    """Hold a file that goes out with a message."""

    name: str
    media_type: str
    content: bytes


class _Client(HTTPClient):
    """Send every request to the address of the settings."""

    def __init__(self, api_url: str, connector: aiohttp.BaseConnector) -> None:
        super().__init__(asyncio.get_running_loop(), connector, max_ratelimit_timeout=LONGEST_PAUSE_S)
        self._api_url = api_url

    async def request(self, route: Route, **kwargs: Any) -> Any:
        route.url = self._api_url + route.url.removeprefix(Route.BASE)
        return await super().request(route, timeout=TIMEOUT, **kwargs)


class Rest:
    """Call Discord; every failure comes out as one of `core.errors`."""

    def __init__(self, api_url: str, clock: Clock) -> None:
        self._api_url = api_url.rstrip("/")
        self.breaker = Breaker(clock)
        self._connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0, ttl_dns_cache=60)
        self._client = _Client(self._api_url, self._connector)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            ws_response_class=DiscordClientWebSocketResponse,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=TIMEOUT,
        )
        self._agent = {"User-Agent": self._client.user_agent}

    async def login(self, token: str) -> Mapping[str, Any]:
        """Take the token and return the bot's own account.

        Raises:
            AuthFailed: Discord does not know the token.
        """
        try:
            return cast("Mapping[str, Any]", await self._client.static_login(token))
        except Exception as error:
            raise failure_of(error, method="GET") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._client.close()
        await self._connector.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        uploads: Sequence[Upload] = (),
        query: Mapping[str, Parameters] | None = None,
        **parameters: Parameters,
    ) -> Any:
        """Call the API as the bot, within the limits of the route's bucket; returns the answer's JSON.

        Raises:
            ServiceError: what happened; `Unknown` where a message may or may not have been posted.
        """
        self.breaker.check()
        kwargs: dict[str, Any] = {} if query is None else {"params": query}
        if uploads:
            kwargs["form"] = _fields(body, uploads)
        elif body is not None:
            kwargs["json"] = body
        try:
            return await self._client.request(Route(method, path, metadata=None, **parameters), **kwargs)
        except Exception as error:
            failure = failure_of(error, method=method)
            self.breaker.refused(int(getattr(error, "status", 0)), failure)
            raise failure from error

    async def answer(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        uploads: Sequence[Upload] = (),
        query: Mapping[str, Parameters] | None = None,
    ) -> Any:
        """Call what an interaction's own token opens; it has a bucket of its own and needs no bot token.

        Raises:
            ServiceError: what happened.
        """
        data: object = None
        headers = dict(self._agent)
        if uploads:
            form = aiohttp.FormData(quote_fields=False)
            for field in _fields(body, uploads):
                form.add_field(**field)
            data = form
        elif body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method, self._api_url + path, data=data, headers=headers, params=query
            ) as response:
                said = await response.read()
                if response.status < 300:
                    return orjson.loads(said) if said else None
                failure = _refused(response, said)
                if isinstance(failure, AuthFailed):  # of this one interaction: its time is over
                    failure = Rejected(failure.message, service=SERVICE, status=response.status)
                self.breaker.refused(response.status, failure)
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            raise failure_of(error, method=method) from error
        raise failure

    async def socket(self, url: str) -> aiohttp.ClientWebSocketResponse:
        """Open a web socket; closing it tells Discord that the session goes on."""
        return await self._session.ws_connect(
            url,
            autoclose=False,
            max_msg_size=0,
            headers=self._agent,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )

    async def fetch(self, url: str, limit_bytes: int) -> bytes | None:
        """Return a file of Discord's, None when it is larger than `limit_bytes`.

        Raises:
            ServiceError: Discord did not give it.
        """
        try:
            async with self._session.get(url, headers=self._agent, allow_redirects=False) as response:
                if response.status != 200:
                    raise refusal(response.status, 0, "the file was not given")
                content = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    content += chunk
                    if len(content) > limit_bytes:
                        return None
                return bytes(content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failure_of(error, method="GET") from error


def _fields(body: object, uploads: Sequence[Upload]) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = [
        {
            "name": "payload_json",
            "value": orjson.dumps(body).decode(),
            "content_type": "application/json",
        }
    ]
    for n, upload in enumerate(uploads):
        fields.append(
            {
                "name": f"files[{n}]",
                "value": upload.content,
                "filename": upload.name,
                "content_type": upload.media_type,
            }
        )
    return fields


def _refused(response: aiohttp.ClientResponse, said: bytes) -> ServiceError:
    try:
        body = orjson.loads(said)
    except orjson.JSONDecodeError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    pause_s = body.get("retry_after")
    return refusal(
        response.status,
        int(body.get("code") or 0),
        str(body.get("message") or ""),
        float(pause_s) if isinstance(pause_s, int | float) else None,
        is_global=bool(body.get("global")),
    )
