"""Listen: on loopback unless the settings say otherwise, never open to others without proof of who calls."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from aiohttp import web
from aiohttp.log import server_logger

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.network.routes import Handler, Principal, Route
from quarterdeck.web.access.caller import in_json
from quarterdeck.web.access.gate import renew_cookie
from quarterdeck.web.guard import (
    BODY_LIMIT_BYTES,
    Guard,
    Reach,
    UnreadableRequests,
    add_security_headers,
)
from quarterdeck.web.origin import IpAddress, Network, plain_address

KEEP_ALIVE_S = 75.0  # aiohttp's hour would hold a connection for every probe that forgets to close
RECEIVE_BYTES = 32 * 1024  # what one connection may have waiting for us; a hundred at once stay small
SHUTDOWN_S = 5.0
LINGER_S = 1.0  # how long the rest of a refused body is read, so that the client sees the answer
BACKLOG = 128
API = "/api/"
LOOPBACK = plain_address("127.0.0.1")

log = logging.getLogger(__name__)


class HttpAddresses(Protocol):
    """Say where to listen: what the settings section `http` holds. Addresses are literal."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def metrics_host(self) -> str | None: ...
    @property
    def own_names(self) -> Sequence[str]: ...
    @property
    def trusted_proxies(self) -> Sequence[str]: ...
    @property
    def tls_certificate(self) -> Path | None: ...
    @property
    def tls_key(self) -> Path | None: ...


class WebServer:
    """Serve declared routes."""

    def __init__(self, addresses: HttpAddresses, routes: Sequence[Route]) -> None:
        """Check what may be served where; nothing listens yet.

        Raises:
            SetupError: a route would be open to other machines, or does not say who may call it.
        """
        self._port = addresses.port
        self._host = plain_address(addresses.host)
        self._metrics_host = plain_address(addresses.metrics_host) if addresses.metrics_host else None
        self._tls = tls_context(addresses)
        proxies = trusted(addresses.trusted_proxies)
        refuse_exposure(self._host, routes, is_tls=self._tls is not None, proxies=proxies)
        reach = Reach(
            host=self._host,
            metrics_host=self._metrics_host,
            names=frozenset(name.lower() for name in addresses.own_names),
            proxies=proxies,
            is_tls=self._tls is not None,
        )
        app = build(routes, reach)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            shutdown_timeout=SHUTDOWN_S,
        )

    @property
    def port(self) -> int:
        """Return the port that is listened on; where the settings say 0, known after `start`."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            SetupError: an address or the port is not to be had.
        """
        if not any(isinstance(known, UnreadableRequests) for known in server_logger.filters):
            server_logger.addFilter(UnreadableRequests())
        sockets: list[socket.socket] = []
        try:
            for address in listeners(self._host, self._metrics_host):
                sockets.append(_bind(address, self._port))
                self._port = sockets[0].getsockname()[1]
            await self._runner.setup()
            for bound in sockets:
                await web.SockSite(self._runner, bound, backlog=BACKLOG, ssl_context=self._tls).start()
        except BaseException:
            for bound in sockets:
                bound.close()
            await self.stop()
            raise
        log.info("Web server listens", extra={"host": str(self._host), "port": self._port})

    async def stop(self) -> None:
        """Stop listening; requests that run get a few seconds to end."""
        await self._runner.cleanup()


def build(routes: Iterable[Route], reach: Reach) -> web.Application:
    """Return an application that serves `routes` behind the guard.

    Raises:
        SetupError: a route does not say who may call it.
    """
    known: dict[web.AbstractRoute, Route] = {}
    guard = Guard(known, reach)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await guard.check(request, handler)
        except web.HTTPException as refused:
            if request.path.startswith(API):
                in_json(refused)
            raise

    app = web.Application(middlewares=[guarded], client_max_size=BODY_LIMIT_BYTES)
    app.on_response_prepare.append(add_security_headers)
    app.on_response_prepare.append(renew_cookie)
    for declared in routes:
        methods = ("GET", "HEAD") if declared.method == "GET" else (declared.method,)
        for method in methods:
            known[app.router.add_route(method, declared.path, declared.handler)] = declared
    refuse_undeclared(app, known)
    return app


