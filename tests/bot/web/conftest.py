"""Serve real routes on loopback and send raw requests to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quarterdeck.core.ports import Json
from quarterdeck.runtime.network.routes import Route
from quarterdeck.web.health import HealthRoutes
from quarterdeck.web.server import WebServer


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Stand for the settings section `http`."""

    host: str = "127.0.0.1"
    port: int = 0
    metrics_host: str | None = None
    own_names: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None


@dataclass
class Told:
    """Be a `Health` that says what the test wants."""

    answer: dict[str, Json] = field(
        default_factory=lambda: {"database": "ok", "platforms": {"slack": "receiving", "discord": "off"}}
    )
    error: Exception | None = None
    wait: asyncio.Event | None = None

    async def facts(self) -> Mapping[str, Json]:
        """Return the answer, or fail."""
        if self.wait is not None:
            await self.wait.wait()
        if self.error is not None:
            raise self.error
        return self.answer


@dataclass(frozen=True)
class Answer:
    """Hold what came back."""

    status: int
    headers: dict[str, str]
    body: bytes


Serve = Callable[..., AbstractAsyncContextManager[WebServer]]


@pytest.fixture
def health() -> Told:
    """Give the bot's health, to be changed by the test."""
    return Told()


@pytest.fixture
def serve(health: Told) -> Serve:
    """Return a context manager that serves the health routes and those given."""

    @asynccontextmanager
    async def serving(*routes: Route, addresses: Addresses | None = None) -> AsyncIterator[WebServer]:
        server = WebServer(addresses or Addresses(), [*HealthRoutes(health).all(), *routes])
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    return serving


Send = Callable[..., Awaitable[Answer]]


@pytest.fixture
def send() -> Send:
    """Return a function that sends one request exactly as written and returns the answer."""

    async def sending(
        server: WebServer,
        path: str = "/healthz",
        *,
        method: str = "GET",
        host: str | None = "localhost",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        to: str = "127.0.0.1",
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else [])]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        lines.append("Connection: close")
        text = "\r\n".join(lines).encode("latin-1", "surrogateescape") + b"\r\n\r\n" + body
        return await exchange(to, server.port, text)

    return sending


async def exchange(address: str, port: int, request: bytes) -> Answer:
    """Send `request` and read the answer to its end."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
