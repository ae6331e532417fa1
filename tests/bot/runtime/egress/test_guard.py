"""Nothing that people, documents or models name leads to where it must not."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from tests.bot.runtime.egress.conftest import PUBLIC, _text
from yarl import URL

from quarterdeck.core.errors import Denied, Rejected, UserError
from quarterdeck.runtime.egress import AddressPolicy, Credential, Egress, target

Canary = Any
Serve = Callable[..., Awaitable[Any]]
OpenEgress = Callable[..., Egress]

HOSTS = (
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.000.000.001", "2130706433", "0x7f000001", "0x7f.1",
    "0x7F.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "127.127.127.127", "①②⑦.⓪.⓪.①", "127。0。0。1",
    "\uff11\uff12\uff17.0.0.1", "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[::1%25lo]", "[::1%lo]", "loopback.test", "user@127.0.0.1",
    "public.test@127.0.0.1", "public.test:80@127.0.0.1", "127.0.0.1\\@public.test", "127.0.0.1%2f.public.test",
    "public.test\\.loopback.test", "127.0.0.1\t", "xn--loopback-.test", "a.b.c.loopback.test",
)  # fmt: skip
FORMS = (
    "http://{host}:{port}/",
    "HTTP://{host}:{port}",
    "http://{host}:{port}/a?b=c#d",
    "//{host}:{port}/",
    "http:/{host}:{port}",
)
METADATA = (
    "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "64:ff9b::a9fe:a9fe",
)  # fmt: skip
STEERING = (
    "Authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization",
    "Upgrade",
)  # fmt: skip
SPLITTING = (
    ("X-A", "a\r\nHost: b"), ("X-A", "a\nb"), ("X A", "a"), ("X-A:", "a"), ("", "a"), ("X-A", "a\x00b"),
)  # fmt: skip
URL_FORMS = [form.replace("{host}", host) for host, form in itertools.product(HOSTS, FORMS)]


async def everywhere_home(host: str, port: int) -> list[str]:
    """Resolve every name to this machine: what an attacker's name server answers."""
    return ["127.0.0.1"]


async def direct(egress: Egress, url: str) -> None:
    """Fetch as an attachment or a document is fetched."""
    await egress.request("GET", url)


async def post(egress: Egress, url: str) -> None:
    """Call as a workflow's http action does."""
    await egress.request("POST", url, body=b"{}", headers={"Content-Type": "application/json"})


async def head(egress: Egress, url: str) -> None:
    """Look as a link preview does."""
    await egress.request("HEAD", url, timeout_s=1)


async def with_credential(egress: Egress, url: str) -> None:
    """Call as a connector does, for hosts that somebody wrote into it."""
    hosts = frozenset({*HOSTS, "127.0.0.1", "::1", "localhost", "loopback.test"})
    await egress.request("GET", url, credential=Credential(hosts=hosts, value="Bearer canary-value"))


DIRECT = {"direct": direct, "post": post, "head": head, "credential": with_credential}


def test_there_are_two_hundred_forms() -> None:
    """The threat table promises the number, for five call sites."""
    assert len(set(URL_FORMS)) >= 200
    assert 5 == len([*DIRECT, "redirect"])


@pytest.mark.parametrize("site", DIRECT)
async def test_no_form_of_a_local_address_is_reached(
    site: str, canary: Canary, open_egress: OpenEgress
) -> None:
    """Two hundred ways to write this machine; none opens a connection."""
    egress = open_egress(lookup=everywhere_home)
    refused = 0
    for form in URL_FORMS:
        with pytest.raises(UserError):
            await DIRECT[site](egress, form.replace("{port}", str(canary.port)))
        refused += 1

    assert (len(URL_FORMS), 0) == (refused, canary.connections)


async def test_no_form_of_a_local_address_is_reached_by_redirect(
    canary: Canary, serve: Serve, open_egress: OpenEgress
) -> None:
    """A public server may send us anywhere; each hop is checked like the first."""

    async def lookup(host: str, port: int) -> list[str]:
        return [PUBLIC] if host == "public.test" else ["127.0.0.1"]

    async def redirect(request: web.Request) -> web.Response:
        if "form" not in request.query:
            return web.Response(text="a path of the public server")
        form = URL_FORMS[int(request.query["form"])].replace("{port}", str(canary.port))
        return web.Response(status=302, headers={"Location": form})

    server = await serve(redirect)
    egress = open_egress(lookup=lookup)
    reached = set()
    for number in range(len(URL_FORMS)):
        with suppress(UserError, Rejected):
            reached.add((await egress.request("GET", server.url(f"/?form={number}"))).body)

    assert reached <= {b"a path of the public server"}
    assert len(server.requests) >= len(URL_FORMS)
    assert 0 == canary.connections


