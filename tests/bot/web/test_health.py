"""Probes and Prometheus get the truth, quickly, and nothing else."""

import asyncio
import json

import pytest

from quarterdeck.core.errors import Unavailable
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.settings.http import HttpSettings
from quarterdeck.web import health as health_module
from quarterdeck.web.health import HealthRoutes, readiness
from quarterdeck.web.server import WebServer


async def test_a_living_process_is_healthy(serve, send):
    """A supervisor restarts what does not say so."""
    async with serve() as server:
        answer = await send(server, "/healthz")

    assert (200, {"status": "ok"}) == (answer.status, json.loads(answer.body))
    assert "application/json; charset=utf-8" == answer.headers["Content-Type"]


async def test_a_bot_that_works_is_ready(serve, send):
    """The form that surface.md promises, and no more."""
    async with serve() as server:
        answer = await send(server, "/readyz")

    assert 200 == answer.status
    assert {
        "ready": True,
        "database": "ok",
        "platforms": {"slack": "receiving", "discord": "off"},
    } == json.loads(answer.body)


@pytest.mark.parametrize(
    ("facts", "is_ready"),
    [
        ({"database": "ok", "platforms": {}}, True),
        ({"database": "ok"}, True),
        ({"database": "ok", "platforms": {"slack": "off"}}, True),
        ({"database": "ok", "platforms": {"slack": "connecting"}}, False),
        ({"database": "ok", "platforms": {"slack": "needs_auth"}}, False),
        ({"database": "ok", "platforms": {"slack": "needs_auth", "discord": "receiving"}}, True),
        ({"database": "ok", "platforms": {"slack": {"state": "connecting", "reason": "dns"}}}, False),
        ({"database": "full", "platforms": {"slack": "receiving"}}, False),
        ({}, False),
    ],
)
def test_readiness_follows_the_database_and_one_platform_that_receives(facts, is_ready):
    """One platform's outage must not take the others off a load balancer."""
    assert is_ready is readiness(facts)["ready"]


async def test_a_broken_database_is_not_ready_and_says_why(serve, send, health):
    """503, with the reason in the place where the state stands otherwise."""
    health.error = Unavailable("the disk is full", service="database")
    async with serve() as server:
        answer = await send(server, "/readyz")

    assert (503, {"ready": False, "database": "the disk is full", "platforms": {}}) == (
        answer.status,
        json.loads(answer.body),
    )


async def test_a_bot_that_cannot_say_how_it_does_is_not_ready(serve, send, health, monkeypatch):
    """A probe must not hang with the bot; and /healthz still answers."""
    monkeypatch.setattr(health_module, "FACTS_TIMEOUT_S", 0.01)
    health.wait = asyncio.Event()
    async with serve() as server:
        ready = await send(server, "/readyz")
        alive = await send(server, "/healthz")

    assert (503, 200) == (ready.status, alive.status)
    assert "no answer in 0 s" == json.loads(ready.body)["database"]


async def test_metrics_are_shown_with_gauges_read_at_the_scrape(health, send):
    """Gauges that cost a look at the database are read only when somebody wants them."""

    async def read_outbox():
        metrics.OUTBOX_ROWS.set(7, state="waiting")

    async def fail():
        raise Unavailable("the database is locked", service="database")

    server = WebServer(HttpSettings(port=0), HealthRoutes(health, [fail, read_outbox]).all())
    await server.start()
    try:
        answer = await send(server, "/metrics")
    finally:
        await server.stop()

    assert 200 == answer.status
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["Content-Type"]
    assert 'quarterdeck_outbox_rows{state="waiting"} 7.0' in answer.body.decode().splitlines()
    assert b"process_resident_memory_bytes" in answer.body


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_a_probe_may_ask_for_the_head_only(path, serve, send):
    """Load balancers do."""
    async with serve() as server:
        answer = await send(server, path, method="HEAD")

    assert (200, b"") == (answer.status, answer.body)
