"""Serve the pages of runs: the same empty page for everybody; what it shows comes from the API, which asks who calls.

A link in a chat leads here, and browsers keep a strict cookie back when they come from another site. So the page
itself asks for none, and goes to sign in only where the API, asked from here, knows nobody.
"""

from __future__ import annotations

from aiohttp import web

from quarterdeck.runtime.network.routes import Route, route
from quarterdeck.web.access.gate import Gate
from quarterdeck.web.pages import Pages

PATH = "/runs"


def run_pages(pages: Pages, gate: Gate) -> tuple[Route, ...]:
    """Return the routes of the list and of each run."""

    async def all_(request: web.Request) -> web.StreamResponse:
        return pages.response("runs")

    async def one(request: web.Request) -> web.StreamResponse:
        return pages.response("run")

    return (
        route("GET", PATH, all_, principal=gate.stranger),
        route("GET", PATH + "/{id}", one, principal=gate.stranger),
    )
