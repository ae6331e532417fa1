"""Read command lines: one text syntax, the same on every platform.

    /deploy api --env prod --replicas 3 --note "two words"

Positional values come in the order of the declaration, named ones anywhere. Quotes keep spaces; the curly quotes
and dashes that phones make of plain ones are understood. An option declared `rest` takes what is left of the line,
byte for byte; before it only `--name value` pairs are read, and before one of kind `text` nothing at all.
One pass from left to right and no regular expression that could go back, so a hostile line costs no more than its
length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quarterdeck.core.command import Command
from quarterdeck.core.errors import UsageError
from quarterdeck.core.help import usage
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.values import read_value

QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019"}
_SPACE, _NO_SPACE = re.compile(r"\s"), re.compile(r"\S")  # single signs: nothing that could backtrack
_PLAIN_END = re.compile(rf"\s|(?<==)[{''.join(QUOTES)}]")
_ENDS = {closing: re.compile(rf"[\\{closing}]") for closing in QUOTES.values()}
_ESCAPES = {closing: re.compile(rf"(?:\\[\\{closing}])+") for closing in QUOTES.values()}
DASHES = ("--", "\u2014", "\u2013")  # phones write a dash for two hyphens


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Hold one word of a line, without its quotes."""

    text: str
    is_quoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold a command line in two parts: the name without the slash, and what follows the first space."""

    name: str
    rest: str


def split(text: str) -> Line | None:
    """Return the parts of `/name rest`, or None when `text` is no command line. `/name@bot` is `/name`."""
    if not text.startswith("/") or len(text) < 2 or not (text[1].isalnum()):
        return None
    end = _next(_SPACE, text, 0)
    name = text[1:end].split("@", 1)[0].lower()
    return Line(name=name, rest=text[end + 1 :])


def wants_help(command: Command, rest: str) -> bool:
    """Tell whether the line asks for the command's help instead of a run."""
    return not _is_verbatim(command) and rest.strip() in ("--help", "\u2014help")


def parse(command: Command, rest: str) -> dict[str, object]:
    """Return a value for every declared option.

    Raises:
        UsageError: names the option, the value and what is allowed.
    """
    given: dict[str, object] = {}
    left = rest
    last = command.options[-1] if command.options else None
    takes_rest = last is not None and last.rest
    if not _is_verbatim(command):
        left = _read_words(command, rest, given, stops_at_rest=takes_rest)
    if takes_rest and last is not None and left.strip():
        given[last.name] = left if last.kind == "text" else left.strip()
    return complete(command, given)


def complete(command: Command, given: Mapping[str, object]) -> dict[str, object]:
    """Check values that came by name, from a line or from a native command, and add the defaults.

    Raises:
        UsageError: names the option, the value and what is allowed.
    """
    known = {option.name: option for option in command.options}
    for name in given:
        if name not in known:
            raise UsageError(
                f"/{command.name} has no option {name[:60]!r}",
                hint=did_you_mean(f"--{name}", [f"--{n}" for n in known]) or usage(command),
            )
    values: dict[str, object] = {}
    for name, option in known.items():
        if name in given:
            values[name] = read_value(command.name, option, given[name])
        elif option.required:
            raise UsageError(f"/{command.name} needs {name!r}: {option.summary}", hint=usage(command))
        else:
            values[name] = option.default
    return values


def _read_words(command: Command, rest: str, given: dict[str, object], *, stops_at_rest: bool) -> str:
    """Fill `given` from the line's words; returns what is left for a `rest` option."""
    positional = [option for option in command.options if option.positional and not option.rest]
    at = 0
    while at < len(rest):
        at = _next(_NO_SPACE, rest, at)
        if at == len(rest):
            break
        is_named = rest.startswith(DASHES, at)
        if stops_at_rest and not is_named and not positional:
            return rest[at:]
        token, end = _word(rest, at)
        if is_named and not token.is_quoted:
            at = _read_named(command, rest, token.text, end, given)
        elif positional:
            given[positional.pop(0).name] = token.text
            at = end
        else:
            raise UsageError(
                f"/{command.name} takes no further value {token.text[:60]!r}", hint=usage(command)
            )
    return ""


def _read_named(command: Command, rest: str, word: str, end: int, given: dict[str, object]) -> int:
    """Read `--name value`, `--name=value` or a bare `--flag`; returns where to go on."""
    dash = next(dash for dash in DASHES if word.startswith(dash))
    name, has_value, value = word.removeprefix(dash).partition("=")
    option = next((option for option in command.options if option.name == name), None)
    if option is None:
        raise UsageError(
            f"/{command.name} has no option {word[:60]!r}",
            hint=did_you_mean(f"--{name}", [f"--{o.name}" for o in command.options]) or usage(command),
        )
    if name in given:
        raise UsageError(f"--{name} stands twice", hint="leave one of them out")
    if has_value:
        given[name] = value
        return end
    if option.kind == "boolean":
        given[name] = "true"
        return end
    start = _next(_NO_SPACE, rest, end)
    if start == len(rest):
        raise UsageError(f"--{name} needs a value: {option.summary}", hint=usage(command))
    token, end = _word(rest, start)
    given[name] = token.text
    return end


def _word(text: str, at: int) -> tuple[Token, int]:
    """Read the word that begins at `at`; quotes may open in its middle, as in --note="two words"."""
    end = _next(_SPACE, text, at)
    if text[at] not in QUOTES and not any(f"={quote}" in text[at:end] for quote in QUOTES):
        return Token(text=text[at:end], is_quoted=False), end
    start, pieces = at, []
    while at < len(text) and not text[at].isspace():
        if text[at] in QUOTES and (at == start or text[at - 1] == "="):
            piece, at = _quoted(text, at)
        else:
            end = _next(_PLAIN_END, text, at + 1)
            piece, at = text[at:end], end
        pieces.append(piece)
    return Token(text="".join(pieces), is_quoted=text[start] in QUOTES), at


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read from an opening quote to its end; a backslash keeps the next quote or backslash."""
    opening, closing, pieces = at, QUOTES[text[at]], []
    at += 1
    while at < len(text):
        end = _next(_ENDS[closing], text, at)
        pieces.append(text[at:end])
        if text.startswith(closing, end):
            return "".join(pieces), end + 1
        kept = _ESCAPES[closing].match(text, end)
        pieces.append(kept[0][1::2] if kept else text[end : end + 1])
        at = kept.end() if kept else end + 1
    raise UsageError(
        f"the quote that opens at character {opening + 1} is not closed", hint=f"add {closing} where it ends"
    )


def _next(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where the next sign of a kind is; the end of the text when there is none."""
    found = pattern.search(text, at)
    return found.start() if found else len(text)


def _is_verbatim(command: Command) -> bool:
    return bool(command.options) and command.options[0].rest and command.options[0].kind == "text"
