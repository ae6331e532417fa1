"""Connect Telegram."""
