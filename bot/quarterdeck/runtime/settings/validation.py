"""Say in one sentence, and by its place, what a data model refused."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Final, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from quarterdeck.core.errors import SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.settings.layering import Keys

_MESSAGES: Final[Mapping[str, str]] = {
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": "must be a map",
    "dict_type": "must be a map",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "missing": "is missing",
}
_HINTS: Final[Mapping[str, str]] = {
    "tuple_type": "write a list: `- item` lines, or JSON in a variable",
    "list_type": "write a list: `- item` lines, or JSON in a variable",
    "model_type": "write `key: value` lines below it, indented",
    "dict_type": "write `key: value` lines below it, indented",
    "string_type": "put it in quotes",
    "missing": "add it",
}


class Locate(Protocol):
    """Make an error that points at the value at `path`, or at its key."""

    def __call__(self, message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError: ...


def problems_of(error: ValidationError, model: type[BaseModel], locate: Locate) -> Iterator[SetupError]:
    """Turn each detail of `error` into an error of ours; values are never repeated."""
    for detail in error.errors(include_url=False, include_input=False):
        yield _problem(detail, model, locate)


def _problem(detail: ErrorDetails, model: type[BaseModel], locate: Locate) -> SetupError:
    kind, context = detail["type"], detail.get("ctx", {})
    path: Keys = detail["loc"]
    if context.get("key"):
        path = (*path, str(context["key"]))
    is_key = path[-1:] == ("[key]",)
    if is_key:
        path = path[:-1]
    name = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        known = known_keys(model, path[:-1])
        hint = did_you_mean(str(path[-1]), known) or f"known here: {', '.join(sorted(known))}"
        return locate(f"{name} is not a known key", path, hint=hint, at_key=True)
    if kind == "quarterdeck":
        return locate(f"{name}: {detail['msg']}", path, hint=str(context.get("hint", "")))
    message = _MESSAGES.get(kind) or detail["msg"].removeprefix("Input ")
    message = message[:1].lower() + message[1:]
    hint = "use small letters, digits and hyphens" if is_key else _HINTS.get(kind, "")
    return locate(f"{name}: {message}", path, hint=hint, at_key=is_key)


def known_keys(model: type[BaseModel], path: Keys) -> frozenset[str]:
    """Return the keys that may stand at `path` below `model`; empty where that is free."""
    annotation: object = model
    for key in path:
        annotation = _inside(annotation, key)
    found = _model_in(annotation)
    if found is None:
        return frozenset()
    return frozenset(field.alias or name for name, field in found.model_fields.items())


def _inside(annotation: object, key: str | int) -> object:
    if NoneType in typing.get_args(annotation):  # `dict[…] | None`
        annotation = next(one for one in typing.get_args(annotation) if one is not NoneType)
    model = _model_in(annotation)
    if model is not None:
        field = model.model_fields.get(str(key))
        return field.annotation if field is not None else None
    arguments = [argument for argument in typing.get_args(annotation) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _model_in(typing.get_args(annotation)[0])
    if origin in (dict, Mapping, list, tuple):
        return None
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)
