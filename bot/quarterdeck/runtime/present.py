"""Know which event is being answered, wherever its answer takes us: what is put on record names it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

EVENT: Final[ContextVar[str]] = ContextVar("event", default="")
"""The key of the event; empty outside of an answer."""
