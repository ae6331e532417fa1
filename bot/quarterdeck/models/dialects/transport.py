"""Make the HTTP client that the model SDKs run on: bounded in time and size, and never redirected.

A redirect would carry our key to another host, and a compressed answer could be larger than any limit. Below the
SDK's client works aiohttp: it reads a streamed answer for a third of the processor time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import sys
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import anyio
import httpx2
from multidict import CIMultiDict
from yarl import URL

from quarterdeck.core.errors import ServiceError
from quarterdeck.models.dialects import errors
from quarterdeck.models.providers.connection import Connection, Timeouts

RESPONSE_LIMIT_BYTES = 16 * 1024 * 1024  # a whole answer with all that surrounds its words on the wire
CONNECTIONS: Final = 1000
KEEP_ALIVE_S: Final = 60.0
AT_ONCE: Final = (
    2  # pieces of a streamed answer that are passed on as they come: the first words are not held up
)
GATHER_S: Final = (0.03, 0.06, 0.1)
"""What comes after them gathers so long, the last for all that follow: words come cheaper by the dozen."""
OURS_TO_SET: Final = frozenset({"content-length", "transfer-encoding", "connection"})

FOREIGN = (
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    anyio.EndOfStream,
    OSError,  # broken TLS too
    ValueError,  # no JSON
    RecursionError,  # JSON that is nested without end
)
"""What may come out of the SDKs besides their own exceptions while a stream is read."""


def http_client(base_url: str, timeouts: Timeouts, *, limit_bytes: int | None = None) -> httpx2.AsyncClient:
    """Return a client for one provider; proxies of the environment are used, but never for loopback."""
    parts = urlsplit(base_url)
    is_local = is_loopback(parts.hostname or "")
    return httpx2.AsyncClient(
        transport=Transport(
            has_tls=parts.scheme != "http", asks_environment=not is_local, limit_bytes=limit_bytes
        ),
        trust_env=False,
        timeout=httpx2.Timeout(timeouts.idle_s, connect=timeouts.connect_s, pool=timeouts.connect_s),
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
    )


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine by its own name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def failure(connection: Connection, error: BaseException) -> ServiceError:
    """Make the error for what went wrong below the SDK: no connection, no answer, half an answer, no JSON."""
    service, timeouts = connection.service, connection.timeouts
    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return errors.no_answer(service, timeouts.connect_s)
        case httpx2.TimeoutException():
            return errors.no_answer(service, timeouts.idle_s)
        case httpx2.ConnectError() | httpx2.ProxyError():
            hint = f"is anything listening at {connection.base_url}?"
            return errors.unreachable(service, str(error) or "no connection", hint)
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return errors.unreachable(service, str(error), f"check base_url of {service}")
        case httpx2.TransportError() | httpx2.StreamError() | anyio.EndOfStream() | OSError():
            return errors.cut_off(service, str(error))
        case ValueError() | RecursionError():
            return errors.cut_off(service, "what came is no JSON")
    return errors.unreachable(service, str(error))


class Transport(httpx2.AsyncBaseTransport):
    """Send requests of the SDKs with aiohttp."""

    def __init__(self, *, has_tls: bool, asks_environment: bool, limit_bytes: int | None = None) -> None:
        """`has_tls` loads certificates now, which takes long: not on the event loop, please."""
        self._tls = ssl.create_default_context() if has_tls else None
        self._asks_environment, self._limit_bytes = asks_environment, limit_bytes or RESPONSE_LIMIT_BYTES
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer as soon as its head is there."""
        body = await request.aread()
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.multi_items() if name.lower() not in OURS_TO_SET
        )
        try:
            answer = await self._open().request(
                request.method,
                URL(str(request.url), encoded=True),
                data=body or None,
                headers=headers,
                allow_redirects=False,
                timeout=_timeout(request),
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _theirs(error) from error
        encoding = answer.headers.get("Content-Encoding", "identity")
        if encoding.lower() not in ("", "identity"):
            answer.close()
            raise httpx2.RemoteProtocolError(f"a compressed answer ({encoding}), which was not asked for")
        return httpx2.Response(
            answer.status,
            headers=list(answer.raw_headers),
            stream=_Stream(answer, self._limit_bytes),
            request=request,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, which can only be made where an event loop runs."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS, ssl=self._tls or True, keepalive_timeout=KEEP_ALIVE_S
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                trust_env=self._asks_environment,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


class _Stream(httpx2.AsyncByteStream):
    """Pass a body on until it is longer than any answer."""

    def __init__(self, answer: aiohttp.ClientResponse, limit_bytes: int) -> None:
        self._answer, self._limit_bytes = answer, limit_bytes
        self._is_stream = answer.content_type == "text/event-stream"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left_bytes, at_once = self._limit_bytes, AT_ONCE if self._is_stream else sys.maxsize
        try:
            async for piece in self._answer.content.iter_any():
                left_bytes -= len(piece)
                at_once -= 1
                if left_bytes < 0:
                    raise httpx2.RemoteProtocolError(f"more than {self._limit_bytes} bytes in one answer")
                yield piece
                if at_once < 0:
                    await self._gather(GATHER_S[min(-at_once, len(GATHER_S)) - 1])
        except (aiohttp.ClientError, OSError) as error:
            raise _theirs(error) from error

    async def _gather(self, seconds: float) -> None:
        """Leave to the kernel for a moment what comes."""
        connection = self._answer.connection
        if connection is None or connection.protocol is None:  # the body is here to its end
            return
        protocol = connection.protocol
        protocol.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            protocol.resume_reading()

    async def aclose(self) -> None:
        """Let the connection go; one whose answer was not read to its end is closed, and the vendor stops."""
        self._answer.release() if self._answer.content.at_eof() else self._answer.close()


def _timeout(request: httpx2.Request) -> aiohttp.ClientTimeout:
    asked = request.extensions.get("timeout") or {}
    return aiohttp.ClientTimeout(total=None, connect=asked.get("connect"), sock_read=asked.get("read"))


def _theirs(error: Exception) -> Exception:
    """Translate what aiohttp raised into what the SDKs know."""
    words = str(error) or type(error).__name__
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx2.ConnectTimeout(words)
        case TimeoutError() | asyncio.TimeoutError():
            return httpx2.ReadTimeout(words)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return httpx2.ProxyError(words)
        case aiohttp.ClientConnectorError():
            return httpx2.ConnectError(words)
        case aiohttp.InvalidURL():
            return httpx2.UnsupportedProtocol(words)
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientResponseError():
            return httpx2.RemoteProtocolError(words)
        case ValueError():
            return httpx2.LocalProtocolError(words)
    return httpx2.ReadError(words)
