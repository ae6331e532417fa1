"""Keep two Socket Mode connections open, so that Slack can close either of them without a gap.

Slack delivers each event to one connection of an app, and closes every connection now and then, saying so before: the
next one is opened first, and only then is the old one closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from quarterdeck.core.errors import AuthFailed, RateLimited, ServiceError
from quarterdeck.core.ports import Clock
from quarterdeck.runtime.process.tasks import pause_after

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.connection import Connection

CONNECTIONS: Final = 2
SOUND_S: Final = 10.0  # a connection that lasted so long was a good one
CROWDED_S: Final = 60.0  # other processes hold the app's ten connections
REFUSED_S: Final = 60.0
LONGEST_S: Final = 8.0  # between two attempts: within 10 s of a loss, somebody listens again

NEW_APP_KEY: Final = "make an app-level token with connections:write and set SLACK_APP_TOKEN"

log = logging.getLogger(__name__)


class Sockets:
    """Keep connections. `on_live` hears how many there are, `on_refused` why Slack lets us have none."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        clock: Clock,
        *,
        on_live: Callable[[int], None],
        on_refused: Callable[[str], None],
    ) -> None:
        self._connect, self._clock, self._on_live, self._on_refused = connect, clock, on_live, on_refused
        self._live: set[Connection] = set()
        self._is_up = asyncio.Event()

    async def run(self) -> None:
        """Keep them open until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(self._keep(group, number))

    async def _keep(self, group: asyncio.TaskGroup, number: int) -> None:
        """Keep one place filled, whichever connection fills it."""
        if number:  # the first shows whether Slack lets us in at all
            await self._is_up.wait()
        old: Connection | None = None
        failures = 0
        while True:
            fresh = await self._opened(failures)
            if fresh is None:
                failures += 1
                continue
            group.create_task(self._follow(fresh))
            if old is not None:
                await old.disconnect()
            old, began_s = fresh, self._clock.monotonic()
            reason = await fresh.stale
            failures = 0 if self._clock.monotonic() - began_s >= SOUND_S else failures + 1
            if reason in WAITS_S:
                log.warning("Slack wants no connection now", extra={"reason": reason})
                await fresh.disconnect()
                old = None
                if reason == "link_disabled":
                    self._on_refused("Socket Mode is off in the app's settings; turn it on")
                await self._clock.sleep(WAITS_S[reason])

    async def _follow(self, connection: Connection) -> None:
        self._live.add(connection)
        self._is_up.set()
        self._on_live(len(self._live))
        try:
            await connection.listen()
        finally:
            await connection.disconnect()
            self._live.discard(connection)
            self._on_live(len(self._live))

    async def _opened(self, failures: int) -> Connection | None:
        """Return a new connection; None where that failed, after a pause."""
        if failures:
            await self._clock.sleep(min(LONGEST_S, pause_after(failures)))
        try:
            return await self._connect()
        except AuthFailed as error:
            self._on_refused(f"{NEW_APP_KEY} ({error.message})")
            await self._clock.sleep(REFUSED_S)
        except RateLimited as error:
            await self._clock.sleep(error.retry_after_s or REFUSED_S)
        except ServiceError as error:
            log.info("No connection to Slack", extra={"error": error.message, "failures": failures + 1})
        return None


WAITS_S: Final = {"too_many_websockets": CROWDED_S, "link_disabled": REFUSED_S}
