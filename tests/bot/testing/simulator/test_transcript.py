"""Prove that a transcript is read strictly, and that what differs is shown as a person can read it."""

from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.testing.simulator.look import Names, difference, matches
from quarterdeck.testing.simulator.platform import SeenButton, SeenMessage
from quarterdeck.testing.simulator.transcript import Expected, Step, load, shipped

GOOD = """
title: T
people: {ada: owner}
steps:
  - say: hello
    name: greeting
  - expect: [{text: "Hello {any}!", buttons: [Go]}]
"""
NAMES = Names({"U1": "ada"})


def written(folder: Path, text: str) -> Path:
    """Write a transcript."""
    path = folder / "t.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_transcript_is_read(tmp_path: Path) -> None:
    """Who acts and where have defaults."""
    transcript = load(written(tmp_path, GOOD))

    assert ["say", "expect"] == [step.verb for step in transcript.steps]
    assert [("ada", "direct")] * 2 == [(transcript.who(step), step.where) for step in transcript.steps]


@pytest.mark.parametrize(
    ("change", "words", "line"),
    [
        (("say: hello", "sing: hello"), "sing is not a known key", 5),
        (("say: hello", "as: ada"), "does nothing, and must do one thing", 5),
        (("say: hello", "say: hello\n    press: Go"), "does say and press", 5),
        (("name: greeting", "options: {a: 1}"), "options does not go with say", 6),
        (("name: greeting", "on: [irc]"), "on", 6),
        (("title: T", "title: [T]"), "title", 2),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, change: tuple[str, str], words: str, line: int
) -> None:
    """Before anything is started."""
    with pytest.raises(SetupError) as caught:
        load(written(tmp_path, GOOD.replace(*change)))

    assert words in caught.value.message
    assert line == caught.value.line


@pytest.mark.parametrize("path", shipped().values(), ids=lambda path: path.stem)
def test_every_shipped_transcript_is_sound_and_says_what_it_shows(path: Path) -> None:
    """Somebody reads it before playing it."""
    assert load(path).about


def seen(text: str, **other: object) -> SeenMessage:
    """Return a message of the bot."""
    return SeenMessage(id="1", author="bot", text=text, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "message", "is_same"),
    [
        ({"text": "Took {any} s."}, seen("Took 1.5 s."), True),
        ({"text": "Took {any} s."}, seen("Took 1.5 s!"), False),
        ({"text": "a.c"}, seen("abc"), False),
        ({"text": "{any}"}, seen("many\nlines"), True),
        ({"text": "x"}, seen("x\u200b"), True),  # nobody sees that
        ({"text": "x"}, seen("x", buttons=(SeenButton(label="Go"),)), False),
        ({"text": "x", "buttons": ("Go",)}, seen("x", buttons=(SeenButton(label="Go"),)), True),
        ({"text": "x"}, seen("x", pings=("everyone",)), False),
        ({"text": "x", "pings": ("ada",)}, seen("x", pings=("U1",)), True),
        ({"text": "x"}, seen("x", links=("https://x.y",)), True),
        ({"text": "x", "links": ()}, seen("x", links=("https://x.y",)), False),
        ({"text": "x"}, seen("x", edits=1, thread="9"), True),
        ({"text": "x", "edited": True}, seen("x", edits=1), True),
        ({"text": "x", "edited": False}, seen("x", edits=1), False),
        ({"text": "x", "private": True}, seen("x"), False),
        ({"text": "x"}, seen("x", to="U1"), False),
        ({"text": "x"}, seen("x", is_deleted=True), False),
    ],
)
def test_a_message_is_as_expected_or_not(
    expected: dict[str, object], message: SeenMessage, is_same: bool
) -> None:
    """Pings, buttons and files must be said; links, edits and threads are looked at only where they are."""
    assert is_same == matches([Expected.model_validate(expected)], [message], NAMES)


def test_too_many_and_too_few_messages_differ() -> None:
    """Exactly what is expected, and no more."""
    one, two = Expected(text="a"), seen("a")

    assert [True, False, False] == [
        matches([one], [two], NAMES),
        matches([one], [two, two], NAMES),
        matches([one], [], NAMES),
    ]


def test_the_difference_shows_only_what_differs() -> None:
    """A wildcard that fits stands as it was written."""
    expected = [Expected(text="Took {any} s."), Expected(text="Done.", buttons=("Again",))]

    shown = difference(expected, [seen("Took 2 s."), seen("Failed.")], NAMES, place="slack")

    assert [
        "--- expected",
        "+++ seen on slack",
        "@@ -1,4 +1,2 @@",
        " - text: Took {any} s.",
        "-- text: Done.",
        "-  buttons:",
        "-  - Again",
        "+- text: Failed.",
    ] == shown.splitlines()


def test_a_step_is_written_back_as_it_stands() -> None:
    """As `--record` prints it."""
    step = Step.model_validate({"say": "x", "as": "ada"})

    assert {"say": "x", "as": "ada"} == step.model_dump(by_alias=True, exclude_defaults=True)
