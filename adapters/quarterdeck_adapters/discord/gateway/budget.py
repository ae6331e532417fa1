"""Count how often a session was begun: at 1,000 in a day Discord ends all of them and resets the bot's token.

docs.discord.com/developers/events/gateway, "Identifying", 2026-11-21.
"""

from __future__ import annotations

import logging
from typing import Final, cast

from quarterdeck.core.adapter import Memory
from quarterdeck.core.ports import Clock

DAY_MS: Final = 86_400_000
MOST: Final = 500
NAME: Final = "identifies"

log = logging.getLogger(__name__)


class Budget:
    """Keep the count over restarts: a bot that crashes in a loop is what uses it up."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock

    async def spend(self) -> None:
        """Count one more, on disk, before it happens; waits for as long as the day's share is used up."""
        while True:
            now_ms = self._clock.now_ms()
            spent = [one for one in await self._spent() if now_ms - DAY_MS < one <= now_ms]
            if len(spent) < MOST:
                await self._memory.put(NAME, [*spent, now_ms], keep_s=DAY_MS / 1000)
                return
            wait_s = (spent[len(spent) - MOST] + DAY_MS - now_ms) / 1000
            log.error(
                "Discord sessions used up: no new one is begun, so that Discord does not reset the token",
                extra={
                    "sessions": len(spent),
                    "wait_s": round(wait_s),
                    "hint": "look for what ends them: a crash loop, or a second bot with this token",
                },
            )
            await self._clock.sleep(max(1.0, wait_s))

    async def _spent(self) -> list[int]:
        return cast("list[int]", await self._memory.get(NAME) or [])
