"""Nothing is open by default; what is wrong with an address is said with the setting that mends it."""

import asyncio
import ipaddress
import resource
import socket
from contextlib import nullcontext

import pytest
from aiohttp import web

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.network.routes import ANYBODY, Principal, Route, route
from quarterdeck.runtime.settings.sections import HttpSettings
from quarterdeck.web.guard import Reach
from quarterdeck.web.server import WebServer, build, listeners, refuse_exposure

LOOPBACK = Reach(host=ipaddress.ip_address("127.0.0.1"), metrics_host=None)


async def answer(request: web.Request) -> web.Response:
    """Answer."""
    return web.Response(text="ok")


async def refuse(request: web.Request) -> bool:
    """Let nobody in."""
    return False


ASKING = Principal(name="token", verify=refuse)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_the_default_is_loopback_and_the_port_of_the_settings(serve, send):
    """The defaults of the real settings, with the port left to chance."""
    settings = HttpSettings()
    assert ("127.0.0.1", 8420, None) == (settings.host, settings.port, settings.metrics_host)

    async with serve(addresses=settings.model_copy(update={"port": 0})) as server:
        reply = await send(server)

        assert (200, True) == (reply.status, server.port > 0)


async def test_ipv6_loopback_is_served(serve, send):
    """`http.host: ::1`."""
    async with serve(addresses=HttpSettings(host="::1", port=0)) as server:
        reply = await send(server, to="::1", host="[::1]")

    assert 200 == reply.status


async def test_a_metrics_host_beside_the_host_gets_the_same_port(serve, send):
    """127.0.0.2 stands for another address of this machine."""
    async with serve(
        route("GET", "/page", answer, principal=ANYBODY),
        addresses=HttpSettings(port=0, metrics_host="127.0.0.2"),
    ) as server:
        there = await send(server, "/healthz", to="127.0.0.2")
        page_there = await send(server, "/page", to="127.0.0.2")
        page_here = await send(server, "/page")

    assert (200, 404, 200) == (there.status, page_there.status, page_here.status)


async def test_a_taken_port_is_named_with_its_setting(serve):
    """The second bot on a machine must say what to change."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError, match=rf"port {port} on 127\.0\.0\.1 is taken") as raised:
            async with serve(addresses=HttpSettings(port=port)):
                pass

    assert "http.port" == raised.value.key
    assert "http.port" in raised.value.hint


async def test_an_address_of_another_machine_is_named_with_its_setting(serve):
    """192.0.2.0/24 is for documentation: nobody has it."""
    with pytest.raises(SetupError, match=r"cannot listen on 192\.0\.2\.1") as raised:
        async with serve(addresses=HttpSettings(port=0, metrics_host="192.0.2.1")):
            pass

    assert "http.metrics_host" in raised.value.hint


async def test_a_failed_start_leaves_no_socket_behind(serve, send):
    """The first address was bound already when the second failed."""
    port = free_port()
    with pytest.raises(SetupError):
        async with serve(addresses=HttpSettings(port=port, metrics_host="192.0.2.1")):
            pass

    async with serve(addresses=HttpSettings(port=port)) as server:
        assert 200 == (await send(server)).status


async def test_a_stopped_server_can_be_started_again_on_its_port(serve, send):
    """A restart must not wait for old connections to be forgotten."""
    async with serve() as server:
        port = server.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readline()
    writer.close()

    async with serve(addresses=HttpSettings(port=port)) as server:
        assert 200 == (await send(server)).status


BINDS = ["127.0.0.1", "::1", "0.0.0.0", "::", "10.0.0.5", "2001:db8::5"]
AUTHENTICATION = {
    "nothing asks": [route("GET", "/page", answer, principal=ANYBODY)],
    "one of two asks": [
        route("GET", "/page", answer, principal=ASKING),
        route("GET", "/open", answer, principal=ANYBODY),
    ],
    "health only": [],
    "all ask": [route("GET", "/page", answer, principal=ASKING)],
}
PROXIES: list[tuple[str, ...]] = [(), ("10.0.0.2",), ("10.0.0.2", "0.0.0.0/0")]


@pytest.mark.parametrize("bind", BINDS)
@pytest.mark.parametrize("authentication", AUTHENTICATION)
@pytest.mark.parametrize("proxies", PROXIES, ids=["no proxy", "one proxy", "everybody"])
def test_no_start_is_both_reachable_and_open(bind, authentication, proxies):
    """Six binds, four ways to ask who calls, three set-ups of proxies: 72, and none is reachable and open."""
    routes: list[Route] = [
        *AUTHENTICATION[authentication],
        route("GET", "/healthz", answer, principal=ANYBODY, listener="metrics"),
    ]
    is_reachable = not ipaddress.ip_address(bind).is_loopback
    is_believing = "0.0.0.0/0" in proxies
    is_refused = is_believing or (is_reachable and (authentication != "all ask" or not proxies))
    expectation = pytest.raises(SetupError, match=r"http\.") if is_refused else nullcontext()

    with expectation:
        WebServer(HttpSettings(host=bind, trusted_proxies=proxies), routes)


def test_a_reachable_address_needs_tls_or_a_proxy():
    """Passwords would cross the network in the clear."""
    host, asking = ipaddress.ip_address("0.0.0.0"), AUTHENTICATION["all ask"]

    with pytest.raises(SetupError, match="could be read on the way") as raised:
        refuse_exposure(host, asking)
    refuse_exposure(host, asking, is_tls=True)
    refuse_exposure(host, asking, proxies=[ipaddress.ip_network("10.0.0.2/32")])

    assert "http.trusted_proxies" in raised.value.hint


@pytest.mark.parametrize("given", ["tls_certificate", "tls_key"])
def test_half_of_tls_is_none(given, tmp_path):
    """A certificate without its key encrypts nothing."""
    with pytest.raises(SetupError, match="is missing"):
        WebServer(HttpSettings(**{given: tmp_path / "file.pem"}), [])


def test_an_unusable_certificate_names_the_setting(tmp_path):
    """Not OpenSSL's words alone."""
    (tmp_path / "file.pem").write_text("no certificate")

    with pytest.raises(SetupError, match="cannot be used") as raised:
        WebServer(HttpSettings(tls_certificate=tmp_path / "file.pem", tls_key=tmp_path / "file.pem"), [])

    assert "http.tls_certificate" == raised.value.key


