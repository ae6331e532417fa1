"""Be Telegram: the Bot API with polling and webhooks, with people who write, press and pick from menus.

Written from the Bot API's published description and from the published sources of its server (tdlib/telegram-bot-api),
both read on 2026-11-21; not from our adapter.
"""

from quarterdeck.testing.simulator.telegram.simulator import TelegramSimulator

__all__ = ["TelegramSimulator"]