def refuse_undeclared(app: web.Application, known: dict[web.AbstractRoute, Route]) -> None:
    """Keep an application from starting that has a route without a principal.

    Raises:
        SetupError: which route.
    """
    for served in app.router.routes():
        declared = known.get(served)
        if declared is None or not isinstance(declared.principal, Principal):
            path = served.resource.canonical if served.resource else "?"
            raise SetupError(
                f"the route {served.method} {path} does not say who may call it",
                hint="declare it with route(..., principal=...)",
            )


def refuse_exposure(
    host: IpAddress,
    routes: Iterable[Route],
    *,
    is_tls: bool = False,
    proxies: Sequence[Network] = (),
) -> None:
    """Keep the server from being open to other machines without a proof of who calls, or for all to read.

    Raises:
        SetupError: `host` is not loopback, and a route on it is for anybody, or none asks who calls, or there is
            neither TLS nor a trusted proxy in front.
    """
    if host.is_loopback:
        return
    reachable = [declared for declared in routes if declared.listener == "host"]
    is_open = [declared.path for declared in reachable if declared.principal.verify is None]
    if is_open or not reachable:
        what = f"{', '.join(is_open)} would be open to anybody" if is_open else "nothing there asks who calls"
        raise SetupError(
            f"http.host is {host}, which other machines can reach, and {what}",
            hint="set http.host: 127.0.0.1; for health and metrics alone, set http.metrics_host",
            key="http.host",
        )
    if not is_tls and not proxies:
        raise SetupError(
            f"http.host is {host}, which other machines can reach, and what people type could be read on the way",
            hint="set http.host: 127.0.0.1, or http.tls_certificate with http.tls_key, "
            "or name the proxy in front in http.trusted_proxies",
            key="http.host",
        )


def trusted(proxies: Iterable[str]) -> tuple[Network, ...]:
    """Read the networks of proxies.

    Raises:
        SetupError: one of them is everybody.
    """
    networks = tuple(ipaddress.ip_network(one) for one in proxies)
    for network in networks:
        if network.prefixlen == 0:
            raise SetupError(
                f"http.trusted_proxies names {network}, which is everybody",
                hint="name the address of the proxy, such as 10.0.0.5",
                key="http.trusted_proxies",
            )
    return networks


def tls_context(addresses: HttpAddresses) -> ssl.SSLContext | None:
    """Return what encrypts, None where no certificate is set.

    Raises:
        SetupError: certificate or key is missing or wrong.
    """
    certificate, key = addresses.tls_certificate, addresses.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "http.tls_certificate" if certificate is None else "http.tls_key"
        raise SetupError(f"{missing} is missing", hint="TLS needs both, in PEM form", key=missing)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(
            f"the TLS certificate cannot be used: {error}",
            hint="name files in PEM form that belong together and that this user may read",
            key="http.tls_certificate",
        ) from error
    return context


def listeners(host: IpAddress, metrics_host: IpAddress | None) -> list[IpAddress]:
    """Return the addresses to bind: host first, then `metrics_host` and loopback where not covered yet."""
    wanted = [host, *([metrics_host] if metrics_host else []), LOOPBACK]
    if host.is_loopback:
        wanted.pop()
    everywhere = {address.version for address in wanted if address.is_unspecified}
    kept: list[IpAddress] = []
    for address in wanted:
        if address not in kept and (address.is_unspecified or address.version not in everywhere):
            kept.append(address)
    return kept


def _bind(address: IpAddress, port: int) -> socket.socket:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        if os.name == "posix":  # elsewhere it would let two programs share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((str(address), port))
        bound.listen(BACKLOG)  # here, not later: two servers may both bind, only one may listen
    except OSError as error:
        bound.close()
        raise _explained(error, address, port) from error
    return bound


def _explained(error: OSError, address: IpAddress, port: int) -> SetupError:
    if error.errno == errno.EADDRINUSE:
        return SetupError(
            f"port {port} on {address} is taken by another program",
            hint="stop that program, or set http.port to a free port (0 takes any)",
            key="http.port",
        )
    if error.errno == errno.EACCES:
        return SetupError(
            f"port {port} needs rights that this process has not",
            hint="set http.port above 1023",
            key="http.port",
        )
    return SetupError(
        f"cannot listen on {address}: {error.strerror}",
        hint="set http.host or http.metrics_host to an address of this machine",
        key="http.host",
    )
