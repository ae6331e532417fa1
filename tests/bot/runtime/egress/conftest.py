"""Stand in for the internet on loopback: 127.0.0.2 is the public server, 127.0.0.1 must never be reached."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from quarterdeck.runtime.egress import AddressPolicy, Egress

PUBLIC = "127.0.0.2"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable["Server"]]


async def _text(text: str) -> web.Response:
    """Answer with a text."""
    return web.Response(text=text)


@dataclass
class Server:
    """Be a real server, and keep what it was asked."""

    host: str
    port: int
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/", name: str = "public.test", scheme: str = "http") -> str:
        """Write an address of this server, under a name that resolves to it."""
        return f"{scheme}://{name}:{self.port}{path}"


@dataclass
class Canary:
    """Count connections to where nobody may connect."""

    port: int = 0
    connections: int = 0


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return the function that starts a server; all stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Server:
            return await stack.enter_async_context(_serving(handler, tls))

        yield start


@asynccontextmanager
async def _serving(handler: Handler, tls: ssl.SSLContext | None) -> AsyncIterator[Server]:
    server = Server(PUBLIC, 0)

    async def noted(request: web.Request) -> web.StreamResponse:
        server.requests.append(request)
        server.bodies.append(await request.read())
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", noted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, PUBLIC, 0, ssl_context=tls)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    """Listen on 127.0.0.1 and ::1, and count."""
    counted = Canary()

    async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted.connections += 1
        writer.close()

    async with AsyncExitStack() as stack:
        listening = await asyncio.start_server(connected, "127.0.0.1", 0)
        await stack.enter_async_context(listening)
        counted.port = listening.sockets[0].getsockname()[1]
        with suppress(OSError):  # a machine without IPv6
            await stack.enter_async_context(await asyncio.start_server(connected, "::1", counted.port))
        yield counted


@pytest.fixture
async def open_egress() -> AsyncIterator[Callable[..., Egress]]:
    """Return the function that makes a client for which 127.0.0.2 is the public internet."""
    made: list[Egress] = []

    def make(**options: object) -> Egress:
        async def lookup(host: str, port: int) -> list[str]:
            return [PUBLIC]

        settings: dict[str, object] = {
            "policy": AddressPolicy([f"{PUBLIC}/32"]),
            "allow_http": True,
            "timeout_s": 5.0,
            "lookup": lookup,
        }
        egress = Egress(**{**settings, **options})  # type: ignore[arg-type]
        made.append(egress)
        return egress

    yield make
    for egress in made:
        await egress.close()


class RawServer:
    """Answer with bytes, or hang up."""

    def __init__(self) -> None:
        self.reply = b""
        self.port = 0
        self.requests = 0
        self.is_silent = False

    @property
    def url(self) -> str:
        """Return an address of this server."""
        return f"http://public.test:{self.port}/"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request's head, then reply and hang up, or stay silent until the other side goes."""
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        if self.is_silent:
            await reader.read()
        writer.write(self.reply)
        writer.close()


@pytest.fixture
async def raw_server() -> AsyncIterator[RawServer]:
    """Serve without any HTTP library."""
    raw = RawServer()
    async with await asyncio.start_server(raw.talk, PUBLIC, 0) as listening:
        raw.port = listening.sockets[0].getsockname()[1]
        yield raw
