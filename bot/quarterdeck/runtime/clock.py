"""Tell the time from the machine; `quarterdeck.testing.clock` has the one for tests."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Be the machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def now_ms(self) -> int:
        """Return the present moment in ms since the epoch."""
        return time.time_ns() // 1_000_000

    monotonic = staticmethod(time.monotonic)  # seconds that never go back; asked for seven times a command

    async def sleep(self, seconds: float) -> None:
        """Wait; not at all when `seconds` is not positive."""
        await asyncio.sleep(max(0.0, seconds))
