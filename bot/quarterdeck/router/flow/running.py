"""Run commands: heavy ones only so many at a time, each for as long as its lane allows, unless it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import cast

from quarterdeck.core.adapter import Ability, Streams
from quarterdeck.core.command import Call, Command
from quarterdeck.core.event import Event
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.delivery.relay import Preview, Relay, Show, beside, cut_off, keep_typing, written
from quarterdeck.router.explain import reply_to
from quarterdeck.router.flow.fair import FairSlots
from quarterdeck.runtime.present import EVENT

LIGHT_LIMIT_S = 15.0
HEAVY_LIMIT_S = 240.0  # a model call may take 180 s


class Runner:
    """Run handlers, show what they write, and stop them."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        *,
        heavy_concurrency: int,
        on_heavy: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`on_heavy` is told the key of an event whose command waits for others from now on."""
        self._outbox, self._clock, self._on_heavy = outbox, clock, on_heavy
        self.is_at_once = False
        self._running: dict[str, asyncio.Timeout] = {}
        self._stopped: set[str] = set()
        self._heavy = FairSlots(heavy_concurrency)

    def stop(self, key: str) -> None:
        """Stop the answer to the event of this key, now or as soon as it begins."""
        self._stopped.add(key)
        if scope := self._running.get(key):
            scope.reschedule(0.0)

    def forget(self, key: str) -> None:
        """Forget that an event was to be stopped: it is over."""
        self._stopped.discard(key)

    async def run(self, event: Event, command: Command, call: Call) -> Reply:
        """Run the handler when there is room for it, for as long as its lane allows, unless it is cancelled."""
        if self.is_at_once:  # it does not wait for anything, or it is run again
            return await command.handler(call)
        is_light, show = command.lane == "light", self._show(event)
        if not is_light:
            self._on_heavy(event.key)
        room: AbstractAsyncContextManager[object] = (
            nullcontext() if is_light else self._heavy.slot(call.person.id)
        )
        limit = asyncio.timeout(None)
        try:
            async with asyncio.timeout(None) as stop:
                self._running[event.key] = stop
                if event.key in self._stopped:
                    stop.reschedule(0.0)
                async with room, limit:
                    now_s = asyncio.get_running_loop().time()
                    limit.reschedule(now_s + (LIGHT_LIMIT_S if is_light else HEAVY_LIMIT_S))
                    EVENT.set(event.key)
                    if is_light:
                        return await written(await command.handler(call), show, reply_to)
                    async with beside(self._typing(event, show), is_cut=True):
                        return await written(await command.handler(call), show, reply_to)
        except TimeoutError:
            if event.key in self._stopped:
                return cut_off(show, Reply(text="Stopped.", status="error"))
            if not limit.expired():
                raise
            text = f"/{command.name} took too long and was stopped."
            return cut_off(show, Reply(text=text, status="error"))
        finally:
            self._running.pop(event.key, None)

    def _show(self, event: Event) -> Show:
        """Return how an answer is shown while it is written, as the platform can."""
        adapter = self._outbox.adapter(event.platform)
        if Ability.STREAM in adapter.abilities:
            return Preview(cast("Streams", adapter), event, self._outbox.clean, self._outbox.link_hosts)
        if Ability.EDIT in adapter.abilities:
            return Relay(self._outbox, event, self._clock, adapter.pace.edit_s, self._outbox.clean)
        return Show()

    async def _typing(self, event: Event, show: Show) -> None:
        adapter = self._outbox.adapter(event.platform)
        await keep_typing(adapter, event.conversation, self._clock, show)
