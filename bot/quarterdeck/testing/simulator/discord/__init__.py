"""Be Discord: REST, gateway and signed interactions, with people who write, use commands, press and fill in forms.

Written from Discord's documentation and OpenAPI description (discord/discord-api-docs, discord/discord-api-spec) and
from what discord.py 2.7.1 expects, read on 2026-11-21; not from our adapter.
"""

from quarterdeck.testing.simulator.discord.simulator import DiscordSimulator

__all__ = ["DiscordSimulator"]
