"""Serve a simulated platform on loopback, on a port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Middleware

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 64 * 1024 * 1024  # vendors take files up to 50 MB over the same way


class LoopbackServer:
    """Serve routes while the block runs; then close every connection and end every task of `spawn`.

    async with LoopbackServer(routes, middlewares=[faults.middleware(name, refuse)]) as server:
        server.url  # http://127.0.0.1:43210
    """

    def __init__(
        self, routes: Iterable[web.AbstractRouteDef], *, middlewares: Iterable[Middleware] = ()
    ) -> None:
        self._app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=list(middlewares))
        self._app.add_routes(routes)
        self._sockets: set[web.WebSocketResponse] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def socket_url(self) -> str:
        """Return the address for web sockets, likewise."""
        return f"ws://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self._sockets):
            await asyncio.wait_for(socket.close(code=1001, drain=False), timeout=1.0)
        if self._runner is not None:
            await self._runner.cleanup()

    def spawn(self, work: Coroutine[None, None, None], *, failed: Callable[[BaseException], None]) -> None:
        """Run `work` beside the requests; `failed` is told what it raises."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

        def end(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                failed(error)

        task.add_done_callback(end)

    async def accept_socket(
        self, request: web.Request, *, heartbeat_s: float | None = None
    ) -> web.WebSocketResponse:
        """Answer a request for a web socket; it is closed with the server."""
        socket = web.WebSocketResponse(heartbeat=heartbeat_s, timeout=0.2)
        await socket.prepare(request)
        self._sockets.add(socket)
        return socket

    def release_socket(self, socket: web.WebSocketResponse) -> None:
        """Forget a socket that ended."""
        self._sockets.discard(socket)


def break_socket(request: web.Request) -> None:
    """Break the connection under a web socket, without a closing frame."""
    if request.transport is not None:
        request.transport.abort()
