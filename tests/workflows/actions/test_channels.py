"""Post through the webhooks of Slack and Discord: the address is the secret, and nobody is pinged."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from tests.workflows.actions.conftest import PUBLIC, Bench, MakeBench, Serve, Server

from quarterdeck.core.errors import Denied, RateLimited, Rejected, UsageError


async def bench_for(make_bench: MakeBench, server: Server, path: str = "/hook/s3cr3t-path") -> Bench:
    """Return a bench whose credential `ops` is an address of this server."""
    return await make_bench(
        egress={
            "credentials": {
                "ops": {"secret": "env:OPS", "hosts": [PUBLIC], "use": "address"},
                "moved": {"secret": "env:OPS", "hosts": ["hooks.slack.com"], "use": "address"},
                "token": {"secret": "env:OPS", "hosts": [PUBLIC]},
            }
        },
        environ={"OPS": server.url(path)},
    )


async def take(request: web.Request) -> web.Response:
    """Answer as Discord does with `wait=true`."""
    return web.json_response({"id": "42"})


async def test_discord_pings_nobody(make_bench: MakeBench, serve: Serve) -> None:
    """What is posted may come from anybody."""
    server = await serve(take)
    bench = await bench_for(make_bench, server)
    posted = await bench.do(
        "discord.webhook", credential="ops", text="@everyone <@1> done", username="Deploys"
    )

    assert {"message": "42"} == posted
    assert {
        "content": "@everyone <@1> done",
        "allowed_mentions": {"parse": []},
        "username": "Deploys",
    } == json.loads(server.bodies[0])
    assert "/hook/s3cr3t-path?wait=true" == server.requests[0].path_qs


async def test_slack_pings_nobody(make_bench: MakeBench, serve: Serve) -> None:
    """`<!channel>` in a text is a text."""
    server = await serve(take)
    bench = await bench_for(make_bench, server)

    assert {"posted": True} == await bench.do(
        "slack.webhook", credential="ops", text="<!channel> a & b <@U1>"
    )
    assert "&lt;!channel&gt; a &amp; b &lt;@U1&gt;" == json.loads(server.bodies[0])["text"]


async def test_http_request_knows_whole_addresses_too(make_bench: MakeBench, serve: Serve) -> None:
    """For other systems of this kind; what comes after the ? is added to what is there."""
    server = await serve(take)
    bench = await bench_for(make_bench, server, "/hook?thread=1")
    answer = await bench.do("http.request", method="POST", credential="ops", query={"a": 1}, json={})

    assert ("/hook?thread=1&a=1", False) == (server.requests[0].path_qs, "hook" in json.dumps(answer))


async def test_an_address_may_not_leave_its_host(make_bench: MakeBench, serve: Serve) -> None:
    """Neither by the settings nor by the workflow."""
    server = await serve(take)
    bench = await bench_for(make_bench, server)
    with pytest.raises(Denied):
        await bench.do("slack.webhook", credential="moved", text="x")
    with pytest.raises(UsageError):
        await bench.do("http.request", method="POST", credential="ops", url="https://evil.example/")
    for action in ("slack.webhook", "discord.webhook"):
        with pytest.raises(UsageError, match="token is no address"):
            await bench.do(action, credential="token", text="x")

    assert [] == server.requests


async def test_a_redirect_is_not_followed(make_bench: MakeBench, serve: Serve) -> None:
    """The post would become a GET somewhere else, and look like a success."""
    other = await serve(take)

    async def turn(request: web.Request) -> web.Response:
        raise web.HTTPFound(other.url())

    bench = await bench_for(make_bench, await serve(turn))
    for action in ("discord.webhook", "slack.webhook"):
        with pytest.raises(Rejected, match="302"):
            await bench.do(action, credential="ops", text="x")

    assert [] == other.requests


async def test_a_wait_that_is_asked_for_is_passed_on(make_bench: MakeBench, serve: Serve) -> None:
    """The engine waits as long."""

    async def slow(request: web.Request) -> web.Response:
        return web.json_response({}, status=429, headers={"Retry-After": "7"})

    bench = await bench_for(make_bench, await serve(slow))
    with pytest.raises(RateLimited) as caught:
        await bench.do("slack.webhook", credential="ops", text="x")

    assert 7.0 == caught.value.retry_after_s


async def test_a_text_that_is_too_long_is_not_cut(make_bench: MakeBench, serve: Serve) -> None:
    """Nothing is lost in silence."""
    bench = await bench_for(make_bench, await serve(take))
    with pytest.raises(UsageError, match="too long"):
        await bench.do("discord.webhook", credential="ops", text="x" * 2001)
