"""Read YAML: the one loader for settings, providers, connectors, prompts and workflows.

A strict part of YAML 1.2 that means the same to every reader and cannot surprise: scalars by the core schema
(`on`, `no`, `12:30` and `2026-11-21` are text, `0123` is 123), keys are text as written; no anchors, aliases,
merge keys, tags or directives; one document; size, depth and number of nodes bounded. The parser's events are
read one by one and no object is constructed from them: a hostile document costs no more than its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, NoReturn

import yaml
from yaml import events

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 50_000  # the largest honest file of 256 KiB has a tenth of that
MAX_DIGITS: Final = 64  # of one number; Python's own limit for turning text into an integer is 4300

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: Final[Mapping[str, bool | float | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}  # YAML 1.2.2, section 10.3.2, "Core schema"
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")

_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is there: 30 times as fast

Keys = tuple[str | int, ...]
Position = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Hold plain data and where each of its values stands; lines and columns count from 1."""

    data: Json
    file: str = ""
    keys: Mapping[Keys, Position] = field(default_factory=dict, repr=False)
    values: Mapping[Keys, Position] = field(default_factory=dict, repr=False)

    def position(self, path: Sequence[str | int]) -> Position:
        """Return line and column of the value at `path`, or of the nearest value around it that exists."""
        return self._nearest(path, self.values)

    def key_position(self, path: Sequence[str | int]) -> Position:
        """Return line and column of the key that `path` ends in, or of the nearest value around it."""
        exact = self.keys.get(tuple(path))
        return exact if exact is not None else self.position(path)

    def error(
        self, message: str, path: Sequence[str | int], *, hint: str = "", at_key: bool = False
    ) -> SetupError:
        """Make an error that points at the value (or the key) at `path`."""
        line, column = self.key_position(path) if at_key else self.position(path)
        key = ".".join(str(part) for part in path) or None
        return SetupError(message, hint=hint, file=self.file or None, key=key, line=line, column=column)

    def _nearest(self, path: Sequence[str | int], known: Mapping[Keys, Position]) -> Position:
        for length in range(len(path), -1, -1):
            position = known.get(tuple(path[:length]))
            if position is not None:
                return position
        return (1, 1)


def load(source: str | Path, *, file: str = "") -> Located:
    """Read one YAML document: a path, or text that errors will call `file`. No content at all is None.

    Raises:
        SetupError: with file, line, column and what to write instead.
    """
    if isinstance(source, Path):
        file = file or str(source)
        text = _read(source, file)
    else:
        text = source
        if len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES:
            raise _too_big(file)
    text = text.removeprefix("\ufeff")
    if bad := _FORBIDDEN.search(text):
        line, column = _position_of(text, bad.start())
        raise SetupError(
            f"character U+{ord(bad[0]):04X} is not allowed in YAML",
            hint='delete it, or write it as an escape in double quotes, such as "\\u0000"',
            file=file or None,
            line=line,
            column=column,
        )
    return _Reader(text, file).document()


