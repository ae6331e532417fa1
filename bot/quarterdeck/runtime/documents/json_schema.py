"""Check a value against a JSON Schema; nothing that a schema names is ever fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from quarterdeck.core.text import printable

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

WORDS_LIMIT: Final = 300
SHOWN_LIMIT: Final = 60  # characters of the value that is wrong
KEPT: Final = 256

_checkers: dict[int, tuple[Mapping[str, object], Draft202012Validator]] = {}  # a kept schema keeps its id


def fault_in(value: object, schema: Mapping[str, object]) -> str:
    """Return what is wrong first, in a few words; empty when the value fits.

    A schema must not be changed once something was checked against it.
    """
    if not schema:
        return ""
    from jsonschema.exceptions import SchemaError, best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(_checker(schema).iter_errors(value))
    except (Unresolvable, SchemaError, RecursionError):
        return "its schema cannot be used"
    if error is None:
        return ""
    where = "/".join(str(part) for part in error.absolute_path)
    value_shown = repr(error.instance)
    message = error.message
    if len(value_shown) > SHOWN_LIMIT:  # else the reason would be what is cut off
        message = message.replace(value_shown, f"{value_shown[:SHOWN_LIMIT]}…")
    words = printable(message)[:WORDS_LIMIT]
    return f"{where}: {words}" if where else words


def _checker(schema: Mapping[str, object]) -> Draft202012Validator:
    """Return the schema made ready: that takes longer than most checks."""
    kept = _checkers.get(id(schema))
    if kept is not None:
        return kept[1]
    import jsonschema  # a tenth of a second, and only where something is checked
    from referencing import Registry

    checker = jsonschema.Draft202012Validator(dict(schema), registry=Registry())
    if len(_checkers) >= KEPT:
        _checkers.clear()
    _checkers[id(schema)] = (schema, checker)
    return checker


def schema_fault(schema: Mapping[str, object]) -> str:
    """Return what is wrong with a schema itself, in a few words; empty when it can be used."""
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(dict(schema))
    except jsonschema.exceptions.SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path)
        words = printable(error.message)[:WORDS_LIMIT]
        return f"{where}: {words}" if where else words
    except RecursionError:
        return "it is nested too deeply"
    return ""
