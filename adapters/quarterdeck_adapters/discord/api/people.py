"""Ask Discord who is in a role, and who reads a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from quarterdeck.core.errors import Rejected
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.api.rest import Rest
from quarterdeck_adapters.discord.world import World

KEEP_S: Final = 30.0
MOST_KEPT: Final = 10_000
PAGE: Final = 100
PRIVATE_THREAD: Final = 12
NOT_HERE: Final = frozenset({403, 404})


class People:
    """Know roles for half a minute, and members as long as the call lasts."""

    def __init__(self, rest: Rest, world: World, clock: Clock, guild_ids: Sequence[str]) -> None:
        self._rest, self._world, self._clock = rest, world, clock
        self._guild_ids = guild_ids
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    async def groups_of(self, identity: Identity) -> frozenset[str]:
        """Return the roles that somebody has in the servers that we are in.

        Raises:
            ServiceError: Discord did not say.
        """
        now_s = self._clock.monotonic()
        known = self._known.get(identity.user_id)
        if known is not None and now_s - known[0] < KEEP_S:
            return known[1]
        found: set[str] = set()
        for guild in self._guild_ids or sorted(self._world.guilds):
            found |= await self._roles(guild, identity.user_id)
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[identity.user_id] = (now_s, frozenset(found))
        return frozenset(found)

    async def members(self, of: Conversation) -> frozenset[Identity] | None:
        """Return who reads a direct conversation or a private thread; None elsewhere: Discord does not list that.

        Raises:
            ServiceError: Discord did not say.
        """
        if of.kind == "group":
            return None
        channel_id = ids.place_of(of).channel
        channel = await self._rest.call("GET", "/channels/{channel_id}", channel_id=channel_id)
        if of.kind == "direct":
            return frozenset(ids.identity(str(one["id"])) for one in channel.get("recipients") or ())
        if channel.get("type") != PRIVATE_THREAD:
            return None
        return await self._in_thread(channel_id)

    async def _in_thread(self, channel_id: str) -> frozenset[Identity]:
        found: set[Identity] = set()
        after = "0"
        while True:
            page = await self._rest.call(
                "GET",
                "/channels/{channel_id}/thread-members",
                query={"limit": PAGE, "after": after, "with_member": "true"},
                channel_id=channel_id,
            )
            found |= {ids.identity(str(one["user_id"])) for one in page}
            if len(page) < PAGE:
                return frozenset(found)
            after = str(page[-1]["user_id"])

    async def _roles(self, guild: str, user: str) -> frozenset[str]:
        try:
            member = await self._rest.call(
                "GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild, user_id=user
            )
        except Rejected as error:
            if error.status in NOT_HERE:
                return frozenset()
            raise
        return ids.groups(guild, member.get("roles") or []) or frozenset()
