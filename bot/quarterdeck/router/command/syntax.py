"""Read command lines: one text syntax, the same on every platform.

    /deploy api --env prod --replicas 3 --note "two words"

Positional values come in the order of the declaration, named ones anywhere. Quotes keep spaces; the curly quotes
and dashes that phones make of plain ones are understood. An option declared `rest` takes what is left of the line,
byte for byte; before it only `--name value` pairs are read, and nothing at all where it is the only option and of
kind `text`. `--` ends the named ones: what follows is a value, whatever it begins with.
One pass from left to right and no regular expression that could go back, so a hostile line costs no more than its
length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from quarterdeck.core.command import Command
from quarterdeck.core.errors import UsageError
from quarterdeck.core.help import usage
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.router.command.values import Reading, read_value

QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019"}
PIECE = 64  # characters that are looked at first: words are short
_PLAIN_END = re.compile(rf"\s|(?<==)[{''.join(QUOTES)}]")
# Every piece is read once and never given back (`++`, `*+`), so there is nothing to go back over.
_BODIES = {closing: re.compile(rf"(?:[^\\{closing}]++|\\.)*+", re.DOTALL) for closing in QUOTES.values()}
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
    end = _space_at(text, 0)
    name = text[1:end].split("@", 1)[0].lower()
    return Line(name=name, rest=text[end + 1 :])


class Missing(UsageError):
    """Say that values are missing which a person can be asked for; `given` are those that came, all sound."""

    def __init__(self, command: Command, given: Mapping[str, object], names: Sequence[str]) -> None:
        summaries = {option.name: option.summary for option in command.options}
        first = names[0]
        super().__init__(
            f"/{command.name} needs {first!r}: {summaries[first]}",
            hint=usage(command),
            wrong=dict.fromkeys(names, "This is needed."),
        )
        self.given, self.names = dict(given), tuple(names)


class _HelpWanted(Exception):
    """Say that `--help` stands among the options."""


def wants_help(command: Command, rest: str) -> bool:
    """Tell whether the line asks for the command's help instead of a run: `--help` stands among its options."""
    if _is_verbatim(command) or not any(f"{dash}help" in rest for dash in DASHES):
        return False
    try:
        _read_words(command, rest, {}, stops_at_rest=_takes_rest(command))
    except _HelpWanted:
        return True
    except UsageError:
        return False
    return False


def parse(command: Command, rest: str, reading: Reading | None = None) -> dict[str, object]:
    """Return a value for every declared option; `reading` says what words such as `tomorrow` and `me` stand for.

    Raises:
        Missing: all that was given is sound, and a required option was not given.
        UsageError: names the option, the value and what is allowed.
    """
    return complete(command, given_in(command, rest), reading)


def given_in(command: Command, rest: str) -> dict[str, object]:
    """Return what the line gives, by option, as it was typed.

    Raises:
        UsageError: the line cannot be read: an option that is not there, one that stands twice, an open quote.
    """
    given: dict[str, object] = {}
    left = rest
    last = command.options[-1] if command.options else None
    if not _is_verbatim(command):
        try:
            left = _read_words(command, rest, given, stops_at_rest=_takes_rest(command))
        except _HelpWanted:
            raise UsageError(f"/{command.name} has no option '--help'", hint=usage(command)) from None
    if last is not None and last.rest and left.strip():
        given[last.name] = left if last.kind == "text" else left.strip()
    return given


def complete(
    command: Command, given: Mapping[str, object], reading: Reading | None = None
) -> dict[str, object]:
    """Check values that came by name, from a line, a native command or a form, and add the defaults.

    A file that came along fills the first option of kind `file` that was not given.

    Raises:
        Missing: all that was given is sound, and a required option was not given.
        UsageError: names the first option that does not fit, the value and what is allowed; its `wrong` names all.
    """
    reading = reading or Reading()
    known = {option.name: option for option in command.options}
    for name in given:
        if name not in known:
            raise UsageError(
                f"/{command.name} has no option {name[:60]!r}",
                hint=did_you_mean(f"--{name}", [f"--{n}" for n in known]) or usage(command),
            )
    given = {**given, **_files_for(command, given, reading)}
    values = {name: option.default for name, option in known.items()}
    problems: list[UsageError] = []
    for name in given:
        try:
            values[name] = read_value(command.name, known[name], given[name], reading)
        except UsageError as problem:
            problems.append(problem)
    if problems:
        problems[0].wrong = {name: said for one in problems for name, said in one.wrong.items()}
        raise problems[0]
    missing = [name for name, option in known.items() if option.required and name not in given]
    if missing:
        raise Missing(command, given, missing)
    return values


