"""Complete and colour command lines from what the bot says that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Button
from quarterdeck.core.text import printable
from quarterdeck.core.value import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOption:
    """Hold what completion needs of an option."""

    name: str
    summary: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCommand:
    """Hold what completion needs of a command."""

    name: str
    summary: str
    options: tuple[KnownOption, ...] = ()


OURS: Final = (
    KnownCommand(name="press", summary="Press a button by its id"),
    KnownCommand(name="upload", summary="Send a file"),
)
"""What the console itself understands, beside the bot's commands."""


def known_commands(listed: Json) -> dict[str, KnownCommand]:
    """Read the result of `commands.list`; the console's own words are added."""
    commands = [
        KnownCommand(
            name=str(one["name"]),
            summary=str(one["summary"]),
            options=tuple(map(_option, cast("Sequence[Mapping[str, Json]]", one["options"]))),
        )
        for one in cast("Sequence[Mapping[str, Json]]", listed)
    ]
    return {command.name: command for command in sorted([*commands, *OURS], key=lambda one: one.name)}


def _option(one: Mapping[str, Json]) -> KnownOption:
    choices = cast("Sequence[Json]", one["choices"])
    return KnownOption(
        name=str(one["name"]), summary=str(one["summary"]), choices=tuple(str(choice) for choice in choices)
    )


class CommandCompleter(Completer):
    """Offer commands, their options and choices, paths to upload and the buttons that `buttons` returns."""

    def __init__(self, commands: Mapping[str, KnownCommand], buttons: Callable[[], Sequence[Button]]) -> None:
        self._commands, self._buttons = commands, buttons
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what may stand at the cursor."""
        before = document.text_before_cursor
        name, has_space, rest = before.partition(" ")
        if not before.startswith("/") or "\n" in before:
            return
        if not has_space:
            names = {f"/{command.name}": command.summary for command in self._commands.values()}
            yield from _matching(name, names)
        elif name == "/upload":
            yield from self._paths.get_completions(Document(rest), complete_event)
        elif name == "/press":
            yield from _matching(rest, {button.id: button.label for button in self._buttons()})
        elif command := self._commands.get(name[1:]):
            yield from _of_command(command, rest)


def _of_command(command: KnownCommand, rest: str) -> Iterator[Completion]:
    *earlier, word = rest.split(" ")
    named = {f"--{option.name}": option for option in command.options}
    flag, has_value, value = word.partition("=")
    if has_value and flag in named:
        yield from _matching(value, dict.fromkeys(named[flag].choices, named[flag].summary))
    elif earlier and earlier[-1] in named:
        option = named[earlier[-1]]
        yield from _matching(word, dict.fromkeys(option.choices, option.summary))
    elif word.startswith("-"):
        yield from _matching(
            word, {flag: option.summary for flag, option in named.items() if flag not in earlier}
        )
    else:
        for option in command.options:
            if not set(option.choices) & set(earlier):
                yield from _matching(word, dict.fromkeys(option.choices, option.summary))


def _matching(typed: str, words: Mapping[str, str]) -> Iterator[Completion]:
    """Yield the words that begin with what is typed, each with its explanation."""
    for word, summary in words.items():
        if word.lower().startswith(typed.lower()) and word != typed:
            yield Completion(word, start_position=-len(typed), display_meta=printable(summary))


class CommandLexer(Lexer):
    """Colour the name of a command that there is, and its options."""

    def __init__(self, commands: Mapping[str, KnownCommand]) -> None:
        self._commands = commands

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return what colours a line by its number."""
        lines = document.lines

        def coloured(number: int) -> StyleAndTextTuples:
            name, space, rest = lines[number].partition(" ")
            command = self._commands.get(name[1:]) if number == 0 and name.startswith("/") else None
            if command is None:
                return [("", lines[number])]
            flags = {f"--{option.name}" for option in command.options}
            words = rest.split(" ")
            fragments: StyleAndTextTuples = [("ansigreen", name), ("", space)]
            for position, word in enumerate(words):
                is_flag = word.partition("=")[0] in flags
                fragments.append(("ansicyan" if is_flag else "", word))
                if position < len(words) - 1:
                    fragments.append(("", " "))
            return fragments

        return coloured
