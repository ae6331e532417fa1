"""What comes back is bounded, and every way to fail has its name."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quarterdeck.core.errors import (
    AuthFailed,
    QuarterdeckError,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.runtime.egress import AddressPolicy, Egress
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
        ("gzip", gzip.compress(b"text " * 99)[:-9], "ends early"),
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
    many = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(1_000)) + b"\r\n"
    long = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"
    for reply in (many, long):
        raw_server.reply = reply
        with pytest.raises(ServiceError):
            await open_egress().request("GET", raw_server.url)


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


@pytest.mark.parametrize(
    ("method", "kind"), [("GET", Unavailable), ("PUT", Unavailable), ("POST", Unknown), ("PATCH", Unknown)]
)
@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nX"],
    ids=["nothing", "half a body", "no http", "half a head"],
)
async def test_a_lost_answer_to_a_change_is_unknown(
    reply: bytes, method: str, kind: type[ServiceError], raw_server: RawServer, open_egress: OpenEgress
) -> None:
    """It may have been carried out; only methods that may be repeated are."""
    raw_server.reply = reply

    with pytest.raises(kind):
        await open_egress().request(method, raw_server.url, body=b"x" if method != "GET" else None)


@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Unknown)])
async def test_a_silent_server_costs_bounded_time(
    method: str, kind: type[ServiceError], raw_server: RawServer, open_egress: OpenEgress
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


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the function that makes a self-signed certificate for a name: `NAME.pem` holds it and its key."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *, days: int = 1) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.{days}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file

    return make


def server_side(file: Path) -> ssl.SSLContext:
    """Make the server's half."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


async def test_tls_is_checked_against_the_name_not_the_address(
    certificates: Callable[..., Path], serve: Serve, open_egress: OpenEgress
) -> None:
    """Pinning the address must not cost the certificate check."""
    file = certificates("public.test")
    server = await serve(answer(b"secret"), tls=server_side(file))
    egress = open_egress(tls=ssl.create_default_context(cafile=file), allow_http=False)

    assert b"secret" == (await egress.request("GET", server.url(scheme="https"))).body
    with pytest.raises(Unavailable, match="no secure connection"):
        await egress.request("GET", server.url(scheme="https", name="other.test"))


@pytest.mark.parametrize("fault", ["unknown authority", "expired", "no tls at all"])
async def test_a_tls_failure_is_no_downgrade(
    fault: str, certificates: Callable[..., Path], serve: Serve, open_egress: OpenEgress
) -> None:
    """A captive portal or a middle man gets nothing, not even over plain http, not even when http is allowed."""
    file = certificates("public.test", days=-1 if fault == "expired" else 1)
    trusts = ssl.create_default_context(cafile=file if fault == "expired" else None)
    server = await serve(answer(b"x"), tls=None if fault == "no tls at all" else server_side(file))

    with pytest.raises(Unavailable):
        await open_egress(tls=trusts, allow_http=True).request(
            "POST", server.url(scheme="https"), body=b"secret"
        )
    assert [] == server.requests


async def test_a_redirect_from_https_to_http_is_refused(
    certificates: Callable[..., Path], serve: Serve, open_egress: OpenEgress
) -> None:
    """Even where plain http is allowed for addresses that begin so."""
    plain = await serve(answer(b"x"))
    file = certificates("public.test")
    secure = await serve(answer(status=302, Location=plain.url()), tls=server_side(file))
    egress = open_egress(tls=ssl.create_default_context(cafile=file))

    with pytest.raises(Rejected, match="from https to plain http"):
        await egress.request("GET", secure.url(scheme="https"))
    assert [] == plain.requests


async def test_cancelling_leaves_nothing_behind(raw_server: RawServer, open_egress: OpenEgress) -> None:
    """A command that was cancelled does not hold a connection."""
    raw_server.is_silent = True
    egress = open_egress()
    waiting = asyncio.create_task(egress.request("GET", raw_server.url))
    while not raw_server.requests:
        await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


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
