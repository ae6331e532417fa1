"""Servers at an address: reached as the egress rules want it, and no further."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from tests.bot.mcp.conftest import SERVED, Bench, tool
from tests.e2e.conftest import free_port

from quarterdeck.core.errors import AuthFailed, QuarterdeckError, Rejected, Unavailable
from quarterdeck.mcp import guard

LOOPBACK = ["127.0.0.0/8"]
Answer = Callable[[web.Request, Mapping[str, Any]], Awaitable[web.StreamResponse]]


class Site:
    """Be a server of 2025-06-18 over HTTP by hand; `answer` may answer first."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.answer: Answer | None = None
        self.port = 0
        self.is_forgetful = False

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.port}/mcp"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.requests.append(request)
        if request.method != "POST":
            return web.Response(status=405)
        asked = json.loads(await request.read())
        if self.answer is not None and (special := await self.answer(request, asked)) is not None:
            return special
        if "id" not in asked:
            return web.Response(status=202)
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], **self.said(asked["method"])})

    def said(self, method: str) -> dict[str, object]:
        """Return result or error."""
        match method:
            case "initialize":
                about = {"name": "site", "version": "1"}
                capabilities = {"tools": {}}
                version = "2025-06-18"
                return {
                    "result": {"protocolVersion": version, "capabilities": capabilities, "serverInfo": about}
                }
            case "tools/list":
                return {"result": {"tools": [tool()]}}
            case "tools/call":
                return {"result": {"content": [{"type": "text", "text": "said"}]}}
        return {"error": {"code": -32601, "message": "Method not found"}}

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            self.port = runner.addresses[0][1]
            yield self
        finally:
            await runner.cleanup()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Return a site that listens."""
    async with Site().serving() as found:
        yield found


def at(site: Site, **settings: object) -> dict[str, object]:
    """Return the settings of a server there."""
    return {"url": site.url, "allow_http": True, "allow_private": LOOPBACK, **settings}


async def test_a_server_at_an_address_is_used_with_its_bearer(bench: Bench, site: Site) -> None:
    """The secret is a reference, and goes nowhere else."""
    bench.set_up(site=at(site, bearer="env:TOKEN", headers={"X-Team": "ops"}))
    await bench.approve("site")
    result = await bench.use("mcp.site.say")
    (shown,) = await bench.desk.servers()

    assert ("said", True) == (result.text, result.is_untrusted)
    assert ("http", "ready", "2025-06-18", "site 1") == (
        shown.kind,
        shown.state,
        shown.protocol,
        shown.software,
    )
    assert {"Bearer s3cr3t"} == {one.headers["Authorization"] for one in site.requests}
    assert {("ops", "identity")} == {
        (one.headers["X-Team"], one.headers["Accept-Encoding"]) for one in site.requests
    }
    assert {f"127.0.0.1:{site.port}"} == {one.headers["Host"] for one in site.requests}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "0x7f000001"])
async def test_no_private_address_is_reached_unless_it_is_allowed(
    bench: Bench, site: Site, host: str
) -> None:
    """However it is written."""
    bench.set_up(site={"url": f"http://{host}:{site.port}/mcp", "allow_http": True})
    with pytest.raises(QuarterdeckError):
        await bench.servers["site"].ready()

    assert [] == site.requests
    assert "down" == (await bench.desk.servers())[0].state


async def test_no_proxy_of_the_environment_takes_part(
    bench: Bench, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would see the bearer, and reach what we must not."""
    async with Site().serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        bench.set_up(site=at(site))
        await bench.servers["site"].ready()

        assert [] == proxy.requests


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(bench: Bench, site: Site, status: int) -> None:
    """Not even to the same host: the address of the settings is the address."""
    async with Site().serving() as other:

        async def away(request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
            place = other.url if status in (302, 307) else "/elsewhere"
            return web.Response(status=status, headers={"Location": place})

        site.answer = away
        bench.set_up(site=at(site, bearer="env:TOKEN"))
        with pytest.raises(Rejected, match="redirects, and redirects are not followed") as error:
            await bench.servers["site"].ready()

        assert "write its final address in url" == error.value.hint
        assert [] == other.requests
        assert {"/mcp"} == {one.path for one in site.requests}


async def test_an_answer_without_end_is_cut_off(
    bench: Bench, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next call is answered."""
    monkeypatch.setattr(guard, "ANSWER_BYTES", 64 * 1024)
    bench.set_up(site=at(site))
    await bench.approve("site")

    async def flood(request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse | None:
        if asked["method"] != "tools/call":
            return None
        result = {"content": [{"type": "text", "text": "x" * 100_000}]}
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    site.answer = flood  # type: ignore[assignment]
    with pytest.raises(Rejected, match="it answered with more than 0 MiB"):
        await bench.use("mcp.site.say")
    site.answer = None

    assert "said" == (await bench.use("mcp.site.say")).text


async def test_what_is_packed_is_not_unpacked(bench: Bench, site: Site) -> None:
    """A kilobyte could be a gigabyte."""

    async def packed(request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})

    site.answer = packed
    bench.set_up(site=at(site))
    with pytest.raises(Rejected, match="packs its answers, though asked not to"):
        await bench.servers["site"].ready()


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_named(bench: Bench, site: Site, status: int) -> None:
    """And not repeated."""

    async def no(request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
        return web.Response(status=status)

    site.answer = no
    bench.set_up(site=at(site, bearer="env:TOKEN"))
    with pytest.raises(AuthFailed) as error:
        await bench.servers["site"].ready()

    assert ("127.0.0.1 refused our credentials", "renew its bearer") == (
        error.value.message,
        error.value.hint,
    )


async def test_a_server_that_is_not_there_is_down(bench: Bench) -> None:
    """Nothing was lost; it is tried again later."""
    bench.set_up(
        site={"url": f"http://127.0.0.1:{free_port()}/mcp", "allow_http": True, "allow_private": LOOPBACK}
    )
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 could not be reached"):
        await bench.servers["site"].ready()


async def test_a_server_that_forgot_its_session_or_went_away_is_connected_anew(
    bench: Bench, site: Site
) -> None:
    """A restart of the server costs one call; what is away is down, and its tools with it."""
    bench.set_up(site=at(site))
    await bench.approve("site")

    async def forgets(request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse | None:
        if asked["method"] == "initialize":
            answer = {"jsonrpc": "2.0", "id": asked["id"], **site.said("initialize")}
            return web.json_response(answer, headers={"Mcp-Session-Id": "s1"})
        return web.Response(status=404) if site.is_forgetful else None

    site.answer = forgets  # type: ignore[assignment]
    bench.set_up(site=at(site))
    await bench.servers["site"].ready()
    site.is_forgetful = True
    with pytest.raises(Unavailable, match="site ended its session"):
        await bench.use("mcp.site.say")
    site.is_forgetful = False
    with pytest.raises(Unavailable):
        await bench.servers["site"].ready()
    await bench.clock.advance(1)

    assert "said" == (await bench.use("mcp.site.say")).text


async def test_a_server_of_another_origin_is_never_asked(bench: Bench, site: Site) -> None:
    """Whoever makes the request, the transport looks at it."""
    from quarterdeck.runtime.egress import AddressPolicy, Egress

    egress = Egress(policy=AddressPolicy(LOOPBACK), allow_http=True)
    guarded = guard.Guard(f"http://127.0.0.1:{free_port()}/mcp", egress)
    async with httpx2.AsyncClient(transport=guarded) as client:
        answer = await client.get(site.url)

    assert (403, []) == (answer.status_code, site.requests)
    assert "is not where this server is" in str(guarded.taken())


async def test_the_sdks_own_server_speaks_the_new_protocol(bench: Bench) -> None:
    """A real one, with a stream for each call."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVED), "http", str(port), stderr=asyncio.subprocess.PIPE, cwd=bench.folder
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while b"running on" not in await process.stderr.readline():
                pass
        url = f"http://127.0.0.1:{port}/mcp"
        bench.set_up(tickets={"url": url, "allow_http": True, "allow_private": LOOPBACK, "timeout_s": 5})
        await bench.approve("tickets")
        found = await bench.use("mcp.tickets.find", words="it")
        connection = await bench.servers["tickets"].ready()
        hanging = asyncio.create_task(bench.use("mcp.tickets.hang"))
        async with asyncio.timeout(20):
            while not (bench.folder / "hanging").exists():
                await bench.use("mcp.tickets.find", words="it")
            hanging.cancel()
            while not (bench.folder / "cancelled").exists():
                await bench.use("mcp.tickets.find", words="it")
        await bench.use("mcp.tickets.turn")
        async with asyncio.timeout(20):
            await connection.changed.wait()
        states = await bench.states()
    finally:
        process.kill()
        await process.wait()

    assert ("found it", "2026-07-28") == (found.text, connection.protocol)
    assert "changed" == states["mcp.tickets.find"]
    assert Path(bench.folder / "cancelled").exists()