async def test_a_resolver_that_changes_its_mind_gets_nowhere(
    canary: Canary, serve: Serve, open_egress: OpenEgress
) -> None:
    """Rebinding: the answer that was checked is the one connected to, a thousand times."""
    answers = itertools.cycle(
        [[PUBLIC], ["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["::1", PUBLIC]]
    )
    asked = 0

    async def flip(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return next(answers)

    async def close(request: web.Request) -> web.Response:
        response = web.Response(text="public")
        response.force_close()
        return response

    server = await serve(close)
    egress = open_egress(lookup=flip)
    outcomes = {"fetched": 0, "denied": 0}
    for _ in range(1_000):
        try:
            await egress.request("GET", server.url())
            outcomes["fetched"] += 1
        except Denied:
            outcomes["denied"] += 1

    assert {"fetched": 200, "denied": 800} == outcomes
    assert (1_000, 0) == (asked, canary.connections)


@pytest.mark.parametrize("address", METADATA)
async def test_metadata_services_are_refused(address: str, open_egress: OpenEgress) -> None:
    """By literal and by name; they hand out the machine's own credentials."""

    async def lookup(host: str, port: int) -> list[str]:
        return [address]

    egress = open_egress(lookup=lookup)
    literal = f"[{address}]" if ":" in address else address

    for url in (f"http://{literal}/latest/meta-data/", "http://metadata.test/"):
        with pytest.raises(Denied, match="not on the public internet"):
            await egress.request("GET", url)


async def test_the_socket_is_the_last_gate(canary: Canary, open_egress: OpenEgress) -> None:
    """Should a resolver ever be passed by, the connection itself still looks at the address."""
    egress = open_egress(policy=AddressPolicy())
    info = (2, 1, 6, "", ("127.0.0.1", canary.port))

    with pytest.raises(Denied):
        egress._socket(info)


async def test_a_literal_is_refused_before_there_is_a_socket(
    open_egress: OpenEgress, monkeypatch: Any
) -> None:
    """Names go through the resolver; a literal address does not, and is looked at by itself."""
    egress = open_egress()
    monkeypatch.setattr(egress, "_socket", None)

    with pytest.raises(Denied):
        await egress.request("GET", "http://10.0.0.1/")


def test_two_readers_that_disagree_are_noticed(monkeypatch: Any) -> None:
    """Should the library that sends ever read a host other than the one that was checked."""
    monkeypatch.setattr(target, "URL", lambda text, encoded: URL("https://evil.test:443/", encoded=encoded))

    with pytest.raises(UserError, match="readers disagree"):
        target.parse_target("https://example.com/")


async def test_private_networks_open_by_name(serve: Serve, open_egress: OpenEgress) -> None:
    """The operator's exception works, for names and literals."""
    server = await serve(lambda request: _text("in"))
    egress = open_egress(policy=AddressPolicy([f"{PUBLIC}/32"]))

    assert b"in" == (await egress.request("GET", server.url())).body
    assert b"in" == (await egress.request("GET", server.url(name=PUBLIC))).body


async def test_plain_http_is_off_unless_allowed(serve: Serve, open_egress: OpenEgress) -> None:
    """Not even a connection is made."""
    server = await serve(lambda request: _text("in"))

    with pytest.raises(Denied, match="without encryption"):
        await open_egress(allow_http=False).request("GET", server.url())
    assert [] == server.requests


@pytest.mark.parametrize(
    "name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
)
async def test_the_environments_proxy_is_ignored(
    name: str, canary: Canary, serve: Serve, open_egress: OpenEgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve names by itself, unchecked."""
    monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    server = await serve(lambda request: _text("direct"))

    assert b"direct" == (await open_egress().request("GET", server.url())).body
    assert 0 == canary.connections


async def test_a_netrc_file_is_ignored(
    serve: Serve, open_egress: OpenEgress, clean_environment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a person's passwords, not the bot's."""
    netrc = f"{clean_environment}/.netrc"
    with open(netrc, "w", encoding="utf-8") as file:
        file.write("default login anna password canary-value\n")
    monkeypatch.setenv("NETRC", netrc)
    server = await serve(lambda request: _text("x"))

    await open_egress().request("GET", server.url())

    assert "Authorization" not in server.requests[0].headers


async def test_a_hundred_pairs_of_credential_and_host(serve: Serve, open_egress: OpenEgress) -> None:
    """A credential goes to its own hosts; every other call is refused before anything is sent."""
    server = await serve(lambda request: _text("x"))
    egress = open_egress()
    names = [f"host{number}.test" for number in range(10)]
    sent = []
    for owner, host in itertools.product(names, names):
        credential = Credential(hosts=frozenset({owner}), value=f"Bearer of-{owner}")
        with suppress(Denied):
            await egress.request("GET", server.url(name=host), credential=credential)
            sent.append((owner, host))

    assert [(name, name) for name in names] == sent
    assert [f"Bearer of-{name}" for name in names] == [
        one.headers["Authorization"] for one in server.requests
    ]
    assert names == [one.headers["Host"].partition(":")[0] for one in server.requests]


@pytest.mark.parametrize("name", STEERING)
async def test_headers_that_steer_the_connection_cannot_be_set(name: str, open_egress: OpenEgress) -> None:
    """They would pass by the credential rule, or smuggle a second request."""
    with pytest.raises(UserError, match="cannot be set"):
        await open_egress().request("GET", "http://public.test/", headers={name: "x"})


@pytest.mark.parametrize(
    "headers", [{f"X-{number}": "a" for number in range(51)}, {"X-A": "a" * 8190}], ids=["many", "long"]
)
async def test_headers_are_bounded(headers: dict[str, str], open_egress: OpenEgress) -> None:
    """What a workflow computes may be anything."""
    with pytest.raises(UserError, match=r"more than 50|too long"):
        await open_egress().request("GET", "http://public.test/", headers=headers)


@pytest.mark.parametrize(("name", "value"), SPLITTING)
async def test_headers_stay_one_line(name: str, value: str, open_egress: OpenEgress) -> None:
    """A line feed in a value would be a header of somebody's choosing."""
    with pytest.raises(UserError, match="is not valid"):
        await open_egress().request("GET", "http://public.test/", headers={name: value})


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "GET / HTTP/1.1\r\nX: y", "", "get post"])
async def test_other_methods_are_refused(method: str, open_egress: OpenEgress) -> None:
    """CONNECT would make the other side a tunnel."""
    with pytest.raises(UserError, match="is not a method"):
        await open_egress().request(method, "http://public.test/")
