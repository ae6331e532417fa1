"""Write events as JSON for the inbox, and read them back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import get_args

from pydantic import TypeAdapter

from quarterdeck.core.event import Event
from quarterdeck.core.text import well_formed

KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


@cache
def _adapter(kind: str) -> TypeAdapter[Event]:
    return TypeAdapter(KINDS[kind])


def encode(event: Event) -> str:
    """Return the event as JSON; what a platform sent along and is no JSON is written as text.

    Raises:
        ValueError: a text in it is no valid Unicode; see `mended`.
    """
    return _adapter(type(event).__name__).dump_json(event, fallback=str).decode()


def mended(event: Event) -> Event:
    """Return the event with every text made valid Unicode."""
    adapter = _adapter(type(event).__name__)
    return adapter.validate_python(_mended(adapter.dump_python(event)))


def _mended(value: object) -> object:
    match value:
        case str():
            return well_formed(value)
        case Mapping():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case list() | tuple():
            return [_mended(item) for item in value]
        case _:
            return value


def decode(kind: str, body: str) -> Event:
    """Return the event that `encode` wrote; `kind` is the name of its class.

    Raises:
        ValueError: the row was not written by `encode`.
    """
    if kind not in KINDS:
        raise ValueError(f"no event is called {kind!r}")
    return _adapter(kind).validate_json(body)
