"""What is drawn: Markdown without losses, and nothing that a terminal obeys."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from quarterdeck.cli.client.screen import Screen, shown
from quarterdeck.core.reply import Citation, Reply


def drawn(reply: Reply, *, has_colour: bool = False) -> str:
    """Return what a terminal of 80 columns is sent."""
    console = Console(
        file=io.StringIO(), force_terminal=True, no_color=not has_colour, width=80, highlight=False
    )
    Screen(lambda text: text.replace("hunter2", "[redacted]"), console).reply(reply)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J",
        "\x9b2J",
        "\x1b]0;title\x07",
        "a\rb",
        "a\bb",
        "\u202etxt",
        "&#27;[2J &#155;2J &#8238;",
        "<http://x/%1b[2J>",
        "[a](http://x/\x1b[2J)",
        "[a](<http://x/&#8238;>)",
        "`\x1b[2J`",
        "```\n\x1b[2J\u202e\n```",
        "```\x1b[2J\nx\n```",
        "| a\x1b[2J |\n|---|\n| \u202e |",
        "# \x1b[2J",
        "<b>\x1b[2J</b>",
    ],
)
def test_nothing_in_a_text_reaches_the_terminal_as_a_command(text: str) -> None:
    """Neither as it is nor as Markdown decodes it; rich's own sequences only set weight and underline."""
    sent = drawn(Reply(text=text))

    assert not {"\x07", "\x08", "\x9b", "\u202e", "\r"} & set(sent)
    assert all(part.partition("m")[0].replace(";", "").isdigit() for part in sent.split("\x1b[")[1:])
    assert "\x1b]" not in sent


def test_sources_and_files_are_escaped_too() -> None:
    """Document names come from other people's disks."""
    sent = drawn(Reply(citations=(Citation(n=1, document="\x1b[2J", heading="\u202e", url="\x9b"),)))

    assert "\\u001b[2J" in sent
    assert not {"\x9b", "\u202e"} & set(sent)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo", ["one", "two"]),
        ("a <b>c</b> <!-- d -->", ["a <b>c</b> <!-- d -->"]),
        ("<div>\nx\n</div>", ["<div>", "x", "</div>"]),
        ("![plan](http://x/p.png)", ["!plan (http://x/p.png)"]),
        ("[word](http://elsewhere)", ["word (http://elsewhere)"]),
        ("**b** _i_ ~~s~~ `c`", ["b i s c"]),
        (":smile: [red]x[/red]", [":smile: [red]x[/red]"]),
    ],
)
def test_nothing_of_a_text_disappears(text: str, expected: list[str]) -> None:
    """Line ends, HTML, pictures, where a link leads, what looks like rich's own markup."""
    assert expected == [_plain(line) for line in drawn(Reply(text=text)).splitlines()]


def test_sources_stand_below_and_only_there() -> None:
    """The list at the end of the text is drawn apart, with the addresses."""
    citation = Citation(n=1, document="a.md", heading="B", url="file:///a.md")

    lines = drawn(Reply(text="Yes [1].\n\n[1] a.md › B", citations=(citation,))).splitlines()

    assert ["Yes [1].", "  [1] a.md › B  file:///a.md"] == [_plain(line) for line in lines]


def test_secrets_are_not_drawn() -> None:
    """Whatever the bot lets through."""
    assert "hunter2" not in drawn(Reply(text="hunter2"))


def test_joined_emoji_stay_joined() -> None:
    """The joiner is a control character that does no harm."""
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

    assert f"{family} \\u202e" == shown(f"{family} \u202e")


async def test_pieces_vanish_and_never_need_more_than_the_screen() -> None:
    """What scrolled away could not be taken back, and would stand there twice."""
    console = Console(file=io.StringIO(), force_terminal=True, width=40, height=10)
    with Screen(str, console).writing() as write:
        for number in range(100):
            write(f"line {number}\n")
        await asyncio.sleep(0.2)
    assert isinstance(console.file, io.StringIO)
    sent = console.file.getvalue()

    assert "line 99" in sent
    assert "line 5\r" not in sent
    assert 10 > max(frame.count("\n") for frame in sent.split("\x1b[1A"))


def _plain(line: str) -> str:
    from rich.text import Text

    return Text.from_ansi(line).plain.rstrip()
