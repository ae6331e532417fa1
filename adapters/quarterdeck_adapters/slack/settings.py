"""State how Slack is connected; `SETTINGS` is found by its place, and becomes the section `platforms.slack`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import OptionalSecret, Url

VARIABLES: Final[Mapping[str, str]] = {
    "SLACK_BOT_TOKEN": "bot_token",
    "SLACK_APP_TOKEN": "app_token",
    "SLACK_SIGNING_SECRET": "signing_secret",
}
"""Variables that stand for a key by being there."""


class SlackSettings(Section):
    """Connect Slack."""

    bot_token: OptionalSecret = None
    """The bot token (xoxb-…)."""
    app_token: OptionalSecret = None
    """The app-level token (xapp-…); with it, Socket Mode."""
    signing_secret: OptionalSecret = None
    """The signing secret; with it, events over HTTP."""
    mode: Literal["socket", "http"] | None = None
    """How events come; by which token is there unless it is said."""
    api_url: Url = "https://slack.com/api/"
    reply_in_ack: bool = True
    """Answer light slash commands in the acknowledgement."""

    def missing(self) -> str:
        """Say what to set so that it comes on, empty where nothing is missing."""
        if self.bot_token is None or (self.app_token is None and self.signing_secret is None):
            return "set SLACK_BOT_TOKEN with SLACK_APP_TOKEN (sockets) or SLACK_SIGNING_SECRET (HTTP)"
        return ""


SETTINGS = SlackSettings
