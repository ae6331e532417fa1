"""What no honest client sends is turned away before a route is asked."""

import asyncio
import ipaddress
import resource
import sys
from pathlib import Path

import pytest
from aiohttp import web

from quarterdeck.runtime.network.routes import ANYBODY, Principal, route
from quarterdeck.web.guard import SECURITY_HEADERS, Reach

PROBES = ("/healthz", "/readyz", "/metrics")

HOSTILE_HOSTS = [
    None,
    "",
    "evil.example",
    "evil.example:8420",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "localhost@evil.example",
    "evil.example@localhost",
    "localhost:8420@evil.example",
    "localhost/evil.example",
    "localhost evil.example",
    "localhost,evil.example",
    "localhost:port",
    "0.0.0.0",
    "[::]",
    "10.0.0.5",
    "169.254.169.254",
    "192.168.1.10:8420",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "[::1",
    "localhost.",
    "\u217cocalhost",
]
HONEST_HOSTS = [
    "localhost",
    "localhost:9000",
    "LOCALHOST",
    "127.0.0.1:8420",
    "127.0.0.1",
    "[::1]:8420",
    "[::1]",
]

HOSTILE_SITES = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost:1"},
]


async def change(request: web.Request) -> web.Response:
    """Stand for a route that changes something, or opens a socket."""
    request.app[CHANGES].append(await request.text())
    return web.Response(text="changed")


CHANGES: web.AppKey[list[str]] = web.AppKey("changes")


@pytest.fixture
def changes(monkeypatch):
    """Collect what `change` did."""
    collected: list[str] = []
    original = web.Application.__init__

    def with_changes(self, *rest, **options):
        original(self, *rest, **options)
        self[CHANGES] = collected

    monkeypatch.setattr(web.Application, "__init__", with_changes)
    return collected


@pytest.mark.parametrize("path", [*PROBES, "/", "/nothing"])
async def test_a_hostile_host_is_refused(path, serve, send):
    """A name that a stranger points at 127.0.0.1 must not make a browser our client."""
    async with serve() as server:
        statuses = {
            host: (await send(server, path, host=host.encode().decode("latin-1") if host else host)).status
            for host in HOSTILE_HOSTS
        }

    assert {} == {host: status for host, status in statuses.items() if status not in (400, 403)}


async def test_an_honest_host_is_served(serve, send):
    """Any port: tunnels and containers change it."""
    async with serve() as server:
        statuses = [(await send(server, host=host)).status for host in HONEST_HOSTS]

    assert [200] * len(HONEST_HOSTS) == statuses


async def test_two_hosts_or_a_foreign_absolute_address_are_refused(serve, send):
    """What a proxy and we might read differently, nobody honest sends."""
    async with serve() as server:
        twice = await send(server, headers={"Host": "evil.example"})
        absolute = await send(server, "http://evil.example/healthz")

    assert (True, 403) == (twice.status in (400, 403), absolute.status)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_strangers_page_changes_nothing(method, serve, send, changes):
    """A form on any page in the operator's browser can post to loopback."""
    changing = route(method, "/change", change, principal=ANYBODY)
    async with serve(changing) as server:
        statuses = [
            (await send(server, "/change", method=method, headers=headers, body=b"x")).status
            for headers in HOSTILE_SITES
        ]

    assert [403] * len(HOSTILE_SITES) == statuses
    assert [] == changes


async def test_a_strangers_page_opens_no_socket(serve, send, changes):
    """Web sockets are not bound by the same-origin rule; the server has to look."""
    opening = route("GET", "/socket", change, principal=ANYBODY)
    opened = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with serve(opening) as server:
        statuses = [
            (await send(server, "/socket", headers=opened | headers)).status for headers in HOSTILE_SITES
        ]

    assert [403] * len(HOSTILE_SITES) == statuses
    assert [] == changes


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_our_own_page_and_programs_may_change_things(headers, serve, send, changes):
    """Programs send neither header; their proof is the route's principal."""
    async with serve(route("POST", "/change", change, principal=ANYBODY)) as server:
        answer = await send(server, "/change", method="POST", headers=headers, body=b"x")

    assert (200, ["x"]) == (answer.status, changes)


async def test_the_principal_is_proven_before_the_handler_reads_anything(serve, send, changes):
    """Work before authentication is work for strangers."""

    async def knows_word(request: web.Request) -> bool:
        return request.headers.get("Authorization") == "Bearer right"

    asking = route("POST", "/change", change, principal=Principal(name="word", verify=knows_word))
    async with serve(asking) as server:
        wrong = await send(server, "/change", method="POST", body=b"x")
        right = await send(
            server, "/change", method="POST", body=b"y", headers={"Authorization": "Bearer right"}
        )

    assert (401, 200, ["y"]) == (wrong.status, right.status, changes)


async def test_a_body_that_is_announced_as_too_long_is_refused_at_once(serve, send):
    """Before its sender is asked for, and without a byte of it being read."""

    async def never(request: web.Request) -> bool:
        raise AssertionError("asked who calls")

    asking = route("POST", "/change", change, principal=Principal(name="never", verify=never))
    async with serve(asking) as server:
        answer = await send(server, "/change", method="POST", headers={"Content-Length": str(2**26)})

    assert 413 == answer.status


