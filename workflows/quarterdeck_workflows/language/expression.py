"""Evaluate `${ … }`: CEL over plain data, without macros, clock or side effects, bounded in all directions."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json


class ExpressionError(SetupError):
    """Say what is wrong with an expression, or with the values it met; `column` counts from 1 within its text."""


def evaluate(text: str, names: Mapping[str, Json]) -> Json:
    """Return the value of an expression over `names`. Pure: the same for the same arguments, always.

    Raises:
        ExpressionError: it is not in the language, names what is not there, or costs too much.
    """
    raise NotImplementedError


def fill(template: Json, names: Mapping[str, Json]) -> Json:
    """Return `template` with every `${ … }` in its texts replaced; keys of maps stay as they are.

    A text that is one whole `${ … }` becomes the value with its type; inside a longer text null is nothing, lists
    and maps are JSON. What was filled in is never read again. `$${` stands for `${`.

    Raises:
        ExpressionError: as `evaluate`; or the result is too large.
    """
    raise NotImplementedError
