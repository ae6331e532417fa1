"""Turn away what no honest client sends, before a route is asked: one chain for every request.

A page in the operator's own browser reaches loopback, too. So a name that a stranger points at 127.0.0.1 is
refused by the Host header, and a form that a stranger's page submits by Origin and Sec-Fetch-Site.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from quarterdeck.core.errors import ServiceError
from quarterdeck.runtime.routes import BODY_LIMIT_BYTES as BODY_LIMIT_BYTES
from quarterdeck.runtime.routes import Handler, Route
from quarterdeck.web.origin import KEY as ORIGIN
from quarterdeck.web.origin import IpAddress, Network, Origin, origin_of, plain_address

log = logging.getLogger(__name__)

HOST = re.compile(r"[0-9A-Za-z.:\[\]-]+")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAME_SITE = frozenset({"same-origin", "none"})  # none: typed by the person; same-site would admit neighbours
SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "quarterdeck",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
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

    def admits(self, declared: Route, local: IpAddress) -> bool:
        """Tell whether a request that came in at `local` may use the route."""
        if declared.listener == "metrics":
            return local.is_loopback or (self.metrics_host is not None and _covers(self.metrics_host, local))
        return _covers(self.host, local)

    def trusts(self, declared: Route, local: IpAddress, origin: Origin) -> bool:
        """Tell whether nobody can have read along: on this machine, by TLS, or from a proxy that is trusted."""
        return declared.listener == "metrics" or local.is_loopback or self.is_tls or origin.is_proxied


class Guard:
    """Check each request: its host, its site, where it arrived, and whoever its route asks for."""

    def __init__(self, routes: Mapping[web.AbstractRoute, Route], reach: Reach) -> None:
        self._routes, self._reach = routes, reach

    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer through `handler` when every check passes; 403, 404, 413 or 401 otherwise."""
        local = local_address(request)
        origin = origin_of(request, self._reach.proxies, is_tls=self._reach.is_tls)
        if local is None or origin is None or not has_honest_host(request, local, self._reach.names):
            raise web.HTTPForbidden()
        request[ORIGIN] = origin
        if is_cross_site(request, origin):
            raise web.HTTPForbidden()
        declared = self._routes.get(request.match_info.route)
        if declared is None:
            return await handler(request)  # aiohttp's own 404 or 405: the server starts with no other
        if not self._reach.admits(declared, local) or not self._reach.trusts(declared, local, origin):
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
        return await handler(request)


def local_address(request: web.Request) -> IpAddress | None:
    """Return the address of ours that the request arrived on; None when its connection is gone."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return plain_address(name[0]) if name else None


def has_honest_host(request: web.Request, local: IpAddress, names: frozenset[str] = frozenset()) -> bool:
    """Tell whether the Host header names us as a literal address, as `localhost` on loopback, or by one of `names`.

    Any name would do for DNS rebinding, so no other one is taken. Ports may differ: tunnels change them.
    """
    hosts = request.headers.getall(hdrs.HOST, [])
    return len(hosts) == 1 and request.raw_path.startswith("/") and _names_us(hosts[0], local, names)


@lru_cache(maxsize=1024)
def _names_us(host: str, local: IpAddress, names: frozenset[str]) -> bool:
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
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if any(site not in SAME_SITE for site in sites):
        return True
    return any(named != origin.own for named in request.headers.getall(hdrs.ORIGIN, []))


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Send the headers above with every answer; a page of ours may set its own policy before."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SECURITY_HEADERS["Server"]  # aiohttp has put its versions there


class UnreadableRequests(logging.Filter):
    """Keep tracebacks of requests that are no HTTP out of the log: anybody can send those."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop records about unreadable requests."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


def _covers(listening: IpAddress, local: IpAddress) -> bool:
    return listening == local or (listening.is_unspecified and listening.version == local.version)
