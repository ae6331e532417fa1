"""Declare a route together with who may call it and where it may be reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from aiohttp import web

Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]
Verify = Callable[["web.Request"], Awaitable[bool]]
Listener = Literal["host", "metrics"]

BODY_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Say who may call a route.

    `verify` proves it, before the handler runs and anything is parsed. None: whoever reaches the address.
    """

    name: str
    verify: Verify | None = None


ANYBODY = Principal(name="anybody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Hold one declared route.

    A `metrics` route is reached on loopback and on `http.metrics_host`, a `host` route on `http.host` only. A body
    that is announced as longer than `body_bytes` is refused; one above 1 MiB can only be read piece by piece.
    """

    method: str
    path: str
    handler: Handler
    principal: Principal
    listener: Listener
    body_bytes: int = BODY_LIMIT_BYTES


def route(
    method: str,
    path: str,
    handler: Handler,
    *,
    principal: Principal,
    listener: Listener = "host",
    body_bytes: int = BODY_LIMIT_BYTES,
) -> Route:
    """Declare that `handler` answers `method` on `path` for `principal`; GET answers HEAD as well."""
    return Route(
        method=method,
        path=path,
        handler=handler,
        principal=principal,
        listener=listener,
        body_bytes=body_bytes,
    )


@runtime_checkable
class Serves(Protocol):
    """Be reached over HTTP: an adapter whose platform calls us (webhooks, interactions)."""

    def routes(self) -> Sequence[Route]:
        """Declare the routes; asked once, before the server listens."""
