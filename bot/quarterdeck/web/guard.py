"""Turn away what no honest client sends, before a route is asked: one chain for every request.

A page in the operator's own browser reaches loopback, too. So a name that a stranger points at 127.0.0.1 is
refused by the Host header, and a form that a stranger's page submits by Origin and Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from quarterdeck.runtime.routes import Handler, Route

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

HOST = re.compile(r"[0-9A-Za-z.:\[\]-]+")
BODY_LIMIT_BYTES = 1024 * 1024
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
    """Know where each kind of route may be reached, by the local address that a request arrives on."""

    host: IpAddress
    metrics_host: IpAddress | None

    def admits(self, declared: Route, local: IpAddress) -> bool:
        """Tell whether a request that came in at `local` may use the route."""
        if declared.listener == "metrics":
            return local.is_loopback or (self.metrics_host is not None and _covers(self.metrics_host, local))
        return _covers(self.host, local)


class Guard:
    """Check each request: its host, its site, where it arrived, and whoever its route asks for."""

    def __init__(self, routes: Mapping[web.AbstractRoute, Route], reach: Reach) -> None:
        self._routes, self._reach = routes, reach

    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer through `handler` when every check passes; 403, 404, 413 or 401 otherwise."""
        local = local_address(request)
        if local is None or not has_honest_host(request, local) or is_cross_site(request):
            raise web.HTTPForbidden()
        declared = self._routes.get(request.match_info.route)
        if declared is None:
            return await handler(request)  # aiohttp's own 404 or 405: the server starts with no other
        if not self._reach.admits(declared, local):
            raise web.HTTPNotFound()
        if (request.content_length or 0) > BODY_LIMIT_BYTES:
            raise web.HTTPRequestEntityTooLarge(BODY_LIMIT_BYTES, request.content_length or 0)
        verify = declared.principal.verify
        if verify is not None and not await verify(request):
            raise web.HTTPUnauthorized()
        return await handler(request)


def local_address(request: web.Request) -> IpAddress | None:
    """Return the address of ours that the request arrived on; None when its connection is gone."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return plain_address(name[0]) if name else None


def plain_address(text: str) -> IpAddress:
    """Read an address; IPv4 inside IPv6 is returned as IPv4.

    Raises:
        ValueError: `text` is not an address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def has_honest_host(request: web.Request, local: IpAddress) -> bool:
    """Tell whether the Host header names us as a literal address, or as `localhost` on loopback.

    A name would do for DNS rebinding, so no other name is taken. Ports may differ: tunnels change them.
    """
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]) or not request.raw_path.startswith("/"):
        return False
    try:
        parts = urlsplit(f"//{hosts[0]}")
        name = parts.hostname or ""
        _ = parts.port  # raises where it is not a number
        if name == "localhost":
            return local.is_loopback
        named = plain_address(name)
    except ValueError:
        return False
    return named.is_loopback if local.is_loopback else not (named.is_loopback or named.is_unspecified)


def is_cross_site(request: web.Request) -> bool:
    """Tell whether a stranger's page makes this request change something or open a socket."""
    if request.method in SAFE_METHODS and hdrs.UPGRADE not in request.headers:
        return False
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if any(site not in SAME_SITE for site in sites):
        return True
    own = f"{request.scheme}://{request.headers.get(hdrs.HOST, '')}"
    return any(origin != own for origin in request.headers.getall(hdrs.ORIGIN, []))


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
