"""Keep what goes to a platform back while it refuses our token, and knock there now and then.

Replies wait on disk meanwhile. One part at a time knocks, so that a thousand waiting ones are no storm of refusals;
the first that gets through opens for all.
"""

from __future__ import annotations

import asyncio

from quarterdeck.core.ports import Clock

FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0


class Gate:
    """Stand before one platform; open at first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._knocking = asyncio.Lock()
        self._knocks_at_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._is_open = True

    @property
    def is_open(self) -> bool:
        """Tell whether everything may go through."""
        return self._is_open

    async def enter(self) -> bool:
        """Return when one may try: at once while it is open, else when it is time to knock.

        True: the caller is the one that knocks, and must call `leave` when it has tried.
        """
        if self.is_open:
            return False
        await self._knocking.acquire()
        is_knocking = False
        try:
            if not self._lets_through():
                await self._clock.sleep(self._knocks_at_s - self._clock.monotonic())
                is_knocking = not self._lets_through()
        finally:
            if not is_knocking:
                self._knocking.release()
        return is_knocking

    def _lets_through(self) -> bool:
        return self._is_open

    def leave(self) -> None:
        """Let the next one knock."""
        self._knocking.release()

    def shut(self) -> bool:
        """Let nothing through for a while, longer each time; returns whether it was open."""
        was_open, self._is_open = self._is_open, False
        self._knocks_at_s = self._clock.monotonic() + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
        return was_open

    def open(self) -> bool:
        """Let everything through again; returns whether it was shut."""
        was_shut, self._is_open = not self._is_open, True
        self._pause_s = FIRST_PAUSE_S
        return was_shut
