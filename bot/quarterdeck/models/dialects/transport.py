"""Make the HTTP client that the model SDKs run on: bounded in time and size, and never redirected.

A redirect would carry our key to another host, and a compressed answer could be larger than any limit.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import anyio
import httpx2

from quarterdeck.core.errors import ServiceError
from quarterdeck.models.connection import Connection, Timeouts
from quarterdeck.models.dialects import errors

RESPONSE_LIMIT_BYTES = 16 * 1024 * 1024  # a whole answer with all that surrounds its words on the wire
CONNECTIONS = 100

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


def http_client(base_url: str, timeouts: Timeouts) -> httpx2.AsyncClient:
    """Return a client for one provider; proxies of the environment are used, but never for loopback."""
    parts = urlsplit(base_url)
    return httpx2.AsyncClient(
        verify=parts.scheme != "http",  # nothing to verify there, and certificates take long to load
        trust_env=not is_loopback(parts.hostname or ""),
        timeout=httpx2.Timeout(timeouts.idle_s, connect=timeouts.connect_s, pool=timeouts.connect_s),
        limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
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


async def _bound(response: httpx2.Response) -> None:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() not in ("", "identity"):
        await response.aclose()
        raise httpx2.RemoteProtocolError(f"a compressed answer ({encoding}), which was not asked for")
    response.stream = _BoundedStream(response.stream)


class _BoundedStream(httpx2.AsyncByteStream):
    """Pass a body on until it is longer than any answer."""

    def __init__(self, stream: object) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left_bytes = RESPONSE_LIMIT_BYTES
        async for piece in self._stream:
            left_bytes -= len(piece)
            if left_bytes < 0:
                raise httpx2.RemoteProtocolError(f"more than {RESPONSE_LIMIT_BYTES} bytes in one answer")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
