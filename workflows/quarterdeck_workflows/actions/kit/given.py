"""Read an action's input, which its schema has checked already, as what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from quarterdeck.core.action import ActionCall
from quarterdeck.core.ports import Json


def text_of(call: ActionCall, name: str, default: str = "") -> str:
    """Return a text."""
    return cast("str", call.input.get(name, default))


def whole_of(call: ActionCall, name: str, default: int) -> int:
    """Return a whole number."""
    return int(cast("int", call.input.get(name, default)))


def number_of(call: ActionCall, name: str, default: float) -> float:
    """Return a number."""
    return float(cast("float", call.input.get(name, default)))


def flag_of(call: ActionCall, name: str, *, default: bool = False) -> bool:
    """Return yes or no."""
    return cast("bool", call.input.get(name, default))


def texts_of(call: ActionCall, name: str) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(cast("Sequence[str]", call.input.get(name, ())))


def map_of(call: ActionCall, name: str) -> Mapping[str, Json]:
    """Return an object."""
    return cast("Mapping[str, Json]", call.input.get(name, {}))
