"""Read what was written while we were away, channel by channel, oldest first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from quarterdeck.core.errors import QuarterdeckError, ServiceError
from quarterdeck.core.event import Posted
from quarterdeck.core.ports import Clock
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.api.rest import Rest
from quarterdeck_adapters.discord.gateway.state import Gap
from quarterdeck_adapters.discord.parse import message_of
from quarterdeck_adapters.discord.world import World

PAGE: Final = 100  # docs.discord.com/developers/resources/message, "Get Channel Messages", 2026-11-21
MOST_PAGES: Final = 50
MARGIN_MS: Final = 60_000  # between when a message was written and when we had it
TRIES: Final = 5
PAUSE_S: Final = 5.0

Take = Callable[[Posted], Awaitable[None]]

log = logging.getLogger(__name__)


class Backfill:
    """Hand over missed messages under the ids that they would have come with."""

    def __init__(self, rest: Rest, world: World, clock: Clock, *, away_s: float) -> None:
        self._rest, self._world, self._clock, self._away_s = rest, world, clock, away_s

    def channels(self, gap: Gap) -> dict[str, str]:
        """Return the channels to look into, each with the id after which; those where nothing came are left out."""
        oldest = int(ids.snowflake_at(self._clock.now_ms() - round(self._away_s * 1000)))
        since = int(ids.snowflake_at(gap.since_ms - MARGIN_MS))
        wanted = {}
        for channel in {*gap.seen, *self._world.newest}:
            after = max(oldest, int(gap.seen.get(channel, since)))
            if int(self._world.newest.get(channel, after + 1)) > after:
                wanted[channel] = str(after)
        return wanted

    async def read(self, channel: str, after: str, take: Take) -> int:
        """Hand over what came in `channel` after that id and before the live session; returns how many.

        Raises:
            ServiceError: Discord does not give it now; what may not be read at all counts as read.
        """
        last = int(self._world.newest.get(channel, 0))
        count = 0
        for _ in range(MOST_PAGES):
            page = await self._page(channel, after)
            for data in page:
                is_live = 0 < last < int(data["id"])
                event = None if is_live else self._event(channel, data)
                if event is not None:
                    await take(event)
                    count += 1
            if len(page) < PAGE:
                break
            after = page[-1]["id"]
        else:
            log.warning("More was missed than is read", extra={"channel": channel, "messages": count})
        return count

    def _event(self, channel: str, data: dict[str, Any]) -> Posted | None:
        guild = self._world.guild_of.get(channel, "")
        try:
            full = {**data, "guild_id": guild} if guild else data
            return message_of(full, world=self._world, at=self._clock.now(), is_late=True)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("Message not understood", extra={"channel": channel, "error": repr(error)})
            return None

    async def _page(self, channel: str, after: str) -> list[dict[str, Any]]:
        """Return up to a hundred messages, oldest first (Discord gives the newest first)."""
        for attempt in range(1, TRIES + 1):
            try:
                page = await self._rest.call(
                    "GET",
                    "/channels/{channel_id}/messages",
                    query={"after": after, "limit": PAGE},
                    channel_id=channel,
                )
                return sorted(page or (), key=lambda data: int(data["id"]))
            except ServiceError as error:
                if not error.retryable:
                    log.info("Channel not read", extra={"channel": channel, "error": error.message})
                    return []
                if attempt == TRIES:
                    raise
                await self._clock.sleep(getattr(error, "retry_after_s", None) or PAUSE_S * attempt)
        raise QuarterdeckError("unreachable")