def _read(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SetupError(
            f"cannot read {file}: {error.strerror}", hint="check the path and its permissions", file=file
        ) from error
    if len(content) > MAX_BYTES:
        raise _too_big(file)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _position_of(content[: error.start].decode(), error.start)
        raise SetupError(
            "the file is not UTF-8 text", hint="save it as UTF-8", file=file, line=line, column=column
        ) from error


def _too_big(file: str) -> SetupError:
    return SetupError(
        f"the document is larger than {MAX_BYTES // 1024} KiB",
        hint="split it into several files",
        file=file or None,
        line=1,
        column=1,
    )


def _position_of(text: str, offset: int) -> Position:
    line, start = 1, 0
    for line_break in _BREAK.finditer(text, 0, offset):
        line, start = line + 1, line_break.end()
    return line, min(offset, len(text)) - start + 1


class _Reader:
    """Turn one document's events into plain data, refusing what is not allowed as soon as it is met."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._events: Iterator[events.Event] = yaml.parse(text, Loader=_PARSER)
        self._nodes = 0
        self._keys: dict[Keys, Position] = {}
        self._values: dict[Keys, Position] = {}

    def document(self) -> Located:
        self._next()  # the stream's start
        event = self._next()
        data: Json = None
        if isinstance(event, events.DocumentStartEvent):
            self._check_directives(event)
            data = self._node(self._next(), ())
            self._next()  # the document's end
            event = self._next()
        if not isinstance(event, events.StreamEndEvent):
            self._refuse(event, "there is more than one document", "keep one, and delete the `---` line")
        return Located(data=data, file=self._file, keys=self._keys, values=self._values)

    def _next(self) -> events.Event:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark: yaml.Mark | None = error.problem_mark or error.context_mark
            raise SetupError(
                f"this is not YAML: {error.problem or error.context}",
                hint=_hint_for(str(error.problem)),
                file=self._file or None,
                line=mark.line + 1 if mark else 1,
                column=mark.column + 1 if mark else 1,
            ) from error
        except (yaml.YAMLError, UnicodeError) as error:
            raise SetupError(
                f"this is not YAML: {error}", hint="save the file as UTF-8 text", file=self._file or None
            ) from error

    def _refuse(self, event: events.Event, message: str, hint: str) -> NoReturn:
        line, column = _start(event)
        raise SetupError(message, hint=hint, file=self._file or None, line=line, column=column)

    def _check_directives(self, event: events.DocumentStartEvent) -> None:
        if event.version or event.tags:
            self._refuse(event, "YAML directives are not allowed", "delete the line that begins with `%`")

    def _node(self, event: events.Event, path: Keys) -> Json:
        self._check(event, path)
        self._values[path] = _start(event)
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _check(self, event: events.Event, path: Keys) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse(event, f"there are more than {MAX_NODES} values", "split the file")
        if len(path) > MAX_DEPTH:
            self._refuse(event, f"the document is nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(event, events.AliasEvent):
            self._refuse(event, f"the alias *{event.anchor} is not allowed", "write the value out here")
        if isinstance(event, events.NodeEvent) and event.anchor is not None:
            self._refuse(event, f"the anchor &{event.anchor} is not allowed", "write the value out instead")
        if getattr(event, "tag", None) is not None:
            self._refuse(
                event,
                f"the tag {event.tag!r} is not allowed",  # type: ignore[attr-defined]  # asked the line before
                "delete it; put text that looks like a number in quotes",
            )

    def _scalar(self, event: events.ScalarEvent) -> Json:
        text = str(event.value)
        if not event.implicit[0]:  # quoted, or a block
            return text
        if text in _SPECIAL:
            return _SPECIAL[text]
        convert = _conversion_for(text)
        if convert is None:
            return text
        if len(text) > MAX_DIGITS:
            self._refuse(event, f"a number has more than {MAX_DIGITS} digits", "put text in quotes")
        return convert(text)

    def _sequence(self, path: Keys) -> list[Json]:
        items: list[Json] = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Keys) -> dict[str, Json]:
        entries: dict[str, Json] = {}
        while not isinstance(event := self._next(), events.MappingEndEvent):
            key = self._key(event, path)
            if key in entries:
                line, _ = self._keys[(*path, key)]
                self._refuse(event, f"the key {key!r} is there twice", f"the first is in line {line}")
            self._keys[(*path, key)] = _start(event)
            entries[key] = None
            entries[key] = self._node(self._next(), (*path, key))
        return entries

    def _key(self, event: events.Event, path: Keys) -> str:
        self._check(event, path)
        if not isinstance(event, events.ScalarEvent):
            self._refuse(event, "a key must be text, not a list or a map", "write `key: value`")
        key = str(event.value)
        if key == "<<" and event.implicit[0]:
            self._refuse(event, "the merge key << is not allowed", "write the entries out here")
        if not key:
            self._refuse(event, "a key is empty", "write `key: value`")
        return key


def _start(event: events.Event) -> Position:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _conversion_for(text: str) -> Callable[[str], int | float] | None:
    if _INTEGER.fullmatch(text):
        return int
    if _FLOAT.fullmatch(text):
        return float
    if _OCTAL.fullmatch(text):
        return lambda digits: int(digits[2:], 8)
    if _HEX.fullmatch(text):
        return lambda digits: int(digits[2:], 16)
    return None


def _hint_for(problem: str) -> str:
    if "cannot start any token" in problem:
        return "indent with spaces, and put text that begins with @, `, % or a tab in quotes"
    if "mapping values are not allowed" in problem:
        return "check the indentation, and put text that holds `: ` in quotes"
    if "end of stream" in problem or "found unexpected end" in problem:
        return "the file seems cut off: close the quotes and brackets"
    if "expected ',' or '}'" in problem:
        return "check the brackets here; inside them, text that holds ${ … }, a comma or `: ` goes in quotes"
    return "check indentation, quotes and brackets around this place"
