"""Make the one kind of request that may go to addresses named by people, documents and models.

Every hop is read strictly, resolved once, checked against an explicit list and connected to exactly the
checked addresses. Credentials are bound to hosts and added after the host was checked. Nothing of the
environment (proxies, netrc) takes part.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import field
from typing import Final

import aiohttp

from quarterdeck.core.errors import Denied, Rejected, Unavailable
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.egress.addresses import AddressPolicy
from quarterdeck.runtime.egress.body import read_body, read_detail
from quarterdeck.runtime.egress.request import MAX_HEADER_BYTES, Credential, Hop
from quarterdeck.runtime.egress.resolver import GuardedResolver, Lookup, refused, system_lookup
from quarterdeck.runtime.egress.target import Target, parse_target
from quarterdeck.runtime.network.http import CONNECT_TIMEOUT_S, KEEP_ALIVE_S, failure_of, refusal_of

MAX_REDIRECTS: Final = 3
MAX_CONNECTIONS: Final = 32
MAX_ANSWER_HEADERS: Final = 100
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Hold an answer. `url` is where it came from after redirects; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """Return the content type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class _Progress:
    """Know how far a request came: once there was a connection, it may have gone out."""

    hop: Hop
    keeps_refusals: bool
    follows: bool
    has_connection: bool = False


class Egress:
    """Fetch, guarded. One for the whole process; close it at the end."""

    def __init__(
        self,
        *,
        policy: AddressPolicy | None = None,
        allow_http: bool = False,
        max_bytes: int = 10 * 1024 * 1024,
        timeout_s: float = 30.0,
        lookup: Lookup = system_lookup,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Trust the system's certificate authorities, unless `tls` says otherwise."""
        self._policy = policy or AddressPolicy()
        self._allow_http, self._max_bytes, self._timeout_s = allow_http, max_bytes, timeout_s
        self._lookup, self._tls = lookup, tls
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        credential: Credential | None = None,
        max_bytes: int | None = None,
        timeout_s: float | None = None,
        keeps_refusals: bool = False,
        follows: bool = True,
    ) -> Fetched:
        """Return the answer to one request, after at most three redirects; limits can only be made narrower.

        With `keeps_refusals` a status from 400 is an answer too; without `follows`, so is a redirect.

        Raises:
            UsageError: the address, the method or a header has a form that is not accepted.
            Denied: the address must not be reached, or not with this credential.
            ServiceError: the other side failed or refused; `Unknown` where its answer to a change was lost.
        """
        progress = _Progress(
            Hop.first(method, url, headers or {}, body, credential),
            keeps_refusals=keeps_refusals,
            follows=follows,
        )
        limit_bytes = min(max_bytes or self._max_bytes, self._max_bytes)
        try:
            async with asyncio.timeout(min(timeout_s or self._timeout_s, self._timeout_s)):
                return await self._follow(progress, limit_bytes)
        except (aiohttp.ClientError, TimeoutError) as error:
            hop = progress.hop
            raise failure_of(
                error, service=hop.target.host, method=hop.method, is_sent=progress.has_connection
            ) from error

    async def resolve(self, url: str) -> tuple[str, int, tuple[str, ...]]:
        """Return host, port and checked addresses of a URL, for a program that connects by itself.

        Raises:
            UsageError: the address has a form that is not accepted.
            Denied: it must not be reached.
            Unavailable: nobody knows the host.
        """
        target = parse_target(url)
        self._check(target)
        try:
            found = await GuardedResolver(self._policy, self._lookup).resolve(target.host, target.port)
        except OSError as error:
            raise Unavailable(f"{target.host} is not known", service=target.host) from error
        return target.host, target.port, tuple(one["host"] for one in found)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(self, progress: _Progress, max_bytes: int) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            progress.has_connection = False
            answer = await self._send(progress, max_bytes)
            if isinstance(answer, Fetched):
                return answer
            progress.hop = answer
        host = progress.hop.target.host
        raise Rejected(f"{host} redirects more than {MAX_REDIRECTS} times", service=host, status=0)

    async def _send(self, progress: _Progress, max_bytes: int) -> Fetched | Hop:
        hop = progress.hop
        self._check(hop.target)
        async with self._connected().request(
            hop.method,
            hop.target.url,
            headers=hop.sent_headers(),
            data=hop.body,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            location = response.headers.get("Location")
            if response.status in REDIRECTS and location is not None and progress.follows:
                return hop.redirected(response.status, location)
            service = hop.target.host
            if response.status >= 400 and not progress.keeps_refusals:
                detail = await read_detail(response)
                refusal = refusal_of(
                    response.status, response.headers, service=service, method=hop.method, detail=detail
                )
                assert refusal is not None
                raise refusal
            return Fetched(
                url=str(hop.target.url),
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=await read_body(response, max_bytes=max_bytes, service=service),
            )

    def _check(self, target: Target) -> None:
        if target.scheme != "https" and not self._allow_http:
            raise Denied(
                f"{target.host} would be asked without encryption",
                hint="write https://; an operator can allow http in egress.allow_http",
            )
        if target.address is not None and (why := self._policy.why_refused(target.address)):
            raise refused(target.host, why)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=True if self._tls is None else self._tls,
                resolver=GuardedResolver(self._policy, self._lookup),
                use_dns_cache=False,  # each new connection resolves once, and is checked
                socket_factory=self._socket,
                limit=MAX_CONNECTIONS,
                keepalive_timeout=KEEP_ALIVE_S,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_trace()],
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                max_headers=MAX_ANSWER_HEADERS,
            )
        return self._session

    def _socket(self, addr_info: aiohttp.AddrInfoType) -> socket.socket:
        """Open the socket of one connection attempt: the last place where an address is looked at."""
        family, kind, protocol, _, address = addr_info
        host = str(address[0])
        if why := self._policy.why_refused(ipaddress.ip_address(host)):
            raise refused(host, why)
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened


def _trace() -> aiohttp.TraceConfig:
    async def connected(_session: object, context: object, _parameters: object) -> None:
        progress = getattr(context, "trace_request_ctx", None)
        assert isinstance(progress, _Progress)
        progress.has_connection = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace
