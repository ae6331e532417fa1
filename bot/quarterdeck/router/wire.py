"""Write events as JSON for the inbox, and read them back."""

from __future__ import annotations

from functools import cache
from typing import get_args

from pydantic import TypeAdapter

from quarterdeck.core.event import Event

KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


@cache
def _adapter(kind: str) -> TypeAdapter[Event]:
    return TypeAdapter(KINDS[kind])


def encode(event: Event) -> str:
    """Return the event as JSON; what a platform sent along and is no JSON is written as text."""
    return _adapter(type(event).__name__).dump_json(event, fallback=str).decode()


def decode(kind: str, body: str) -> Event:
    """Return the event that `encode` wrote; `kind` is the name of its class.

    Raises:
        ValueError: the row was not written by `encode`.
    """
    if kind not in KINDS:
        raise ValueError(f"no event is called {kind!r}")
    return _adapter(kind).validate_json(body)
