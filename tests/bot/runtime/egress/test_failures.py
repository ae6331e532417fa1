"""Every way to fail has its name, and costs bounded time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.core.errors import (
    AuthFailed,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.runtime.egress import AddressPolicy, Egress

PUBLIC = "127.0.0.2"  # as conftest.py has it: the stand-in for the internet
Serve = Callable[..., Awaitable[Any]]
OpenEgress = Callable[..., Egress]


@pytest.mark.parametrize(
    ("status", "method", "headers", "kind", "retry_after_s"),
    [
        (400, "GET", {}, Rejected, None),
        (401, "GET", {}, AuthFailed, None),
        (403, "POST", {}, AuthFailed, None),
        (404, "GET", {}, Rejected, None),
        (408, "POST", {}, Unavailable, None),
        (409, "POST", {}, Rejected, None),
        (413, "POST", {}, Rejected, None),
        (429, "POST", {"Retry-After": "7"}, RateLimited, 7.0),
        (429, "POST", {"Retry-After": "2.5"}, RateLimited, 2.5),
        (429, "GET", {}, RateLimited, None),
        (429, "GET", {"Retry-After": "soon"}, RateLimited, None),
        (429, "GET", {"Retry-After": "-5"}, RateLimited, 0.0),
        (429, "GET", {"Retry-After": "9" * 30}, RateLimited, 86_400.0),
        (429, "GET", {"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}, RateLimited, 0.0),
        (429, "GET", {"Retry-After": "nan"}, RateLimited, None),
        (500, "GET", {}, Unavailable, None),
        (500, "POST", {}, Unknown, None),
        (502, "PATCH", {}, Unknown, None),
        (502, "DELETE", {}, Unavailable, None),
        (503, "POST", {"Retry-After": "3"}, Unavailable, 3.0),
        (504, "POST", {}, Unknown, None),
        (504, "PUT", {}, Unavailable, None),
    ],
)
async def test_a_status_says_what_to_do_next(
    status: int,
    method: str,
    headers: dict[str, str],
    kind: type[ServiceError],
    retry_after_s: float | None,
    serve: Serve,
    open_egress: OpenEgress,
) -> None:
    """Try again, later, with another key, or never."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, text="because\n of this")

    server = await serve(handle)

    with pytest.raises(ServiceError) as caught:
        await open_egress().request(method, server.url())
    assert kind is type(caught.value)
    assert retry_after_s == getattr(caught.value, "retry_after_s", None)
    assert f"public.test answered {status}: because of this" == caught.value.message


@pytest.mark.parametrize(
    ("method", "kind"), [("GET", Unavailable), ("PUT", Unavailable), ("POST", Unknown), ("PATCH", Unknown)]
)
@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX"],
    ids=["nothing", "half a body", "no http", "half a head"],
)
async def test_a_lost_answer_to_a_change_is_unknown(
    reply: bytes, method: str, kind: type[ServiceError], raw_server: Any, open_egress: OpenEgress
) -> None:
    """It may have been carried out; only methods that may be repeated are."""
    raw_server.reply = reply

    with pytest.raises(kind):
        await open_egress().request(method, raw_server.url, body=b"x" if method != "GET" else None)


@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Unknown)])
async def test_a_silent_server_costs_bounded_time(
    method: str, kind: type[ServiceError], raw_server: Any, open_egress: OpenEgress
) -> None:
    """The whole request has one limit."""
    raw_server.is_silent = True

    with pytest.raises(kind, match="it took too long"):
        await open_egress().request(method, raw_server.url, timeout_s=0.1)
    assert 1 == raw_server.requests


async def test_a_dripping_server_costs_bounded_time(serve: Serve, open_egress: OpenEgress) -> None:
    """A byte now and then keeps no request alive beyond the limit."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    server = await serve(drip)

    with pytest.raises(Unavailable, match="it took too long"):
        await open_egress().request("GET", server.url(), timeout_s=0.2)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_name_that_does_not_resolve_is_unavailable(method: str, open_egress: OpenEgress) -> None:
    """Nothing was sent, whatever the method."""

    async def lookup(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Unavailable, match="its name cannot be resolved"):
        await open_egress(lookup=lookup).request(method, "http://nowhere.test/")


async def test_a_second_hop_that_was_never_reached_is_unavailable(
    raw_server: Any, open_egress: OpenEgress
) -> None:
    """What the first hop answered is known; the change went nowhere."""
    answers = [[PUBLIC]]

    async def lookup(host: str, port: int) -> list[str]:
        if answers:
            return answers.pop()
        await asyncio.Event().wait()
        raise AssertionError

    raw_server.reply = b"HTTP/1.1 307 X\r\nLocation: /there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    with pytest.raises(Unavailable, match="it took too long"):
        await open_egress(lookup=lookup, timeout_s=0.3).request("POST", raw_server.url)


async def test_a_name_without_addresses_is_unavailable(open_egress: OpenEgress) -> None:
    """An empty answer is no answer."""

    async def lookup(host: str, port: int) -> list[str]:
        return []

    with pytest.raises(Unavailable):
        await open_egress(lookup=lookup).request("GET", "http://nowhere.test/")


async def test_a_name_server_that_hangs_costs_bounded_time(open_egress: OpenEgress) -> None:
    """Nothing was sent, so a POST is not unknown."""

    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Unavailable, match="it took too long"):
        await open_egress(lookup=lookup, timeout_s=0.1).request("POST", "http://nowhere.test/")


async def test_a_closed_port_is_unavailable(open_egress: OpenEgress, unused_tcp_port_factory: Any) -> None:
    """Nothing was sent."""
    with pytest.raises(Unavailable, match="cannot be reached"):
        await open_egress().request("POST", f"http://public.test:{unused_tcp_port_factory()}/")


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """Return an address that swallows connections: its queue is full and nobody takes from it."""
    listening = socket.socket()
    listening.bind(("127.0.0.3", 0))
    listening.listen(0)
    waiting = []
    for _ in range(8):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listening.getsockname())
        waiting.append(one)
    yield listening.getsockname()
    for one in (listening, *waiting):
        one.close()


async def test_a_black_hole_is_passed_by(black_hole: tuple[str, int], open_egress: OpenEgress) -> None:
    """A host whose first address swallows packets (IPv6, often) is reached by its second."""
    hole, port = black_hole

    async def lookup(host: str, port: int) -> list[str]:
        return [hole, PUBLIC]

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        writer.close()

    policy = AddressPolicy([f"{PUBLIC}/32", f"{hole}/32"])
    async with await asyncio.start_server(reply, PUBLIC, port):
        fetched = await open_egress(lookup=lookup, policy=policy, timeout_s=10).request(
            "GET", f"http://public.test:{port}/"
        )

    assert b"hi" == fetched.body


async def test_nothing_but_a_black_hole_costs_bounded_time(
    black_hole: tuple[str, int], open_egress: OpenEgress
) -> None:
    """And is unavailable, not unknown: nothing was sent."""
    hole, port = black_hole

    async def lookup(host: str, port: int) -> list[str]:
        return [hole]

    egress = open_egress(lookup=lookup, policy=AddressPolicy([f"{hole}/32"]), timeout_s=0.2)

    with pytest.raises(Unavailable, match="it took too long"):
        await egress.request("POST", f"http://public.test:{port}/")


async def test_cancelling_leaves_nothing_behind(raw_server: Any, open_egress: OpenEgress) -> None:
    """A command that was cancelled does not hold a connection."""
    raw_server.is_silent = True
    egress = open_egress()
    waiting = asyncio.create_task(egress.request("GET", raw_server.url))
    while not raw_server.requests:
        await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
