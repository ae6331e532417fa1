"""Say where webhooks are called, without loading what answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from quarterdeck.runtime.network.routes import Principal, Route, route

if TYPE_CHECKING:
    from aiohttp import web

PATH: Final = "/hooks/{name}"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Hooks(Protocol):
    """Answer the calls; see `hooks.HookDoor`."""

    async def is_proven(self, request: web.Request) -> bool: ...
    async def receive(self, request: web.Request) -> web.StreamResponse: ...


def routes(hooks: Hooks) -> tuple[Route, ...]:
    """Declare the address, and who may call it."""
    principal = Principal(name="whoever the webhook's own proof says", verify=hooks.is_proven)
    return tuple(route(method, PATH, hooks.receive, principal=principal) for method in METHODS)