async def test_every_answer_carries_the_security_headers(serve, send, changes):
    """Errors as well: a browser renders those, too."""
    async with serve(route("POST", "/change", change, principal=ANYBODY)) as server:
        answers = [
            await send(server, "/healthz"),
            await send(server, "/metrics"),
            await send(server, "/nothing"),
            await send(server, "/healthz", method="POST", body=b"x"),
            await send(server, "/healthz", host="evil.example"),
            await send(server, "/change", method="POST", body=b"x" * (1024 * 1024 + 1)),
        ]

    assert [200, 200, 404, 405, 403, 413] == [answer.status for answer in answers]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]


async def test_an_unknown_path_is_a_plain_404(serve, send):
    """Nothing says which software this is, or what else there is."""
    async with serve() as server:
        answers = [await send(server, path) for path in ("/", "/admin", "/healthz/", "/%2e%2e/etc/passwd")]

    assert [(404, b"404: Not Found")] * 4 == [(answer.status, answer.body) for answer in answers]


FORWARDED = [
    {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "localhost"},
    {"Forwarded": "for=127.0.0.1;host=localhost"},
    {"X-Real-IP": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Original-URL": "/metrics"},
]


@pytest.mark.parametrize("headers", FORWARDED)
async def test_what_a_proxy_claims_is_not_believed(headers, serve, send):
    """No proxy is configured, so nobody may speak for one."""
    async with serve() as server:
        host = await send(server, host="evil.example", headers=headers)
        path = await send(server, "/nothing", headers=headers)

    assert (403, 404) == (host.status, path.status)


def probe_and_page():
    """Return a route of each kind."""
    return (
        route("GET", "/healthz", change, principal=ANYBODY, listener="metrics"),
        route("GET", "/page", change, principal=ANYBODY),
    )


@pytest.mark.parametrize(
    ("host", "metrics_host", "arrives_at", "admitted"),
    [
        ("127.0.0.1", None, "127.0.0.1", (True, True)),
        ("127.0.0.1", None, "10.0.0.5", (False, False)),
        ("0.0.0.0", None, "127.0.0.1", (True, True)),
        ("0.0.0.0", None, "10.0.0.5", (False, True)),
        ("10.0.0.5", None, "10.0.0.5", (False, True)),
        ("10.0.0.5", None, "127.0.0.1", (True, False)),
        ("127.0.0.1", "10.0.0.5", "10.0.0.5", (True, False)),
        ("127.0.0.1", "10.0.0.5", "127.0.0.1", (True, True)),
        ("127.0.0.1", "0.0.0.0", "10.0.0.5", (True, False)),
        ("127.0.0.1", "0.0.0.0", "fe80::1", (False, False)),
        ("::1", "::", "2001:db8::1", (True, False)),
        ("::1", None, "::1", (True, True)),
    ],
)
def test_each_kind_of_route_is_reached_where_the_settings_say(host, metrics_host, arrives_at, admitted):
    """Health and metrics tell strangers about the team: loopback, or the address that the operator named."""
    reach = Reach(
        host=ipaddress.ip_address(host),
        metrics_host=ipaddress.ip_address(metrics_host) if metrics_host else None,
    )
    local = ipaddress.ip_address(arrives_at)

    assert admitted == tuple(reach.admits(declared.listener, local) for declared in probe_and_page())


BAD = [
    b"GET {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET {path} HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET {path}\x00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"G\xffT {path} HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"GET {path}?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET {path} HTTP/1.1\r\nHost: localhost\r\nX: " + b"b" * 9000 + b"\r\n\r\n",
    b"GET {path}%ff%fe%00%c0%af HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("path", [*PROBES, "/change", "/nothing"])
async def test_no_bad_request_is_a_server_error(path, serve, changes, caplog):
    """Twelve kinds on each route; none is logged with a traceback, for anybody can send them."""
    async with serve(route("POST", "/change", change, principal=ANYBODY)) as server:
        first_lines = []
        for request in BAD:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request.replace(b"{path}", path.encode()))
            writer.write_eof()
            first_lines.append((await reader.read()).split(b"\r\n")[0])
            writer.close()
            await writer.wait_closed()

    assert [] == [line for line in first_lines if line[9:10] == b"5"]
    assert [] == [record.message for record in caplog.records if record.exc_info]


FLOOD = """
import asyncio, sys

async def send(port, head):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    try:
        for _ in range(1024):
            writer.write(b"10000\\r\\n" + b"x" * 65536 + b"\\r\\n")
            await writer.drain()
        return (await reader.read())[9:12]
    except ConnectionError:
        return b"cut"
    finally:
        writer.transport.abort()

async def main():
    answers = await asyncio.gather(*(send(int(sys.argv[1]), sys.argv[2]) for _ in range(100)))
    print(len(answers), b"200" in answers)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("length", ["Content-Length: 67108864", "Transfer-Encoding: chunked"])
async def test_a_hundred_huge_bodies_do_not_fill_the_memory(length, serve, changes):
    """64 MiB each, at once, from somebody without a credential: refused before a byte of them is kept."""

    async def nobody(request: web.Request) -> bool:
        return False

    asking = route("POST", "/change", change, principal=Principal(name="nobody", verify=nobody))
    async with serve(asking) as server:
        before_mib = resident_mib()
        head = f"POST /change HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n"
        flood = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FLOOD, str(server.port), head, stdout=asyncio.subprocess.PIPE
        )
        ending = asyncio.create_task(flood.communicate())
        most_mib = before_mib
        while not ending.done():
            await asyncio.wait({ending}, timeout=0.01)
            most_mib = max(most_mib, resident_mib())

    assert (b"100 False\n", None) == ending.result()
    assert [] == changes
    assert most_mib - before_mib < 16


def resident_mib() -> float:
    """Return the memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
