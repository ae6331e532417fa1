"""State how Discord is connected; `SETTINGS` is found by its place, and becomes the section `platforms.discord`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import StringConstraints

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import NumberText, OptionalSecret, Url, WebSocketUrl

VARIABLES: Final[Mapping[str, str]] = {"DISCORD_TOKEN": "token"}
"""Variables that stand for a key by being there."""

PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]


class DiscordSettings(Section):
    """Connect Discord."""

    token: OptionalSecret = None
    """The bot's token."""
    public_key: PublicKey | None = None
    """The application's public key (64 hexadecimal digits), for interactions over HTTP."""
    api_url: Url = "https://discord.com/api/v10"
    gateway_url: WebSocketUrl | None = None
    """What GET {api_url}/gateway/bot says, unless it is said here."""
    cdn_url: Url = "https://cdn.discordapp.com"
    guild_ids: tuple[NumberText, ...] = ()
    """Register commands in these servers only; everywhere when empty."""

    def missing(self) -> str:
        """Say what to set so that it comes on, empty where nothing is missing."""
        return "set DISCORD_TOKEN" if self.token is None else ""


SETTINGS = DiscordSettings
