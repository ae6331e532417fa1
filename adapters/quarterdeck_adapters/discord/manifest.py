"""Write down what is to be done in Discord's developer portal, with the link that invites the bot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from quarterdeck.core.command import Command
from quarterdeck_adapters.discord.settings import DiscordSettings

# docs.discord.com/developers/topics/permissions, 2026-11-21
PERMISSIONS: Final = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Send Messages in Threads": 1 << 38,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Add Reactions": 1 << 6,
}
SCOPES: Final = "bot applications.commands"
WEB: Final = "https://discord.com"
APPLICATION: Final = "YOUR_APPLICATION_ID"


def manifest(commands: Sequence[Command], settings: DiscordSettings, *, asks_emails: bool = False) -> str:
    """Return the steps in the portal; the commands are declared by the bot itself."""
    permissions = sum(PERMISSIONS.values())
    where = ", ".join(settings.guild_ids) or "every server that invites it"
    lines = [
        "In https://discord.com/developers/applications:",
        "1. New Application. Page Bot: Reset Token, and put the token into DISCORD_TOKEN.",
        "2. Page Bot, Privileged Gateway Intents: switch on Message Content Intent, so that the bot reads what is",
        "   said in channels, and Server Members Intent, so that it hears of people who join. Without them it reads",
        "   direct messages, mentions and commands.",
        f"3. Page General Information: copy the Application ID in place of {APPLICATION}, then open",
        f"   {invite(APPLICATION)}",
        f"   It asks for: {', '.join(PERMISSIONS)} ({permissions}).",
    ]
    if settings.public_key is not None:
        lines += [
            "4. Page General Information, Interactions Endpoint URL: https://YOUR-HOST/discord/interactions.",
            "   Discord then sends commands and buttons there, and no longer over the gateway.",
        ]
    else:
        lines += [
            "4. Leave Interactions Endpoint URL empty: commands come over the gateway, no address is public."
        ]
    lines += [
        "",
        f"The bot declares these {len(commands)} commands itself when it starts, in {where}:",
        *(f"/{command.name} - {command.summary}" for command in commands),
    ]
    return "\n".join(lines) + "\n"


def invite(application_id: str) -> str:
    """Return the link with which an admin lets the bot into a server."""
    query = urlencode(
        {"client_id": application_id, "scope": SCOPES, "permissions": sum(PERMISSIONS.values())}
    )
    return f"{WEB}/oauth2/authorize?{query}"
