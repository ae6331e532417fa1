"""A redirect is followed a few times, and takes nothing along that was meant for another origin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from tests.bot.runtime.egress.conftest import _text

from quarterdeck.core.errors import QuarterdeckError, Rejected
from quarterdeck.runtime.egress import Credential, Egress
from quarterdeck.runtime.egress.client import MAX_REDIRECTS

Serve = Callable[..., Awaitable[Any]]
OpenEgress = Callable[..., Egress]

NONSENSE = ("http://[", "https://a b", "javascript:x", "http://user@public.test/", "http:////", "\\\\x")


def chain(length: int) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Redirect `length` times, then answer."""

    async def handle(request: web.Request) -> web.Response:
        hop = int(request.path.strip("/") or 0)
        if hop == length:
            return web.Response(text="there")
        return web.Response(status=302, headers={"Location": f"/{hop + 1}"})

    return handle


async def test_three_redirects_are_followed_and_a_fourth_is_not(
    serve: Serve, open_egress: OpenEgress
) -> None:
    """A loop ends."""
    three, endless = await serve(chain(MAX_REDIRECTS)), await serve(chain(10**6))
    egress = open_egress()

    fetched = await egress.request("GET", three.url())

    assert (b"there", three.url("/3")) == (fetched.body, fetched.url)
    with pytest.raises(Rejected, match="redirects more than 3 times"):
        await egress.request("GET", endless.url())
    assert 4 == len(endless.requests)


async def test_another_origin_gets_no_credential_and_no_private_header(
    serve: Serve, open_egress: OpenEgress
) -> None:
    """Host, port and scheme make the origin; the same host on another port is another service."""
    final = await serve(lambda request: _text("end"))

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": final.url()})

    first = await serve(redirect)
    credential = Credential(hosts=frozenset({"public.test"}), header="X-Key", value="canary-value")

    await open_egress().request(
        "GET", first.url(), credential=credential, headers={"X-Team": "docs", "Accept": "text/plain"}
    )

    assert ("canary-value", "docs") == (
        first.requests[0].headers["X-Key"],
        first.requests[0].headers["X-Team"],
    )
    assert {"X-Key", "X-Team"}.isdisjoint(final.requests[0].headers)
    assert "text/plain" == final.requests[0].headers["Accept"]


async def test_the_same_origin_keeps_its_credential(serve: Serve, open_egress: OpenEgress) -> None:
    """A redirect to another path of one service is ordinary."""
    server = await serve(chain(1))
    credential = Credential(hosts=frozenset({"public.test"}), value="Bearer canary-value")

    await open_egress().request("GET", server.url(), credential=credential)

    assert ["Bearer canary-value"] * 2 == [request.headers["Authorization"] for request in server.requests]


@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
async def test_a_redirected_post_becomes_what_the_status_says(
    status: int, method: str, serve: Serve, open_egress: OpenEgress
) -> None:
    """RFC 9110, section 15.4."""

    async def redirect(request: web.Request) -> web.Response:
        if request.path == "/there":
            return web.Response(text="x")
        return web.Response(status=status, headers={"Location": "/there"})

    server = await serve(redirect)

    await open_egress().request("POST", server.url(), body=b"data", headers={"Content-Type": "text/plain"})

    assert (method, b"data" if method == "POST" else b"") == (server.requests[1].method, server.bodies[1])


async def test_a_body_is_not_carried_to_another_origin(serve: Serve, open_egress: OpenEgress) -> None:
    """It was meant for the first."""
    final = await serve(lambda request: _text("end"))

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": final.url()})

    first = await serve(redirect)

    with pytest.raises(Rejected, match="a POST to another host"):
        await open_egress().request("POST", first.url(), body=b"data")
    assert [] == final.requests


@pytest.mark.parametrize("location", NONSENSE)
async def test_a_redirect_to_nonsense_is_refused(
    location: str, serve: Serve, open_egress: OpenEgress
) -> None:
    """Strictly, like every address."""

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    server = await serve(redirect)

    with pytest.raises(QuarterdeckError):
        await open_egress().request("GET", server.url())
    assert 1 == len(server.requests)
