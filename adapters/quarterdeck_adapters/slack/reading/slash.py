"""Make an event of a slash command, each command's own or `/qd COMMAND …`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

from quarterdeck.core.event import Invoked
from quarterdeck_adapters.slack import ids
from quarterdeck_adapters.slack.reading.text import plain

UMBRELLA: Final = "qd"
# What is read of the 18 fields that Slack sends (docs.slack.dev, slash commands, 2026-11-21), and of other forms.
WANTED: Final = re.compile(
    rb"&(command|text|team_id|channel_id|user_id|user_name|trigger_id|response_url|payload|ssl_check)=([^&]*)"
)


def form_of(body: bytes) -> dict[str, str]:
    """Read the fields that matter of an urlencoded form; what is no UTF-8 is replaced, never refused.

    The response URL is left as it came: few answers need it. `url_of` reads it.
    """
    form = {}
    for field, value in WANTED.findall(b"&" + body):
        name, text = field.decode(), value.decode("utf-8", "replace")
        if "%" not in text:
            form[name] = text.replace("+", " ")
        elif name == "command":
            form[name] = _slash(text)
        else:
            form[name] = text if name == "response_url" else unquote_plus(text)
    return form


def url_of(written: str) -> str:
    """Return a response URL, whether it came in a form or in JSON."""
    return unquote_plus(written) if "://" not in written else written


@lru_cache(maxsize=512)
def _slash(text: str) -> str:
    return unquote_plus(text)


def invoked(form: Mapping[str, str], at: datetime) -> Invoked | None:
    """Return the event; None when the form is no slash command."""
    team, channel, user = form.get("team_id", ""), form.get("channel_id", ""), form.get("user_id", "")
    name, text = command_of(form.get("command", ""), form.get("text", ""))
    if not (name and channel and user):
        return None
    return Invoked(
        id=form.get("trigger_id") or fingerprint(form),
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=ids.conversation(team, channel),
        actor=ids.identity(team, user),
        actor_name=form.get("user_name", ""),
        command=name,
        text=plain(text, team) if "<" in text or "&" in text else text,
    )


def command_of(slash: str, text: str) -> tuple[str, str]:
    """Return the command's name and what was typed after it; `/qd` alone asks for help."""
    name = slash.removeprefix("/").lower()
    if name != UMBRELLA:
        return name, text
    first, _, rest = text.lstrip().partition(" ")
    return first.removeprefix("/").lower() or "help", rest


def fingerprint(form: Mapping[str, str]) -> str:
    """Name a request that has no id of its own by what it says."""
    said = "\x00".join(f"{name}={form[name]}" for name in sorted(form))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]
