"""Let requests, events and sockets go wrong as ordered.

What a kind of fault does:

| kind | to a request | to an event on its way to the bot |
|---|---|---|
| drop | the connection breaks before anything is done | it is lost; the platform tries again as the vendor does |
| delay | it is taken up `after_s` later | it goes out `after_s` later, others overtake it |
| duplicate | it is carried out twice, as after a retry on the way | it goes out twice |
| reorder | – | it goes out after the next one |
| disconnect | the connection breaks before anything is done | the socket breaks instead, the event is lost with it |
| status | answered with `status`, nothing is done | – |
| rate_limit | refused as the vendor does, come back in `after_s` | – |
| lost_answer | it is carried out, the connection breaks before the answer | the bot's acknowledgement is not seen |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import replace
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quarterdeck.core.ports import Clock
from quarterdeck.testing.simulator.platform import Fault, FaultKind

Step = Callable[[], Awaitable[None]]
Refuse = Callable[[web.Request, Fault], web.StreamResponse]

ON_REQUEST: Final[tuple[FaultKind, ...]] = (
    "drop",
    "disconnect",
    "status",
    "rate_limit",
    "delay",
    "duplicate",
    "lost_answer",
)
ON_ANSWER: Final[tuple[FaultKind, ...]] = ("lost_answer",)
ON_EVENT: Final[tuple[FaultKind, ...]] = ("drop", "disconnect", "delay", "duplicate", "reorder")


class Faults:
    """Hold what was ordered; each passage uses up at most one. Delays pass on `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ordered: list[Fault] = []
        self._held: Step | None = None
        self._late: set[asyncio.Task[None]] = set()

    def order(self, fault: Fault) -> None:
        """Let the next `count` passages of `where` go wrong."""
        self._ordered.append(fault)

    def take(self, name: str, kinds: Collection[FaultKind]) -> Fault | None:
        """Use up the first fault ordered for `name` (or `*`) that is one of `kinds`."""
        for at, fault in enumerate(self._ordered):
            if fault.kind in kinds and fault.where in (name, "*"):
                if fault.count > 1:
                    self._ordered[at] = replace(fault, count=fault.count - 1)
                else:
                    del self._ordered[at]
                return fault
        return None

    def middleware(self, name: Callable[[web.Request], str], refuse: Refuse) -> Middleware:
        """Make the aiohttp middleware that lets requests go wrong.

        `name` says which method a request is for, empty for what must not fail. `refuse` writes the vendor's own
        answer for a fault `status` or `rate_limit`.
        """

        @web.middleware
        async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
            called = name(request)
            fault = self.take(called, ON_REQUEST) if called else None
            if fault is None:
                return await handler(request)
            return await self._misbehave(fault, request, handler, refuse)

        return fail

    async def _misbehave(
        self, fault: Fault, request: web.Request, handler: Handler, refuse: Refuse
    ) -> web.StreamResponse:
        if fault.kind in ("status", "rate_limit"):
            await request.read()
            return refuse(request, fault)
        if fault.kind in ("drop", "disconnect"):
            return break_off(request)
        if fault.kind == "delay":
            await self._clock.sleep(fault.after_s)
        answer = await handler(request)
        if fault.kind == "duplicate":
            return await handler(request)
        if fault.kind == "lost_answer":
            return break_off(request)
        return answer

    async def pass_on(self, name: str, send: Step, disconnect: Step) -> bool:
        """Bring an event to the bot with `send`, or let it go wrong; False when it was lost on the way.

        A held-back event goes out behind the next one, and with `flush`.
        """
        fault = self.take(name, ON_EVENT)
        if fault is not None and fault.kind == "reorder":
            await self.flush()
            self._held = send
            return True
        is_lost = False
        if fault is None:
            await send()
        elif fault.kind == "delay":
            self._later(self._send_later(send, fault.after_s))
        elif fault.kind == "duplicate":
            await send()
            await send()
        else:
            is_lost = True
            if fault.kind == "disconnect":
                await disconnect()
        await self.flush()
        return not is_lost

    async def flush(self) -> None:
        """Send what was held back."""
        held, self._held = self._held, None
        if held is not None:
            await held()

    async def close(self) -> None:
        """Forget what is late."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _send_later(self, send: Step, after_s: float) -> None:
        await self._clock.sleep(after_s)
        await send()

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def break_off(request: web.Request) -> web.StreamResponse:
    """Break the connection of a request: its caller gets no answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
