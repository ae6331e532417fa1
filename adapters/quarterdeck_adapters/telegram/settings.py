"""State how Telegram is connected; `SETTINGS` is found by its place, and becomes the section `platforms.telegram`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import OptionalSecret, Url

VARIABLES: Final[Mapping[str, str]] = {"TELEGRAM_BOT_TOKEN": "token"}
"""Variables that stand for a key by being there."""


class TelegramSettings(Section):
    """Connect Telegram."""

    token: OptionalSecret = None
    """The token from BotFather."""
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: OptionalSecret = None
    """What Telegram sends along with each webhook call; needed for mode webhook."""
    webhook_url: Url | None = None
    """Where Telegram reaches this bot, for mode webhook: a public https address. Telegram is told at each start."""
    api_url: Url = "https://api.telegram.org"
    """The root, without /bot."""
    file_url: Url = "https://api.telegram.org/file"

    def missing(self) -> str:
        """Say what to set so that it comes on, empty where nothing is missing."""
        if self.token is None:
            return "set TELEGRAM_BOT_TOKEN"
        if self.mode == "webhook" and self.webhook_secret is None:
            return "set platforms.telegram.webhook_secret, or mode: polling"
        return ""


SETTINGS = TelegramSettings
