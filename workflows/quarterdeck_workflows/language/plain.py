"""Look into plain data (what JSON can hold) and measure it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean
from quarterdeck_workflows.language.tree import ExpressionError, Path, is_unicode

MAX_NESTING: Final = 64
ITEM_COST: Final = 16
_INT64: Final = 2**63
_KINDS: Final = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}


def look_up(path: Path, names: Mapping[str, Json]) -> Json:
    """Return the value that `path` leads to.

    Raises:
        ExpressionError: something on the way is not there; says what is.
    """
    found: Json = dict(names)
    for count, key in enumerate(path.keys):
        if isinstance(found, Mapping) and isinstance(key, str):
            is_there = key in found
        else:
            is_there = isinstance(found, list | tuple) and isinstance(key, int) and 0 <= key < len(found)
        if not is_there:
            raise _missing(Path(path.keys[:count], path.at), key, found, path.at)
        found = found[key]  # type: ignore[index]  # asked the lines before
    return found


def measure(value: Json, limit: int, *, is_exact: bool = False) -> int:
    """Return what a value counts; `is_exact`: its whole numbers must fit 64 bits, its texts be Unicode.

    Raises:
        ExpressionError: more than `limit`, nested deeper than `MAX_NESTING`, or no plain data.
    """
    cost, waiting = 0, [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        cost += ITEM_COST
        if isinstance(one, str):
            cost += len(one)
            _check_text(one, is_exact)
        elif isinstance(one, Mapping):
            cost += sum(_length_of_key(key, is_exact) for key in one)
            waiting += [(inner, depth + 1) for inner in one.values()]
        elif isinstance(one, list | tuple):
            waiting += [(inner, depth + 1) for inner in one]
        else:
            _check_scalar(one, is_exact)
        if cost + ITEM_COST * len(waiting) > limit or depth > MAX_NESTING:
            raise ExpressionError(
                f"the value is larger than {limit // 1024} KiB, or nested deeper than {MAX_NESTING} levels",
                hint="take the part of it that is needed, or work on it with the action data.transform",
            )
    return cost


def kind_of(value: Json) -> str:
    """Return null, boolean, integer, number, string, list or map."""
    if isinstance(value, Mapping):
        return "map"
    return _KINDS.get(type(value), "list")


def _check_scalar(value: object, is_exact: bool) -> None:
    if not (value is None or isinstance(value, bool | int | float)):
        raise ExpressionError(f"{type(value).__name__} is no plain data", hint="hand on JSON")
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError(
            "a number is infinite, or none", hint="ask before, such as x == 0.0 ? 0.0 : 1.0 / x"
        )
    if is_exact and isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise ExpressionError("a whole number has more than 64 bits", hint="hand it on as text")


def _check_text(text: str, is_exact: bool) -> None:
    if is_exact and not is_unicode(text):
        raise ExpressionError("a text holds half a character", hint="hand on whole characters")


def _length_of_key(key: object, is_exact: bool) -> int:
    if isinstance(key, str):
        _check_text(key, is_exact)
        return len(key)
    raise ExpressionError("a key of a map is no text", hint='write {"1": x}')


def _missing(before: Path, key: str | int, found: Json, at: int) -> ExpressionError:
    where = str(before) if before.keys else ""
    name = str(Path((*before.keys, key), at))
    if isinstance(found, Mapping) and isinstance(key, str):
        known = sorted(found)
        has = f"{where or 'known here'}{' has' if where else ':'} {', '.join(known[:12]) or 'nothing'}"
        return ExpressionError(f"there is no {name}", hint=did_you_mean(key, known) or has, column=at + 1)
    if isinstance(found, list | tuple) and isinstance(key, int):
        return ExpressionError(
            f"there is no {name}: the list has {len(found)} items", hint="ask size() first", column=at + 1
        )
    kind = "text" if isinstance(found, str) else kind_of(found)
    hint = f"ask first: {where} == null ? … : …" if found is None else "check the path"
    return ExpressionError(f"there is no {name}: {where} is {kind}", hint=hint, column=at + 1)


def has(path: Path, key: str, names: Mapping[str, Json]) -> bool:
    found = look_up(path, names)
    if not isinstance(found, Mapping):
        raise ExpressionError(
            f"has() asks {path} for {key}, and it is {kind_of(found)}",
            hint=f"ask before: {path} != null && has({path}.{key})",
            column=path.at + 1,
        )
    return key in found
