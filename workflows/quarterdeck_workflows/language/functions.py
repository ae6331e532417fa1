"""Declare the functions of expressions: CEL's own, and some of its extensions, over plain data.

Those with a `run` are ours. Each is bounded by what it is given and what it may make; a failure is an `Unfit`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Final

from quarterdeck.core.ports import Json
from quarterdeck.core.text import well_formed
from quarterdeck.core.value import dataclass

TEXT: Final = frozenset({"string"})
WHOLE: Final = frozenset({"integer"})
NUMBER: Final = frozenset({"integer", "number"})
TRUTH: Final = frozenset({"boolean"})
LIST: Final = frozenset({"list"})
ANY: Final = frozenset({"null", "boolean", "integer", "number", "string", "list", "map"})
MAX_MADE: Final = 256 * 1024  # characters that one function may make
MAX_PATTERN: Final = 1000
PATTERN_BYTES: Final = 1024 * 1024  # of memory for a compiled pattern


class Unfit(Exception):
    """Say why a function cannot do it, and what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Declare a function: the kinds that each argument may have, how many are needed, the kind of its result."""

    arguments: tuple[frozenset[str], ...]
    result: frozenset[str]
    example: str
    needed: int | None = None  # all
    run: Callable[..., Json] | None = None


def shown(value: Json) -> str:
    """Return a value as text: text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _string(value: Json) -> str:
    return _bounded(shown(value))


def _bool(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise Unfit("only true and false can be made a boolean", "compare instead, such as x == 'yes'")


def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(well_formed(text)) is not None


def _replace(text: str, old: str, new: str) -> str:
    count = text.count(old)
    if len(text) + count * (len(new) - len(old)) > MAX_MADE:
        raise Unfit(f"the text would have more than {MAX_MADE} characters", "replace less")
    return text.replace(old, new)


def _split(text: str, separator: str) -> list[Json]:
    if not separator:
        raise Unfit("text cannot be split at nothing", "write a separator, such as ','")
    return list(text.split(separator, 5000))


def _join(items: Sequence[Json], separator: str = "") -> str:
    if not all(isinstance(item, str) for item in items):
        raise Unfit(
            "only a list of texts can be joined", "make other values text before, with data.transform"
        )
    if sum(len(str(item)) + len(separator) for item in items) > MAX_MADE:
        raise Unfit(f"the text would have more than {MAX_MADE} characters", "join less")
    return separator.join(map(str, items))


def _substring(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise Unfit(
            f"the text has {len(text)} characters, so {start} to {end} is no part of it", "ask size() first"
        )
    return text[start:end]


def _lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _upper(text: str) -> str:
    return "".join(letter.upper() if letter.isascii() else letter for letter in text)


def _index_of(text: str, part: str) -> int:
    return text.find(part)


def check_pattern(pattern: str) -> None:
    """Refuse what is no regular expression in RE2's syntax, or too long.

    Raises:
        Unfit: says why.
    """
    _pattern(pattern)


def search(pattern: str, text: str) -> tuple[str, Mapping[str, str]] | None:
    """Return what a pattern finds in a text, with its named groups; None where it finds nothing.

    Raises:
        Unfit: it is no pattern.
    """
    found = _pattern(pattern).search(text)
    if found is None:
        return None
    return found[0], {name: value for name, value in found.groupdict().items() if value is not None}


def _bounded(text: str) -> str:
    if len(text) > MAX_MADE:
        raise Unfit(f"the text would have more than {MAX_MADE} characters", "take a part of it")
    return text


@lru_cache(maxsize=200)
def _pattern(pattern: str) -> ModuleType:
    import re2  # type: ignore[import-untyped]  # google-re2 ships no types

    if len(pattern) > MAX_PATTERN:
        raise Unfit(f"the pattern has more than {MAX_PATTERN} characters", "write a shorter one")
    options = re2.Options()
    options.log_errors, options.max_mem = False, PATTERN_BYTES
    try:
        compiled: ModuleType = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else ""
        said = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise Unfit(
            f"{pattern[:60]!r} is no pattern: {said[:100]}",
            "write it in RE2's syntax: no look-around, no back-references",
        ) from error
    return compiled


FUNCTIONS: Final[Mapping[str, Declared]] = {
    "size": Declared(
        arguments=(frozenset({"string", "list", "map"}),), result=WHOLE, example="size(inputs.services) > 0"
    ),
    "contains": Declared(arguments=(TEXT, TEXT), result=TRUTH, example='trigger.text.contains("help")'),
    "startsWith": Declared(
        arguments=(TEXT, TEXT), result=TRUTH, example='inputs.branch.startsWith("release/")'
    ),
    "endsWith": Declared(arguments=(TEXT, TEXT), result=TRUTH, example='inputs.file.endsWith(".md")'),
    "matches": Declared(
        arguments=(TEXT, TEXT), result=TRUTH, run=_matches, example='inputs.version.matches("^v[0-9]+$")'
    ),
    "int": Declared(arguments=(NUMBER | TEXT,), result=WHOLE, example="int(trigger.body.count)"),
    "double": Declared(
        arguments=(NUMBER | TEXT,), result=frozenset({"number"}), example="double(inputs.percent) / 100.0"
    ),
    "bool": Declared(arguments=(TRUTH | TEXT,), result=TRUTH, run=_bool, example='bool("true")'),
    "string": Declared(arguments=(ANY,), result=TEXT, run=_string, example="string(inputs.count)"),
    "lowerAscii": Declared(arguments=(TEXT,), result=TEXT, run=_lower, example="inputs.name.lowerAscii()"),
    "upperAscii": Declared(arguments=(TEXT,), result=TEXT, run=_upper, example="inputs.name.upperAscii()"),
    "trim": Declared(arguments=(TEXT,), result=TEXT, run=str.strip, example="trigger.text.trim()"),
    "replace": Declared(
        arguments=(TEXT, TEXT, TEXT), result=TEXT, run=_replace, example='inputs.name.replace("_", "-")'
    ),
    "split": Declared(arguments=(TEXT, TEXT), result=LIST, run=_split, example='inputs.hosts.split(",")'),
    "join": Declared(
        arguments=(LIST, TEXT), needed=1, result=TEXT, run=_join, example='inputs.names.join(", ")'
    ),
    "substring": Declared(
        arguments=(TEXT, WHOLE, WHOLE),
        needed=2,
        result=TEXT,
        run=_substring,
        example="steps.build.output.commit.substring(0, 7)",
    ),
    "indexOf": Declared(
        arguments=(TEXT, TEXT), result=WHOLE, run=_index_of, example='inputs.mail.indexOf("@")'
    ),
}
"""The functions by name; each can be written `f(x, y)` and `x.f(y)`."""
