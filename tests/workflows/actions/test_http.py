"""Ask real servers through the guarded client, with secrets that go nowhere else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aiohttp import web
from tests.workflows.actions.conftest import PUBLIC, Bench, MakeBench, Serve

from quarterdeck.core.errors import AuthFailed, Denied, NotFound, Rejected, Unavailable, UsageError

TOKEN = "tok-5f1c9a77d2e0"
CREDENTIALS = {
    "api": {"secret": "env:API", "hosts": [PUBLIC]},
    "basic": {"secret": "env:BASIC", "hosts": [PUBLIC], "use": "basic"},
    "tracker": {"secret": "env:API", "hosts": [PUBLIC], "use": "header", "header": "X-API-Key"},
    "elsewhere": {"secret": "env:API", "hosts": ["api.example.com"]},
}
ENVIRON = {"API": TOKEN, "BASIC": "anna:pass-word-41"}


@pytest.fixture
async def keyed(make_bench: MakeBench) -> Bench:
    """Return a bench with credentials."""
    return await make_bench(egress={"credentials": CREDENTIALS}, environ=ENVIRON)


async def echo(request: web.Request) -> web.Response:
    """Answer with what came."""
    body = (await request.read()).decode()
    return web.json_response({"method": request.method, "query": dict(request.query), "body": body})


async def test_json_goes_out_and_comes_back(bench: Bench, serve: Serve) -> None:
    """The usual case, in one step."""
    server = await serve(echo)
    answer = await bench.do(
        "http.request",
        method="POST",
        url=server.url("/a?x=1"),
        query={"y": True},
        json={"n": 1},
        headers={"X-A": "b"},
    )

    assert (200, {"x": "1", "y": "true"}, {"n": 1}) == (
        answer["status"],
        answer["json"]["query"],
        json.loads(answer["json"]["body"]),
    )
    sent = server.requests[0].headers
    assert ("application/json", "b", "run-1/0") == (
        sent["Content-Type"],
        sent["X-A"],
        sent["Idempotency-Key"],
    )


async def test_reading_carries_no_idempotency_key(bench: Bench, serve: Serve) -> None:
    """There is nothing to do twice."""
    server = await serve(echo)
    answer = await bench.do("http.request", url=server.url())

    assert ("GET", False) == (answer["json"]["method"], "Idempotency-Key" in server.requests[0].headers)


@pytest.mark.parametrize(
    ("credential", "header", "value"),
    [
        ("api", "Authorization", f"Bearer {TOKEN}"),
        ("basic", "Authorization", "Basic " + base64.b64encode(b"anna:pass-word-41").decode()),
        ("tracker", "X-API-Key", TOKEN),
    ],
)
async def test_a_credential_is_added_on_the_way_out(
    keyed: Bench, serve: Serve, credential: str, header: str, value: str
) -> None:
    """The workflow names it and never sees it."""
    server = await serve(echo)
    answer = await keyed.do(
        "http.request", url=server.url(), credential=credential, headers={"x-api-key": "mine"}
    )

    assert value == server.requests[0].headers[header]
    assert 1 == len(server.requests[0].headers.getall(header))
    assert TOKEN not in json.dumps(answer)


async def test_a_credential_goes_to_its_own_hosts_only(keyed: Bench, serve: Serve) -> None:
    """Also where a workflow, or what a model made of it, names another."""
    server = await serve(echo)
    with pytest.raises(Denied, match="not for"):
        await keyed.do("http.request", url=server.url(), credential="elsewhere")
    with pytest.raises(NotFound) as caught:
        await keyed.do("http.request", url=server.url(), credential="apj")

    assert ([], True) == (server.requests, "api" in caught.value.hint)


async def test_a_credential_does_not_follow_a_redirect_to_another_host(keyed: Bench, serve: Serve) -> None:
    """A host that is trusted may be turned."""
    other = await serve(echo, "127.0.0.3")

    async def turn(request: web.Request) -> web.Response:
        raise web.HTTPFound(other.url("/taken"))

    server = await serve(turn)
    keyed.web._settings = keyed.settings.egress.model_copy(
        update={"allow_private": (f"{PUBLIC}/32", "127.0.0.3/32")}
    )
    await keyed.do("http.request", url=server.url(), credential="tracker")

    assert (True, ["/taken"]) == (
        "X-API-Key" in server.requests[0].headers,
        [one.path for one in other.requests if "X-API-Key" not in one.headers],
    )


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "Host", "Proxy-Authorization"])
async def test_secrets_cannot_be_written_into_headers(bench: Bench, name: str) -> None:
    """A workflow file is no place for them."""
    with pytest.raises(UsageError, match="cannot be set"):
        await bench.do("http.request", url=f"http://{PUBLIC}:9/", headers={name: "x"})


HOSTILE = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://0.0.0.0:{port}/",
    "http://127.0.0.2@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@127.0.0.2/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",
    "http://10.0.0.1/",
    "http://[fe80::1%25eth0]/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "//127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/\r\nX: y",
]


@pytest.mark.parametrize("url", HOSTILE)
async def test_no_form_of_an_address_reaches_this_machine(bench: Bench, serve: Serve, url: str) -> None:
    """Addresses come out of messages, documents and models."""
    inside = await serve(echo, "127.0.0.1")
    with pytest.raises((Denied, UsageError)):
        await bench.do("http.request", url=url.format(port=inside.port))

    assert [] == inside.requests


async def test_a_redirect_does_not_reach_this_machine(bench: Bench, serve: Serve) -> None:
    """The first hop is checked, so is every other."""
    inside = await serve(echo, "127.0.0.1")

    async def turn(request: web.Request) -> web.Response:
        raise web.HTTPFound(inside.url())

    with pytest.raises(Denied):
        await bench.do("http.request", url=(await serve(turn)).url())

    assert [] == inside.requests


@pytest.mark.parametrize(
    ("status", "method", "error"),
    [(404, "GET", Rejected), (401, "GET", AuthFailed), (503, "GET", Unavailable), (500, "GET", Unavailable)],
)
async def test_a_refusal_fails_the_step(
    bench: Bench, serve: Serve, status: int, method: str, error: type[Exception]
) -> None:
    """With the kind that says whether to try again."""

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": "no"}, status=status)

    server = await serve(refuse)
    with pytest.raises(error):
        await bench.do("http.request", method=method, url=server.url())

    answer = await bench.do("http.request", url=server.url(), keep_refusals=True)
    assert (status, {"error": "no"}) == (answer["status"], answer["json"])


async def test_a_large_answer_goes_into_a_file(bench: Bench, serve: Serve) -> None:
    """Not into the run's journal."""

    async def much(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 400_000)

    server = await serve(much)
    with pytest.raises(Rejected):
        await bench.do("http.request", url=server.url())
    answer = await bench.do("http.request", url=server.url(), save_as="page.bin")

    assert ("page.bin", 400_000, "") == (answer["file"], answer["size_bytes"], answer["body"])
    assert 400_000 == (bench.folder / "page.bin").stat().st_size


@pytest.mark.parametrize(
    "given",
    [{}, {"url": "http://127.0.0.2:9/", "json": 1, "body": "x"}, {"url": "http://127.0.0.2:9/", "tpyo": 1}],
)
async def test_what_makes_no_request_is_refused(bench: Bench, given: dict[str, Any]) -> None:
    """Before anything goes out."""
    with pytest.raises(UsageError):
        await bench.do("http.request", **given)


async def test_what_says_that_it_is_json_and_is_not_fails(bench: Bench, serve: Serve) -> None:
    """Later steps would find nothing and not know why."""

    async def broken(request: web.Request) -> web.Response:
        return web.Response(text='{"a": ', content_type="application/json")

    with pytest.raises(Rejected, match="says that it is JSON"):
        await bench.do("http.request", url=(await serve(broken)).url())
