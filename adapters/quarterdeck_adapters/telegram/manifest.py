"""Write down what is to be told to BotFather, Telegram's own set-up chat."""

from __future__ import annotations

from collections.abc import Sequence

from quarterdeck.core.command import Command
from quarterdeck_adapters.telegram.menu import entries_of
from quarterdeck_adapters.telegram.settings import TelegramSettings
from quarterdeck_adapters.telegram.webhook import PATH, address_of


def manifest(commands: Sequence[Command], settings: TelegramSettings, *, asks_emails: bool = False) -> str:
    """Return the steps in BotFather, with the command list to paste; the bot sets the same list itself."""
    lines = [
        "In a chat with @BotFather:",
        "1. /newbot: choose a name and a username; put the token into TELEGRAM_BOT_TOKEN.",
        "2. /setprivacy, then Disable: only if the bot shall read groups without being named;",
        "   with privacy on it gets commands, mentions and replies, which is all it needs to answer.",
        "3. /setjoingroups, then Enable: to put it into groups. Topics need no setting; to be told of reactions",
        "   in a group, the bot must be an administrator there.",
        "4. /setcommands, then paste (the bot does this by itself when it starts):",
        "",
        *(f"{entry['command']} - {entry['description']}" for entry in entries_of(commands)),
        "",
    ]
    if settings.mode == "webhook":
        where = address_of(settings.webhook_url) if settings.webhook_url else f"https://YOUR-HOST{PATH}"
        lines += [f"Telegram calls {where} (public https on port 443, 80, 88 or 8443)."]
        if not settings.webhook_url:
            lines += [
                "Set platforms.telegram.webhook_url to that address, so that the bot tells Telegram itself."
            ]
    else:
        lines += ["The bot asks Telegram for messages (polling): no address of yours need be public."]
    return "\n".join(lines) + "\n"
