"""Quarterdeck, a chat-ops bot for teams that live in several chat platforms at once."""

__version__ = "0.1.0"