def _files_for(command: Command, given: Mapping[str, object], reading: Reading) -> dict[str, object]:
    """Give each option of kind `file` that was left out one of the files that no other option names."""
    if not reading.attachments:
        return {}
    named = set(map(str, given.values()))
    free = [one.name for one in reading.attachments if one.name not in named]
    left_out = [one.name for one in command.options if one.kind == "file" and one.name not in given]
    return dict(zip(left_out, free, strict=False))


def _read_words(command: Command, rest: str, given: dict[str, object], *, stops_at_rest: bool) -> str:
    """Fill `given` from the line's words; returns what is left for a `rest` option."""
    positional = [option for option in command.options if option.positional and not option.rest]
    at, has_ended = 0, False
    while at < len(rest):
        at = _word_at(rest, at)
        if at == len(rest):
            break
        positional = [option for option in positional if option.name not in given]
        is_named = not has_ended and rest.startswith(DASHES, at)
        if stops_at_rest and not is_named and not positional:
            return rest[at:]
        token, end = _word(rest, at)
        if is_named and token.text in DASHES:
            has_ended, at = True, end
        elif is_named:
            at = _read_named(command, rest, token.text, end, given)
        elif positional:
            given[positional[0].name] = token.text
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
    if option is None and name == "help":
        raise _HelpWanted
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
    start = _word_at(rest, end)
    if start == len(rest):
        raise UsageError(f"--{name} needs a value: {option.summary}", hint=usage(command))
    token, end = _word(rest, start)
    if not token.is_quoted and _names_option(command, token.text):
        raise UsageError(
            f"--{name} needs a value before {token.text[:60]!r}: {option.summary}", hint=usage(command)
        )
    given[name] = token.text
    return end


def _names_option(command: Command, word: str) -> bool:
    name = next((word.removeprefix(dash) for dash in DASHES if word.startswith(dash)), "").partition("=")[0]
    return any(option.name == name for option in command.options)


def _word(text: str, at: int) -> tuple[Token, int]:
    """Read the word that begins at `at`; quotes may open in its middle, as in --note="two words"."""
    end = _space_at(text, at)
    if text[at] not in QUOTES and not _opens_inside(text, at, end):
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


def _opens_inside(text: str, at: int, end: int) -> bool:
    """Tell whether a quote opens right behind an equals sign."""
    if text.find("=", at, end) < 0:
        return False
    return any(text.find(f"={quote}", at, end) >= 0 for quote in QUOTES)


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read from an opening quote to its end; a backslash keeps the next quote or backslash."""
    closing = QUOTES[text[at]]
    body = _BODIES[closing].match(text, at + 1)
    end = body.end() if body is not None else at + 1
    if body is None or not text.startswith(closing, end):
        raise UsageError(
            f"the quote that opens at character {at + 1} is not closed",
            hint=f"add {closing} where it ends",
        )
    pieces = body[0].split("\\\\")  # pairs, from the left: what is left of a run stands before something else
    return "\\".join(piece.replace(f"\\{closing}", closing) for piece in pieces), end + 1


def _space_at(text: str, at: int) -> int:
    """Return where the next blank is; the end of the text when there is none. Looks further in ever larger pieces."""
    size = PIECE
    while at < len(text) and not text[at].isspace():
        piece = text[at : at + size]
        word = piece.split(None, 1)[0]
        at += len(word)
        if len(word) < len(piece):
            break
        size *= 4
    return at


def _word_at(text: str, at: int) -> int:
    """Return where the next word begins; the end of the text when there is none."""
    size = PIECE
    while at < len(text) and text[at].isspace():
        piece = text[at : at + size]
        blanks = len(piece) - len(piece.lstrip())
        at += blanks
        if blanks < len(piece):
            break
        size *= 4
    return at


def _next(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where the next sign of a kind is; the end of the text when there is none."""
    found = pattern.search(text, at)
    return found.start() if found else len(text)


def _takes_rest(command: Command) -> bool:
    return bool(command.options) and command.options[-1].rest


def _is_verbatim(command: Command) -> bool:
    return bool(command.options) and command.options[0].rest and command.options[0].kind == "text"
