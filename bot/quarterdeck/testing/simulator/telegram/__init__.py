"""Be the Bot API of Telegram: `SimulatedTelegram` in `telegram.py` is the door."""
