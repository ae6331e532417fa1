"""Tell probes and Prometheus how the bot does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from json import dumps

from aiohttp import web

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.ports import Health, Json
from quarterdeck.runtime.network.routes import ANYBODY, Route, route
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.process.tasks import in_thread

FACTS_TIMEOUT_S = 5.0  # a probe waits no longer: what cannot say how it does is not ready

BeforeScrape = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class HealthRoutes:
    """Answer `/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, health: Health, before_scrape: Sequence[BeforeScrape] = ()) -> None:
        """`before_scrape` sets gauges that cost a look at the database, only when somebody wants them."""
        self._health, self._before_scrape = health, before_scrape

    def all(self) -> tuple[Route, ...]:
        """Return the three routes: for anybody, on loopback and `http.metrics_host` only."""
        return (
            route("GET", "/healthz", self.alive, principal=ANYBODY, listener="metrics"),
            route("GET", "/readyz", self.ready, principal=ANYBODY, listener="metrics"),
            route("GET", "/metrics", self.metrics, principal=ANYBODY, listener="metrics"),
        )

    async def alive(self, request: web.Request) -> web.Response:
        """Say that the process answers at all."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Say whether the bot can work: 200, or 503 with what is missing."""
        answer = readiness(await self._facts())
        return web.Response(
            text=dumps(answer), status=200 if answer["ready"] else 503, content_type="application/json"
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """Return all metrics as Prometheus text."""
        for refresh in self._before_scrape:
            try:
                async with asyncio.timeout(FACTS_TIMEOUT_S):
                    await refresh()
            except (QuarterdeckError, TimeoutError) as error:
                log.warning("Gauge kept its old value", extra={"error": repr(error)})
        text = await in_thread(metrics.render)
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _facts(self) -> Mapping[str, Json]:
        try:
            async with asyncio.timeout(FACTS_TIMEOUT_S):
                return await self._health.facts()
        except TimeoutError:
            return {"database": f"no answer in {FACTS_TIMEOUT_S:.0f} s"}
        except QuarterdeckError as error:
            return {"database": error.message}


def readiness(facts: Mapping[str, Json]) -> dict[str, Json]:
    """Judge `facts`: ready means that the database works and, where platforms are on, one of them receives.

    One platform's outage must not take the others off a load balancer.
    """
    given = facts.get("platforms")
    platforms = {name: _state(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    on = [state for state in platforms.values() if state != "off"]
    is_ready = facts.get("database") == "ok" and (not on or "receiving" in on)
    return {"ready": is_ready, "database": facts.get("database", "unknown"), "platforms": platforms}


def _state(value: Json) -> str:
    return str(value.get("state", "")) if isinstance(value, Mapping) else str(value)
