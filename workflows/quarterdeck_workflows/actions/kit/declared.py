"""Declare an action in a few lines: what it takes and returns, as strict JSON Schema, and the function that does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass

Schema = Mapping[str, Json]
Work = Callable[[ActionCall], Awaitable[Json]]

TEXT_LIMIT: Final = 100_000  # characters of one text that goes in


@dataclass(frozen=True, slots=True)
class Declared:
    """Pair a declaration with what does it (the `Action` protocol)."""

    spec: ActionSpec
    work: Work = field(compare=False)

    async def run(self, call: ActionCall) -> Json:
        """Do it."""
        return await self.work(call)


def shape(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with these keys and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def text(about: str, *, longest: int = TEXT_LIMIT, least: int = 1, **more: Json) -> Schema:
    """Return the schema of a text, with its length in characters."""
    return {"type": "string", "description": about, "minLength": least, "maxLength": longest, **more}


def one_of(about: str, *choices: str, default: str = "") -> Schema:
    """Return the schema of a choice."""
    schema: dict[str, Json] = {"type": "string", "description": about, "enum": list(choices)}
    return schema | {"default": default} if default else schema


def whole(about: str, least: int, most: int, default: int | None = None) -> Schema:
    """Return the schema of a whole number within bounds."""
    schema: dict[str, Json] = {"type": "integer", "description": about, "minimum": least, "maximum": most}
    return schema if default is None else schema | {"default": default}


def number(about: str, least: float, most: float, default: float | None = None) -> Schema:
    """Return the schema of a number within bounds."""
    schema: dict[str, Json] = {"type": "number", "description": about, "minimum": least, "maximum": most}
    return schema if default is None else schema | {"default": default}


def flag(about: str, *, default: bool = False) -> Schema:
    """Return the schema of yes or no."""
    return {"type": "boolean", "description": about, "default": default}


def listed(about: str, items: Schema, *, most: int, least: int = 0, **more: Json) -> Schema:
    """Return the schema of a list."""
    return {
        "type": "array",
        "description": about,
        "items": items,
        "minItems": least,
        "maxItems": most,
        **more,
    }


def mapped(about: str, values: Schema, *, most: int) -> Schema:
    """Return the schema of a map with free keys."""
    return {
        "type": "object",
        "description": about,
        "additionalProperties": values,
        "maxProperties": most,
        "propertyNames": {"maxLength": 200},
    }


def anything(about: str) -> Schema:
    """Return the schema of any JSON."""
    return {"description": about}


COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
STRING: Final[Schema] = {"type": "string"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
CREDENTIAL: Final[Schema] = text(
    "A name from egress.credentials of the settings",
    longest=64,
    pattern="^[a-z0-9][a-z0-9_-]*$",
    format="credential",
)
FILE: Final[Schema] = text(
    "A file of this run's own folder, such as out/rows.csv", longest=400, format="run-file"
)
