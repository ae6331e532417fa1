"""Turn away what no honest client sends, before a route is asked: one chain for every request.

A page in the operator's own browser reaches loopback, too. So a name that a stranger points at 127.0.0.1 is
refused by the Host header, and a form that a stranger's page submits by Origin and Sec-Fetch-Site.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import get_args
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import istr

from quarterdeck.core.errors import ServiceError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.network.routes import BODY_LIMIT_BYTES as BODY_LIMIT_BYTES
from quarterdeck.runtime.network.routes import Handler, Listener, Route
from quarterdeck.runtime.process.tasks import abreast
from quarterdeck.web.origin import FOR, IpAddress, Network, Origin, direct, forwarded, plain_address
from quarterdeck.web.origin import KEY as ORIGIN

log = logging.getLogger(__name__)

HOST = re.compile(r"[0-9A-Za-z.:\[\]-]+")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FETCH_SITE, SERVER = istr("Sec-Fetch-Site"), hdrs.SERVER
SAME_SITE = frozenset({"same-origin", "none"})  # none: typed by the person; same-site would admit neighbours
SECURITY_HEADERS: Mapping[istr, str] = {  # names that need not be folded anew for each response
    istr("Cache-Control"): "no-store",
    istr("Content-Security-Policy"): (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    istr("Cross-Origin-Opener-Policy"): "same-origin",
    istr("Cross-Origin-Resource-Policy"): "same-origin",
    istr("Referrer-Policy"): "no-referrer",
    SERVER: "quarterdeck",
    istr("X-Content-Type-Options"): "nosniff",
    istr("X-Frame-Options"): "DENY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Know where each kind of route may be reached, by the local address that a request arrives on.

    `names` are the names that we are known by besides addresses, `proxies` whose word on the origin of a request is
    taken. `is_tls`: what arrives is encrypted up to here.
    """

    host: IpAddress
    metrics_host: IpAddress | None
    names: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()
    is_tls: bool = False

    def admits(self, listener: Listener, local: IpAddress) -> bool:
        """Tell whether a request that came in at `local` may use routes of this kind."""
        if listener == "metrics":
            return local.is_loopback or (self.metrics_host is not None and _covers(self.metrics_host, local))
        return _covers(self.host, local)

    def trusts(self, listener: Listener, local: IpAddress, origin: Origin) -> bool:
        """Tell whether nobody can have read along: on this machine, by TLS, or from a proxy that is trusted."""
        return listener == "metrics" or local.is_loopback or self.is_tls or origin.is_proxied


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Hold where a request comes from, and the kinds of routes that it may use there."""

    origin: Origin
    listeners: frozenset[Listener]


class Guard:
    """Check each request: its host, its site, where it arrived, and whoever its route asks for."""

    def __init__(self, routes: Mapping[web.AbstractRoute, Route], reach: Reach) -> None:
        self._routes, self._reach = routes, reach
        self._direct = lru_cache(maxsize=4096)(self._directly)  # one connection brings many requests

    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer through `handler` when every check passes; 403, 404, 413 or 401 otherwise."""
        await abreast()
        arrival = self._arrival(request)
        if arrival is None or is_cross_site(request, arrival.origin):
            raise web.HTTPForbidden()
        request[ORIGIN] = arrival.origin
        declared = self._routes.get(request.match_info.route)
        if declared is None:
            return await handler(request)  # aiohttp's own 404 or 405: the server starts with no other
        if declared.listener not in arrival.listeners:
            raise web.HTTPNotFound()
        if (request.content_length or 0) > declared.body_bytes:
            raise web.HTTPRequestEntityTooLarge(declared.body_bytes, request.content_length or 0)
        verify = declared.principal.verify
        try:
            is_known = verify is None or await verify(request)
        except ServiceError as error:
            log.warning("Nobody can be recognised", extra={"error": error.message})
            raise web.HTTPServiceUnavailable() from error
        if not is_known:
            raise web.HTTPUnauthorized()
        await abreast()
        return await handler(request)

    def _arrival(self, request: web.Request) -> Arrival | None:
        """Return how the request arrived; None when its connection is gone, or it does not name us honestly."""
        transport, hosts = request.transport, request.headers.getall(hdrs.HOST, ())
        local = transport.get_extra_info("sockname") if transport else None
        peer = transport.get_extra_info("peername") if transport else None
        if not local or not peer or len(hosts) != 1 or not request.raw_path.startswith("/"):
            return None
        if FOR not in request.headers:
            return self._direct(local[0], peer[0], hosts[0])
        scheme = "https" if self._reach.is_tls else "http"
        origin = forwarded(request.headers, peer[0], hosts[0], scheme, self._reach.proxies)
        return None if origin is None else self._arrived(local[0], origin)

    def _directly(self, local: str, peer: str, host: str) -> Arrival | None:
        return self._arrived(local, direct(peer, host, "https" if self._reach.is_tls else "http"))

    def _arrived(self, local: str, origin: Origin) -> Arrival | None:
        reach, address = self._reach, plain_address(local)
        if not _names_us(origin.host, address, reach.names):
            return None
        listeners = frozenset(
            kind
            for kind in get_args(Listener)
            if reach.admits(kind, address) and reach.trusts(kind, address, origin)
        )
        return Arrival(origin=origin, listeners=listeners)


@lru_cache(maxsize=1024)
def _names_us(host: str, local: IpAddress, names: frozenset[str]) -> bool:
    """Tell whether a Host header names us as a literal address, as `localhost` on loopback, or by one of `names`.

    Any name would do for DNS rebinding, so no other one is taken. Ports may differ: tunnels change them.
    """
    if not HOST.fullmatch(host):
        return False
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname or ""
        _ = parts.port  # raises where it is not a number
        if name in names:
            return True
        if name == "localhost":
            return local.is_loopback
        named = plain_address(name)
    except ValueError:
        return False
    return named.is_loopback if local.is_loopback else not (named.is_loopback or named.is_unspecified)


def is_cross_site(request: web.Request, origin: Origin) -> bool:
    """Tell whether a stranger's page makes this request change something or open a socket."""
    if request.method in SAFE_METHODS and hdrs.UPGRADE not in request.headers:
        return False
    sites, own = request.headers.getall(FETCH_SITE, ()), request.headers.getall(hdrs.ORIGIN, ())
    return not SAME_SITE.issuperset(sites) or any(named != origin.own for named in own)


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Send the headers above with every answer; a page of ours may set its own policy before."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers[SERVER] = SECURITY_HEADERS[SERVER]  # aiohttp has put its versions there


class UnreadableRequests(logging.Filter):
    """Keep tracebacks of requests that are no HTTP out of the log: anybody can send those."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop records about unreadable requests."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


def _covers(listening: IpAddress, local: IpAddress) -> bool:
    return listening == local or (listening.is_unspecified and listening.version == local.version)
