"""Give each event to the router exactly once, in order.

Platforms deliver at least once: Slack repeats an event that was not acknowledged in 3 s, Discord replays after a
resume. Hence the check here, and nowhere else: the event's key is unique on disk, and it outlives a restart.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import Protocol

from quarterdeck.core.delivery import InboxRows, Incoming
from quarterdeck.core.errors import Busy
from quarterdeck.core.event import Edited, Event, Posted
from quarterdeck.core.message import Message
from quarterdeck.core.ports import Clock
from quarterdeck.router.wire import decode, encode, mended
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.process.tasks import abreast

ATTEMPTS = 3  # an event that ends badly so often is set aside
RESUME_LIMIT = 100_000  # events read at once after a restart; a queue is far shorter

log = logging.getLogger(__name__)


class Route(Protocol):
    """Take stored events to be handled."""

    def has_room(self, event: Event, *, arriving_here: int = 0, arriving: int = 0) -> bool:
        """Tell whether an event may wait, beside those of its conversation and in all that are being stored now."""

    def at_once(self, event: Event) -> Coroutine[None, None, bool] | None:
        """Return what stores an event together with its answer and tells whether it is new; None: it must wait."""

    def dispatch(self, incoming: Incoming) -> None:
        """Handle a stored event when its turn comes; one with `ATTEMPTS` attempts is set aside then."""

    def platforms(self) -> Collection[str]:
        """Name the platforms that can be answered."""


class Inbox:
    """Store events, then pass them on. `is_command` tells a command line from something said."""

    def __init__(
        self, rows: InboxRows, route: Route, clock: Clock, *, is_command: Callable[[str], bool]
    ) -> None:
        self._rows, self._route, self._clock, self._is_command = rows, route, clock, is_command
        self._is_open = True
        self._arriving: Counter[str] = (
            Counter()
        )  # events being stored, by conversation: they count as waiting

    async def accept(self, event: Event) -> bool:
        """Store `event` unless it came before, or a program wrote it; returns whether it is new.

        Returns as soon as the event is on disk, so that the adapter can acknowledge.

        Raises:
            Busy: too many events wait, or the bot is about to stop; nothing was stored, the platform may repeat it.
            ServiceError: it could not be stored; do not acknowledge.
        """
        if event.is_bot:
            return False
        await abreast()
        if not self._is_open:
            raise Busy("the bot is stopping", hint="send it again in a moment")
        here = self._arriving.get(event.conversation.id, 0)
        arriving = self._arriving.total() if self._arriving else 0
        if not self._route.has_room(event, arriving_here=here, arriving=arriving):
            metrics.EVENTS.add(platform=event.platform, outcome="refused")
            raise Busy("too many messages wait here already", hint="wait for the answers, then send it again")
        if not here and (answering := self._route.at_once(event)) is not None:
            try:
                is_new = await answering
            except UnicodeEncodeError:  # half a character: the ordinary way mends it
                log.debug("Not answered at once", exc_info=True)
            else:
                metrics.EVENTS.add(platform=event.platform, outcome="accepted" if is_new else "duplicate")
                return is_new
        event, body = _written(event)
        self._arriving[event.conversation.id] += 1
        try:
            seq = await self._rows.accept(event, body, self._said(event), now_ms=self._clock.now_ms())
        finally:
            self._arrived(event.conversation.id)
        metrics.EVENTS.add(platform=event.platform, outcome="duplicate" if seq is None else "accepted")
        if seq is None:
            return False
        self._route.dispatch(Incoming(seq=seq, event=event))
        return True

    def _arrived(self, conversation_id: str) -> None:
        self._arriving[conversation_id] -= 1
        if not self._arriving[conversation_id]:
            del self._arriving[conversation_id]

    def close(self) -> None:
        """Take nothing more."""
        self._is_open = False

    async def resume(self) -> int:
        """Pass on what a stop or a crash left open; returns how many. Call once, before the platforms connect."""
        rows = await self._rows.resume(RESUME_LIMIT, self._route.platforms())
        for seq, kind, body, attempts in rows:
            try:
                event = decode(kind, body)
            except ValueError as error:
                await self._rows.quarantine(seq, f"it cannot be read back: {error}"[:500])
                log.error("Event set aside: it cannot be read back", extra={"seq": seq})
                continue
            self._route.dispatch(Incoming(seq=seq, event=event, attempts=attempts, is_resumed=True))
        if rows:
            log.info("Went on with what was left open", extra={"events": len(rows)})
        return len(rows)

    async def put_down(self) -> None:
        """Say on disk that this process stops in good order: what is still open broke nothing."""
        await self._rows.put_down()

    def _said(self, event: Event) -> Message | None:
        """Return what goes into the history: what people said, not what they ordered."""
        if not isinstance(event, Posted | Edited):
            return None
        if event.origin or self._is_command(event.message.text):
            return None
        return replace(event.message, raw={})


def _written(event: Event) -> tuple[Event, str]:
    try:
        return event, encode(event)
    except ValueError:  # half a character somewhere in it
        event = mended(event)
        return event, encode(event)
