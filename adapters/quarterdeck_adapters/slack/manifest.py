"""Write the Slack app manifest: all that an app needs, to be pasted at api.slack.com when it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from quarterdeck.core.command import Command
from quarterdeck_adapters.slack.reading.slash import UMBRELLA
from quarterdeck_adapters.slack.settings import SlackSettings
from quarterdeck_adapters.slack.wire.http import PATH

# docs.slack.dev/reference/app-manifest, 2026-11-21
MOST_COMMANDS: Final = 50
SUMMARY: Final = 2_000
USAGE: Final = 1_000
HOST: Final = "https://YOUR-HOST"
# Slack's own commands: a manifest that names one of them is refused as a whole. They are reached below /qd.
OWN: Final = frozenset(
    {
        "active",
        "archive",
        "away",
        "call",
        "collapse",
        "dm",
        "dnd",
        "expand",
        "feed",
        "feedback",
        "huddle",
        "invite",
    }
    | {"join", "kick", "leave", "me", "msg", "mute", "open", "prefs", "remind", "remove", "rename", "search"}
    | {"shortcuts", "shrug", "star", "status", "topic", "unarchive", "who"}
)
SCOPES: Final[Mapping[str, str]] = {
    "app_mentions:read": "hear that it is mentioned",
    "assistant:write": "show that it is working on an answer",
    "channels:history": "read public channels that it is in, also what it missed",
    "channels:read": "know who reads a public channel",
    "chat:write": "answer",
    "commands": "take slash commands",
    "files:read": "read files that people send to it",
    "files:write": "send files",
    "groups:history": "read private channels that it is in",
    "groups:read": "know who reads a private channel",
    "im:history": "read direct messages to it",
    "im:read": "know its direct conversations",
    "im:write": "write to somebody alone",
    "mpim:history": "read groups that it is in",
    "mpim:read": "know who is in a group",
    "reactions:read": "see reactions",
    "reactions:write": "put a reaction under a message",
    "usergroups:read": "know user groups, for rights that follow from them",
    "users:read": "know accounts",
}
EVENTS: Final = (
    "app_mention",
    "app_uninstalled",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
    "tokens_revoked",
)


EMAIL_SCOPE: Final = "users:read.email"  # asked for only where addresses join accounts: access.emails.domains


def manifest(commands: Sequence[Command], settings: SlackSettings, *, asks_emails: bool = False) -> str:
    """Return the manifest as JSON; over HTTP where a signing secret and no app token is set, else by sockets."""
    is_http = (
        settings.mode or ("http" if settings.signing_secret and not settings.app_token else "")
    ) == "http"
    found = document(commands, is_http=is_http, asks_emails=asks_emails)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def document(commands: Sequence[Command], *, is_http: bool, asks_emails: bool = False) -> dict[str, object]:
    """Return the manifest; commands beyond those that Slack takes are reached below `/qd`."""
    scopes = sorted([*SCOPES, *([EMAIL_SCOPE] if asks_emails else ())])
    address = {"request_url": f"{HOST}{PATH}"} if is_http else {}
    interactivity: dict[str, object] = {"is_enabled": True, **address}
    if is_http:
        interactivity["message_menu_options_url"] = f"{HOST}{PATH}"
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Quarterdeck",
            "description": "Commands, workflows and answers from your team's documents",
            "background_color": "#1d3557",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "quarterdeck", "always_online": True},
            "slash_commands": _slash_commands(commands, address.get("request_url", "")),
        },
        "oauth_config": {"scopes": {"bot": scopes}},
        "settings": {
            "event_subscriptions": {**address, "bot_events": list(EVENTS)},
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": not is_http,
            "token_rotation_enabled": False,
        },
    }


def _slash_commands(commands: Sequence[Command], url: str) -> list[dict[str, object]]:
    free = [one for one in commands if one.name != UMBRELLA and one.name not in OWN][: MOST_COMMANDS - 1]
    entries = [_entry(one.name, one.summary, _usage(one), url) for one in free]
    return [*entries, _entry(UMBRELLA, "Reach every command: /qd NAME and what it takes", "help", url)]


def _entry(name: str, summary: str, usage: str, url: str) -> dict[str, object]:
    """Describe a command; `should_escape` makes Slack send people and channels by their ids."""
    entry: dict[str, object] = {
        "command": f"/{name}",
        "description": summary[:SUMMARY],
        "should_escape": True,
    }
    if usage:
        entry["usage_hint"] = usage[:USAGE]
    if url:
        entry["url"] = url
    return entry


def _usage(command: Command) -> str:
    words = []
    for option in command.options:
        name = option.name.upper() if option.positional else f"--{option.name}"
        words.append(name if option.required else f"[{name}]")
    return " ".join(words)
