"""Check a value against a JSON Schema; nothing that a schema names is ever fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quarterdeck.core.text import printable

WORDS_LIMIT: Final = 300
SHOWN_LIMIT: Final = 60  # characters of the value that is wrong


def fault_in(value: object, schema: Mapping[str, object]) -> str:
    """Return what is wrong first, in a few words; empty when the value fits."""
    import jsonschema  # a tenth of a second, and only where something is checked
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    checker = jsonschema.Draft202012Validator(dict(schema), registry=Registry())
    try:
        error = best_match(checker.iter_errors(value))
    except (Unresolvable, jsonschema.exceptions.SchemaError, RecursionError):
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