def test_exposure_names_the_open_route_and_the_way_out():
    """The operator learns what would be open, and what to set instead."""
    with pytest.raises(SetupError, match="/page would be open to anybody") as raised:
        refuse_exposure(ipaddress.ip_address("0.0.0.0"), AUTHENTICATION["nothing asks"])

    assert "http.metrics_host" in raised.value.hint


@pytest.mark.parametrize(
    ("host", "metrics_host", "bound"),
    [
        ("127.0.0.1", None, ["127.0.0.1"]),
        ("127.0.0.1", "127.0.0.1", ["127.0.0.1"]),
        ("127.0.0.1", "10.0.0.5", ["127.0.0.1", "10.0.0.5"]),
        ("127.0.0.1", "0.0.0.0", ["0.0.0.0"]),
        ("127.0.0.1", "::", ["127.0.0.1", "::"]),
        ("10.0.0.5", None, ["10.0.0.5", "127.0.0.1"]),
        ("0.0.0.0", "10.0.0.5", ["0.0.0.0"]),
        ("::1", None, ["::1"]),
    ],
)
def test_each_address_is_bound_once(host, metrics_host, bound):
    """A wildcard covers the addresses of its family; binding those as well would fail."""
    metrics_address = ipaddress.ip_address(metrics_host) if metrics_host else None

    assert bound == [str(address) for address in listeners(ipaddress.ip_address(host), metrics_address)]


def test_a_route_without_a_principal_keeps_the_app_from_starting():
    """Forgetting to say who may call must not mean everybody."""
    undeclared = Route(
        method="GET",
        path="/page",
        handler=answer,
        principal=None,  # type: ignore[arg-type]
        listener="host",
    )
    with pytest.raises(SetupError, match="GET /page does not say who may call it"):
        build([undeclared], LOOPBACK)


def test_a_route_that_came_in_around_the_declaration_keeps_the_app_from_starting(monkeypatch):
    """A plug-in that adds to the router itself has declared nothing."""
    original = web.Application.__init__

    def with_a_back_door(self, *rest, **options):
        original(self, *rest, **options)
        self.router.add_get("/back-door", answer)

    monkeypatch.setattr(web.Application, "__init__", with_a_back_door)
    with pytest.raises(SetupError, match="/back-door does not say who may call it"):
        build([route("GET", "/page", answer, principal=ASKING)], LOOPBACK)


async def test_the_server_recovers_by_itself_from_a_lack_of_file_descriptors(serve, send, caplog):
    """Fifty connections more than there are descriptors for; then they go, and all is well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serve() as server:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
        await send(server)
        lowest = socket.socket()
        limit = lowest.fileno() + 1
        lowest.close()
        starving = socket.socket()
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            starving.setblocking(False)
            starving.connect_ex(("127.0.0.1", server.port))
            await asyncio.wait_for(until_logged(caplog, "out of system resource"), 10)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            starving.close()
            for connection in held:
                connection.close()
        reply = await send(server)

    assert 200 == reply.status


async def until_logged(caplog, text: str) -> None:
    """Return once a record says `text`."""
    while not any(text in record.getMessage() for record in caplog.records):
        await asyncio.sleep(0)
