"""Know how the bot does: what is connected, what waits, what needs a look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from quarterdeck import __version__
from quarterdeck.core.adapter import Adapter
from quarterdeck.core.mcp import Mcp
from quarterdeck.core.model import Models
from quarterdeck.core.ports import Clock, Json, Knowledge

Counts = Callable[[], Awaitable[Mapping[str, int]]]


class BotHealth:
    """Collect the facts (the `Health` port). `events` and `replies` count rows by state, `known` are all platforms."""

    def __init__(
        self,
        *,
        events: Counts,
        replies: Counts,
        models: Models,
        knowledge: Knowledge,
        platforms: Mapping[str, Adapter],
        known: Collection[str] = (),
        clock: Clock,
        mcp: Mcp | None = None,
    ) -> None:
        self._events, self._replies = events, replies
        self._models, self._knowledge = models, knowledge
        self._platforms, self._known, self._clock = platforms, known, clock
        self._mcp = mcp
        self._started_s = clock.monotonic()

    def platform_states(self) -> dict[str, str]:
        """Return how each platform does; `off` are those that nothing switches on."""
        states: dict[str, str] = dict.fromkeys(sorted({*self._known, *self._platforms}), "off")
        return states | {name: adapter.link for name, adapter in self._platforms.items()}

    async def facts(self) -> Mapping[str, Json]:
        """Return what `/status` and `/readyz` show."""
        events, replies = await self._events(), await self._replies()
        connected = await self._models.connected()
        return {
            "version": __version__,
            "uptime_s": round(self._clock.monotonic() - self._started_s),
            "database": "ok",
            "platforms": dict(self.platform_states()),
            "waiting": {"events": events.get("new", 0), "replies": replies.get("waiting", 0)},
            "needs_a_look": {
                "quarantined": events.get("quarantined", 0),
                "unknown": replies.get("unknown", 0),
                "dead": replies.get("dead", 0),
            },
            "model": str(connected) if connected else None,
            "knowledge": dict(await self._knowledge.counts()),
            **await self._servers(),
        }

    async def _servers(self) -> dict[str, Json]:
        """Return how the MCP servers do, where there are any."""
        servers = await self._mcp.servers() if self._mcp is not None else ()
        return {"mcp_servers": {one.name: one.state for one in servers}} if servers else {}
