"""What comes back is bounded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.core.errors import (
    QuarterdeckError,
    Rejected,
    ServiceError,
)
from quarterdeck.runtime.egress import Egress
from quarterdeck.runtime.egress.body import _Unpacker

PUBLIC = "127.0.0.2"  # as conftest.py has it: the stand-in for the internet
KIB = 1024
Serve = Callable[..., Awaitable[Any]]
OpenEgress = Callable[..., Egress]


def answer(
    body: bytes = b"", status: int = 200, **headers: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer every request so; underscores in header names stand for hyphens."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(
            body=body,
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return handle


async def test_an_answer_comes_back_whole(serve: Serve, open_egress: OpenEgress) -> None:
    """Status, headers, body, and where it came from."""
    server = await serve(answer(b"<p>hi</p>", Content_Type="text/html; charset=utf-8", X_Page="1"))

    fetched = await open_egress().request("get", server.url("/a?b=%2F"), headers={"X-Team": "docs"})

    assert (200, b"<p>hi</p>", "text/html", "1") == (
        fetched.status,
        fetched.body,
        fetched.media_type,
        fetched.headers["x-page"],
    )
    assert server.url("/a?b=%2F") == fetched.url
    assert ("docs", "quarterdeck") == (
        server.requests[0].headers["X-Team"],
        server.requests[0].headers["User-Agent"],
    )


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(
    pack: Callable[[bytes], bytes], serve: Serve, open_egress: OpenEgress
) -> None:
    """Most servers pack text."""
    coding = "gzip" if pack is gzip.compress else "deflate"
    server = await serve(answer(pack(b"text " * 9_999), Content_Encoding=coding))

    assert b"text " * 9_999 == (await open_egress().request("GET", server.url())).body


async def test_connections_are_kept_alive(serve: Serve, open_egress: OpenEgress) -> None:
    """A connection costs a look-up and a handshake."""
    lookups = 0

    async def lookup(host: str, port: int) -> list[str]:
        nonlocal lookups
        lookups += 1
        return [PUBLIC]

    server = await serve(answer(b"x"))
    egress = open_egress(lookup=lookup)
    for _ in range(10):
        await egress.request("GET", server.url())

    assert (10, 1) == (len(server.requests), lookups)


async def test_cookies_are_not_kept(serve: Serve, open_egress: OpenEgress) -> None:
    """Two people's fetches must not share a login."""
    server = await serve(answer(b"x", Set_Cookie="session=1"))
    egress = open_egress()
    await egress.request("GET", server.url())
    await egress.request("GET", server.url())

    assert "Cookie" not in server.requests[1].headers


@pytest.mark.parametrize("declares", [True, False], ids=["declared", "undeclared"])
async def test_a_large_answer_is_cut_off(declares: bool, serve: Serve, open_egress: OpenEgress) -> None:
    """Whether the server says how large it is or not."""
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        if declares:
            return web.Response(body=b"x" * (100 * KIB + 1))
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 10_000 * KIB:
            await response.write(b"x" * KIB)
            sent += KIB
        return response

    server = await serve(endless)

    with pytest.raises(Rejected, match="more than 102400 bytes"):
        await open_egress(max_bytes=100 * KIB).request("GET", server.url())
    assert sent < 10_000 * KIB


async def test_what_is_declared_too_large_is_not_read(raw_server: Any, open_egress: OpenEgress) -> None:
    """The refusal comes at the head; this body never does."""
    raw_server.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\nxx"

    with pytest.raises(Rejected, match="more than 1024 bytes"):
        await open_egress(max_bytes=KIB).request("GET", raw_server.url)


async def test_the_limit_itself_is_allowed(serve: Serve, open_egress: OpenEgress) -> None:
    """A bound that is off by one loses a file a year."""
    server = await serve(answer(b"x" * KIB))
    egress = open_egress(max_bytes=KIB)

    assert KIB == len((await egress.request("GET", server.url())).body)
    with pytest.raises(Rejected):
        await egress.request("GET", server.url(), max_bytes=KIB - 1)


async def test_a_caller_cannot_widen_the_limit(serve: Serve, open_egress: OpenEgress) -> None:
    """The operator's word is the last."""
    server = await serve(answer(b"x" * (KIB + 1)))

    with pytest.raises(Rejected):
        await open_egress(max_bytes=KIB).request("GET", server.url(), max_bytes=10**9)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_is_not_unpacked(coding: str, serve: Serve, open_egress: OpenEgress) -> None:
    """A hundred kilobytes that would be a hundred megabytes."""
    zeros = b"\0" * (100 * KIB * KIB)
    packed = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)
    server = await serve(answer(packed, Content_Encoding=coding))

    with pytest.raises(Rejected, match="more than 1048576 bytes"):
        await open_egress(max_bytes=KIB * KIB).request("GET", server.url())


def test_unpacking_never_makes_more_than_was_asked_for() -> None:
    """The memory is bounded, not only the result."""
    unpack = _Unpacker("gzip")

    assert 1_000 == len(unpack.feed(gzip.compress(b"\0" * 10_000_000), 1_000))


@pytest.mark.parametrize(
    ("coding", "body", "message"),
    [
        ("br", b"x", "cannot be unpacked"),
        ("zstd", b"x", "cannot be unpacked"),
        ("gzip, gzip", b"x", "cannot be unpacked"),
        ("gzip", b"no gzip at all", "cannot be unpacked"),
        ("gzip", gzip.compress(b"text " * 99, mtime=0)[:-9], "ends early"),
    ],
)
async def test_a_broken_or_unknown_packing_is_refused(
    coding: str, body: bytes, message: str, serve: Serve, open_egress: OpenEgress
) -> None:
    """We asked for gzip or deflate, once, whole."""
    server = await serve(answer(body, Content_Encoding=coding))

    with pytest.raises(Rejected, match=message):
        await open_egress().request("GET", server.url())


async def test_head_brings_no_body(serve: Serve, open_egress: OpenEgress) -> None:
    """Its headers speak of a packed body and a large one; neither comes."""
    server = await serve(answer(gzip.compress(b"x" * 9_999), Content_Encoding="gzip"))

    assert b"" == (await open_egress(max_bytes=KIB).request("HEAD", server.url())).body


async def test_too_many_headers_or_too_long_ones_are_refused(
    raw_server: Any, open_egress: OpenEgress
) -> None:
    """They would fill memory before any body limit counts."""
    many = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(110)) + b"\r\n"
    long = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"
    for reply in (many, long):
        raw_server.reply = reply
        with pytest.raises(ServiceError):
            await open_egress().request("GET", raw_server.url)


async def test_closing_twice_is_fine() -> None:
    """Shutting down may come from two sides."""
    egress = Egress()
    await egress.close()
    await egress.close()

    assert isinstance(egress, Egress)


async def test_errors_repeat_no_query(serve: Serve, open_egress: OpenEgress) -> None:
    """Keys stand in queries; an error ends in a log and in a chat."""
    server = await serve(answer(status=404))

    with pytest.raises(QuarterdeckError) as caught:
        await open_egress().request("GET", server.url("/?api_key=canary-value"))
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"
