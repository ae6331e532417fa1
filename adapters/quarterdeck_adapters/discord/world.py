"""Know what the gateway says of the world and events do not repeat: who we are, which channels are threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from quarterdeck.core.ports import Json
from quarterdeck_adapters.discord.ids import THREADS

MOST_CHANNELS: Final = 2_000  # remembered over a restart; the ones that were quiet longest are dropped

Data = Mapping[str, Any]


class World:
    """Hold it, and write it down for the next start (a resumed session says nothing of it again).

    `seen` is the last message of each channel that we took, `newest` the last one that Discord says there is.
    """

    def __init__(self, bot: str = "") -> None:
        self.bot = bot
        self.our_roles: set[str] = set()
        self.threads: set[str] = set()
        self.guild_of: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        self.newest: dict[str, str] = {}
        self.guilds: set[str] = set()

    def saw(self, channel: str, guild: str, message: str) -> None:
        """Remember a message that was taken."""
        self.seen.pop(channel, None)  # to the end: the order is that of the last message
        self.seen[channel] = message
        self.guild_of[channel] = guild

    def guild_came(self, guild: Data) -> None:
        """Take a server: its channels, its active threads, and which role is ours."""
        guild_id = str(guild["id"])
        self.guilds.add(guild_id)
        self._channels(guild_id, guild.get("channels") or ())
        self._threads(guild_id, guild.get("threads") or ())
        for role in guild.get("roles") or ():
            if str((role.get("tags") or {}).get("bot_id", "")) == self.bot:
                self.our_roles.add(str(role["id"]))

    def guild_went(self, guild: Data) -> None:
        """Forget a server; an outage (`unavailable`) is none."""
        if not guild.get("unavailable"):
            self.guilds.discard(str(guild["id"]))

    def threads_came(self, data: Data) -> None:
        """Take one thread, or a list of them."""
        threads = data.get("threads") or ([data] if "id" in data else [])
        self._threads(str(data.get("guild_id", "")), threads)

    def is_thread(self, channel: str) -> bool:
        """Tell whether a channel is a thread."""
        return channel in self.threads

    def written(self) -> dict[str, Json]:
        """Return it as JSON."""
        kept = list(self.seen.items())[-MOST_CHANNELS:]
        return {
            "bot": self.bot,
            "roles": sorted(self.our_roles),
            "guilds": sorted(self.guilds),
            "threads": sorted(self.threads.intersection(channel for channel, _ in kept)),
            "seen": {channel: [self.guild_of.get(channel, ""), message] for channel, message in kept},
        }

    def read(self, written: Json) -> None:
        """Take what was written down; of another bot nothing is taken."""
        if not isinstance(written, Mapping) or (self.bot and written.get("bot") != self.bot):
            return
        self.bot = str(written["bot"])
        self.our_roles |= set(cast("list[str]", written["roles"]))
        self.guilds |= set(cast("list[str]", written["guilds"]))
        self.threads |= set(cast("list[str]", written["threads"]))
        for channel, (guild, message) in cast("Mapping[str, tuple[str, str]]", written["seen"]).items():
            if channel not in self.seen:
                self.saw(channel, guild, message)

    def _channels(self, guild: str, channels: Iterable[Data]) -> None:
        for channel in channels:
            channel_id = str(channel["id"])
            self.guild_of[channel_id] = guild
            if channel.get("last_message_id"):
                self.newest[channel_id] = str(channel["last_message_id"])

    def _threads(self, guild: str, threads: Iterable[Data]) -> None:
        for thread in threads:
            if thread.get("type") in THREADS:
                self.threads.add(str(thread["id"]))
        self._channels(guild, threads)
