"""Send a server's HTTP requests as the egress rules want them: checked and pinned addresses, no redirect, bounded."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Final, cast

import httpx2

from quarterdeck.core.errors import AuthFailed, Denied, QuarterdeckError, Rejected, Unavailable
from quarterdeck.runtime.egress.client import Egress

CONNECT_S: Final = 10.0
ANSWER_BYTES: Final = 16 * 1024 * 1024
STREAM_BYTES: Final = 4 * ANSWER_BYTES  # of one stream of events that answers a request
REFUSED: Final = 403
FAILED: Final = 503


class Guard(httpx2.AsyncBaseTransport):
    """Be the transport of one server. It never raises: the SDK would give up the connection without a reason.

    What went wrong last is in `problem`; who waits for an answer takes it from there.
    """

    def __init__(self, url: str, egress: Egress, *, tls: ssl.SSLContext | None = None) -> None:
        """Speak with the origin of `url` and no other; trust the system's authorities, unless `tls` says otherwise."""
        asked = httpx2.URL(url)
        self._origin = (asked.scheme, asked.host, asked.port)
        self._egress = egress
        self._inner = httpx2.AsyncHTTPTransport(
            verify=tls or ssl.create_default_context(), trust_env=False, retries=0
        )
        self.problem: QuarterdeckError | None = None

    def taken(self) -> QuarterdeckError | None:
        """Return what went wrong last, once."""
        problem, self.problem = self.problem, None
        return problem

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return its answer, or one of ours where it may not be sent or read."""
        host = self._origin[1]
        try:
            response = await self._sent(request)
        except QuarterdeckError as error:
            return self._instead(error, REFUSED)
        except httpx2.HTTPError as error:
            words = f"{host} could not be reached ({type(error).__name__})"
            return self._instead(Unavailable(words, service=host), FAILED)
        refusal = self._refusal(response)
        if refusal is not None:
            await response.aclose()
            return self._instead(refusal, REFUSED)
        if response.status_code in (401, 403):
            self.problem = AuthFailed(
                f"{host} refused our credentials", service=host, hint="renew its bearer"
            )
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        limit = (STREAM_BYTES if request.method == "POST" else None) if is_stream else ANSWER_BYTES
        stream = cast("httpx2.AsyncByteStream", response.stream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(stream, limit, self),
            extensions=response.extensions,
        )

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """Connect to a checked address of the host, the next where one does not take the connection.

        Raises:
            Denied, UsageError, Unavailable: as `Egress.resolve` says.
        """
        url = request.url
        if (url.scheme, url.host, url.port) != self._origin:
            raise Denied(f"{url.host} is not where this server is", hint="write its final address")
        host, _, addresses = await self._egress.resolve(str(url))
        error: httpx2.HTTPError | None = None
        for address in addresses:
            pinned = httpx2.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as failed:
                error = failed
        assert error is not None
        raise error

    def _refusal(self, response: httpx2.Response) -> QuarterdeckError | None:
        host = self._origin[1]
        if 300 <= response.status_code < 400 and "location" in response.headers:
            words = f"{host} redirects, and redirects are not followed"
            return Rejected(
                words, service=host, status=response.status_code, hint="write its final address in url"
            )
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            return Rejected(f"{host} packs its answers, though asked not to", service=host, status=0)
        return None

    def _instead(self, problem: QuarterdeckError, status: int) -> httpx2.Response:
        self.problem = problem
        return httpx2.Response(status, headers={"content-type": "text/plain"}, content=b"")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """Pass on no more bytes than `limit`; None: any number."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int | None, guard: Guard) -> None:
        self._stream, self._limit, self._guard = stream, limit, guard

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        try:
            async for chunk in self._stream:
                count += len(chunk)
                if self._limit is not None and count > self._limit:
                    break
                yield chunk
            else:
                return
        except httpx2.HTTPError as error:
            raise httpx2.StreamError(f"the answer broke off ({type(error).__name__})") from error
        words = f"it answered with more than {(self._limit or 0) // 1024**2} MiB"
        self._guard.problem = Rejected(words, service="mcp", status=0)
        raise httpx2.StreamError(words)

    async def aclose(self) -> None:
        await self._stream.aclose()
