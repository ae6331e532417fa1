"""Read the small values of a workflow file: names, durations, expressions, templates."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BeforeValidator, JsonValue, StringConstraints

from quarterdeck.core.duration import read_duration
from quarterdeck.runtime.settings.types import refuse

WORD: Final = r"^[a-z][a-z0-9_]{0,31}$"
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LONGEST_S: Final = 366 * 86_400.0

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
"""What a workflow, a webhook or a button is called."""
Word = Annotated[str, StringConstraints(pattern=WORD)]
"""What a step, an input or a variable is called: expressions read it."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Template = JsonValue
Templates = dict[str, JsonValue]


def _seconds(value: object) -> object:
    seconds = read_duration(value) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise refuse("is no duration", "write seconds, or such as 90s, 20m, 1h30m, 2d")
    if not 0 < seconds <= LONGEST_S:
        raise refuse("is out of range", "write more than nothing and at most 366 days")
    return float(seconds)


def _expression(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or not value.strip():
        raise refuse(
            "must be an expression", "write such as inputs.env == 'prod', in quotes where it holds `: `"
        )
    return value


def _texts(value: object) -> object:
    return [value] if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str)]
"""Seconds, or a duration such as 20m."""
Expression = Annotated[str, BeforeValidator(_expression, json_schema_input_type=str | bool)]
"""CEL, with or without its ${ }."""
Texts = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=400)], ...],
    BeforeValidator(_texts, json_schema_input_type=str | list[str]),
]
"""One text, or a list."""


def choose_one(value: object, kinds: Sequence[str]) -> str | None:
    """Return which of `kinds` a map is, by the key that it holds; None where it holds none."""
    if isinstance(value, dict):
        return next((key for key in value if key in kinds), None)
    return getattr(value, "kind_key", None)
