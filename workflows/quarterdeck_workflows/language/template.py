"""Find the `${ … }` in texts. `$${` stands for `${` itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.tree import ExpressionError

OPENING: Final = "${"
MAX_EXPRESSIONS: Final = 200  # in one template


@dataclass(frozen=True, slots=True)
class Hole:
    """Hold the expression inside one `${ … }`; `at` is where its text begins, from 0."""

    expression: str
    at: int


@lru_cache(maxsize=2000)
def parts_of(text: str) -> tuple[str | Hole, ...]:
    """Return a text as plain parts and holes, in order.

    Raises:
        ExpressionError: a `${` is not closed, or holds nothing, or there are too many.
    """
    parts: list[str | Hole] = []
    at, plain = 0, ""
    while (found := text.find("$", at)) >= 0:
        plain += text[at:found]
        if text.startswith("$${", found):
            plain, at = plain + OPENING, found + 3
        elif text.startswith(OPENING, found):
            end = _end_of(text, found + 2)
            parts += [plain] if plain else []
            parts.append(Hole(text[found + 2 : end], found + 2))
            plain, at = "", end + 1
        else:
            plain, at = plain + "$", found + 1
    plain += text[at:]
    parts += [plain] if plain else []
    if sum(isinstance(part, Hole) for part in parts) > MAX_EXPRESSIONS:
        raise ExpressionError(
            f"there are more than {MAX_EXPRESSIONS} expressions in one text", hint="split it"
        )
    return tuple(parts)


def whole(text: str) -> str | None:
    """Return the expression of a text that is one `${ … }` and nothing else."""
    parts = parts_of(text.strip()) if OPENING in text else ()
    return parts[0].expression if len(parts) == 1 and isinstance(parts[0], Hole) else None


def bare(text: str) -> str:
    """Return an expression that was written with or without its `${ … }`."""
    return (whole(text) or text).strip()


def texts_in(template: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text of a template that holds expressions, with its place."""
    if isinstance(template, str):
        if "$" in template:
            yield path, template
    elif isinstance(template, dict):
        for key, value in template.items():
            yield from texts_in(value, (*path, key))
    elif isinstance(template, list | tuple):
        for index, value in enumerate(template):
            yield from texts_in(value, (*path, index))


def _end_of(text: str, at: int) -> int:
    """Return the place of the `}` that closes the hole that begins at `at`; what stands in quotes does not count."""
    start, depth, quote, is_raw = at, 0, "", False
    while at < len(text):
        letter = text[at]
        if quote:
            at += letter == "\\" and not is_raw
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote, is_raw = letter, _is_raw(text, start, at)
        elif letter in "{}":
            if letter == "}" and not depth:
                break
            depth += 1 if letter == "{" else -1
        at += 1
    if at >= len(text):
        raise ExpressionError(
            "a `${` is not closed",
            hint="close it with `}`, or write `$${` for the characters themselves",
            column=start - 1,
        )
    if not text[start:at].strip():
        raise ExpressionError(
            "there is nothing in `${}`", hint="write such as ${inputs.env}", column=start - 1
        )
    return at


def _is_raw(text: str, start: int, quote: int) -> bool:
    """Tell whether the quote opens raw text: an `r` of its own stands before it."""
    before = text[max(start, quote - 2) : quote]
    return before.endswith("r") and not (len(before) == 2 and (before[0].isalnum() or before[0] == "_"))
