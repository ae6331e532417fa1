"""What is offered while somebody types."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from quarterdeck.cli.client.completion import CommandCompleter, CommandLexer, known_commands
from quarterdeck.core.reply import Button

LISTED = [
    {
        "name": "deploy",
        "summary": "Bring a version out",
        "options": [
            {"name": "app", "kind": "string", "summary": "Which", "choices": []},
            {"name": "env", "kind": "choice", "summary": "Where", "choices": ["prod", "preview", "staging"]},
            {"name": "force", "kind": "boolean", "summary": "Do not ask", "choices": []},
        ],
    },
    {"name": "ping", "summary": "See whether\x1b[2J the bot is there", "options": []},
]


def offered(text: str) -> list[tuple[str, str]]:
    """Return what is offered at the end of `text`, with its explanation."""
    completer = CommandCompleter(known_commands(LISTED), lambda: [Button(id="go-1", label="Go on")])
    found = completer.get_completions(Document(text), CompleteEvent())
    return [(one.text, one.display_meta_text) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/d", [("/deploy", "Bring a version out")]),
        ("/PI", [("/ping", "See whether\\u001b[2J the bot is there")]),
        ("/p", [("/ping", "See whether\\u001b[2J the bot is there"), ("/press", "Press a button by its id")]),
        ("/deploy --e", [("--env", "Where")]),
        ("/deploy --env p", [("prod", "Where"), ("preview", "Where")]),
        ("/deploy --env=s", [("staging", "Where")]),
        ("/deploy api s", [("staging", "Where")]),
        ("/deploy --env prod p", []),
        ("/deploy --force --f", []),
        ("/press g", [("go-1", "Go on")]),
        ("/nonsense --e", []),
        ("deploy --e", []),
        ("/deploy\n--e", []),
        ("", []),
    ],
)
def test_what_may_stand_at_the_cursor_is_offered(text: str, expected: list[tuple[str, str]]) -> None:
    """Commands, then options, then choices; nothing in plain text."""
    assert expected == offered(text)


def test_a_completion_replaces_what_was_typed() -> None:
    """Also where the letters differ in case."""
    completer = CommandCompleter(known_commands(LISTED), list)

    (found,) = completer.get_completions(Document("/DEP"), CompleteEvent())

    assert ("/deploy", -4) == (found.text, found.start_position)


def test_paths_to_upload_are_offered(tmp_path: Path) -> None:
    """A path is tedious to type."""
    (tmp_path / "notes.txt").touch()

    assert ["es.txt"] == [text for text, _ in offered(f"/upload {tmp_path}/not")]


@pytest.mark.parametrize(
    "text", ["/deploy  --env=prod --colour x", "/nonsense --env", "plain --env", "/deploy"]
)
def test_colouring_changes_no_character(text: str) -> None:
    """What stands there is what is sent."""
    coloured = CommandLexer(known_commands(LISTED)).lex_document(Document(f"{text}\n{text}"))

    assert [text, text] == ["".join(fragment[1] for fragment in coloured(number)) for number in range(2)]


def test_the_name_and_the_options_that_there_are_have_colours() -> None:
    """A typo shows before it is sent."""
    coloured = CommandLexer(known_commands(LISTED)).lex_document(Document("/deploy --env prod --envy"))

    assert [("ansigreen", "/deploy"), ("ansicyan", "--env")] == [one[:2] for one in coloured(0) if one[0]]
