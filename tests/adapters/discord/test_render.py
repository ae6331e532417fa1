"""Replies become messages that Discord takes, shows as they are meant, and pings nobody with."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, Field, File, Input, Reply
from quarterdeck_adapters.discord.render import LIMIT, render
from quarterdeck_adapters.discord.writing.units import length

NUMBERED = re.compile(r"\n\n\*[0-9]+/[0-9]+\*$")
MENTION = re.compile(r"@everyone|@here|<@[!&]?[0-9]|<#[0-9]|<a?:\w+:[0-9]|<t:|<id:|</")
MARKUP = re.compile(r"(?<!\\)(?:\\\\)*([*_~`|\[\]])")
LINE_START = re.compile(r"^(#{1,3} |-# |>{1,3} |[-+] |[0-9]+[.)] )", re.MULTILINE)
HOSTILE = st.sampled_from(
    [
        "@everyone",
        "@here",
        "<@1441000000000000005>",
        "<@&1441000000000000007>",
        "<#1441000000000000002>",
        "<:ship:1441000000000000011>",
        "</ping:1441000000000000020>",
        "<t:1700000000:R>",
        "<id:guide>",
        "```",
        "`",
        "**",
        "__",
        "~~",
        "||",
        "> ",
        ">>> ",
        "-# ",
        "# ",
        "\\",
        "[a](https://example.com/b)",
        "[https://good.example](https://bad.example)",
        "https://example.com/a_b*c|d~e`f<g>",
        "![i](https://example.com/i.png)",
        "javascript:alert(1)",
        "1. ",
        "- ",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "\n",
        "\n\n",
        "\x00",
        "\ud800",
        "\u202eright",
        "\u200d",
        "\u200b",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "e\u0301",
        "\U0001f1e9\U0001f1ea",
        "word ",
        "x" * 2_100,
        "é" * 1_999,
    ]
)
MESSAGES = st.lists(HOSTILE | st.text(max_size=60), max_size=40).map("".join)


def contents(reply: Reply) -> list[str]:
    return [str(part.body["content"]) for part in render(reply)]


def shown(content: str) -> str:
    """Return what a reader sees of escaped text."""
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", content).replace("\u200b", "")


def outside_code(content: str) -> str:
    """Return a message without its code, in which Discord reads nothing."""
    without_blocks = re.sub(r"```.*?```", "", content, flags=re.DOTALL)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", without_blocks, flags=re.DOTALL)


@given(MESSAGES)
@settings(max_examples=1_000)
@example("# @everyone\n" + "<@1441000000000000005> " * 400)
def test_any_message_is_taken_and_pings_nobody(text: str) -> None:
    """A thousand hostile messages: no crash, none too long, none empty, no mention that Discord would read."""
    parts = contents(Reply(text=text))

    assert [] == [part for part in parts if not part.strip() or length(part) > LIMIT]
    assert [] == [MENTION.findall(outside_code(part)) for part in parts if MENTION.search(outside_code(part))]
    assert [] == [part for part in parts if re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", part)]
    assert [] == [part for part in parts if part.count("```") % 2]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300) | MESSAGES)
@settings(max_examples=500)
def test_literal_text_is_shown_character_for_character(text: str) -> None:
    """`/echo` says what was said: no markup of it works, none of it is lost."""
    parts = contents(Reply(text=text, is_literal=True))
    bodies = [NUMBERED.sub("", part.strip("\u200b")) if len(parts) > 1 else part for part in parts]
    without_urls = [re.sub(r"(?i)https?://\S+", "", body) for body in bodies]

    assert [] == [body for body in without_urls if MARKUP.search(body) or LINE_START.search(body)]
    if "http" not in text.lower() and text:
        wanted = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "\ufffd", text).replace("\u200b", "")
        assert wanted == "".join(map(shown, bodies))


@given(st.lists(st.text("abcdefgh é👍", min_size=1, max_size=80), min_size=1, max_size=120))
@settings(max_examples=200)
def test_long_answers_are_cut_and_nothing_is_lost(words: list[str]) -> None:
    """The parts in order say what the whole says; graphemes stay whole."""
    text = " ".join(words).lstrip()  # four blanks would begin a block of code
    parts = contents(Reply(text=text))
    bodies = [NUMBERED.sub("", part) if len(parts) > 1 else part for part in parts]

    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", "".join(map(shown, bodies))).replace("(empty)", "")


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("Pong.", "Pong."),
        ("a *b* **c** ~~d~~ `e`", "a *b* **c** ~~d~~ `e`"),
        ("# One\n#### Four", "# One\n\n**Four**"),
        ("- a\n  - b\n\n3. c", "- a\n  - b\n\n3. c"),
        ("> quoted\n> twice", "> quoted\n> twice"),
        ("| a | bb |\n|---|---|\n| 1 | 2 |", "```\na  bb\n-  --\n1  2\n```"),
        ("```py\nprint(1)\n```", "```py\nprint(1)\n```"),
        ("[here](https://example.com/a(b))", "[here](<https://example.com/a%28b%29>)"),
        ("<https://example.com/a_b>", "https://example.com/a_b"),
        ("[good.example](https://bad.example)", "good.example (<https://bad.example>)"),
        ("[write](mailto:ann@example.com)", "write (ann@example.com)"),
        ("[run](javascript:x)", r"\[run\](javascript:x)"),
        (r"2 \* 3 and snake\_case", r"2 \* 3 and snake\_case"),
        ("``a`b``", "`` a`b ``"),
        ("---", "―――"),
        ("", "(empty)"),
    ],
)
def test_markdown_becomes_discords(text: str, content: str) -> None:
    """One case for each kind of block and span."""
    assert [content] == contents(Reply(text=text))


def test_links_say_so() -> None:
    """Only then are previews switched off, since Discord would look for none otherwise."""
    parts = [render(Reply(text=text))[0] for text in ("see https://example.com", "see there")]

    assert [True, False] == [part.body["links"] for part in parts]


def test_a_card_is_text_with_its_buttons_and_files_at_the_end() -> None:
    """The last part has them, so that they stand below everything."""
    buttons = tuple(Button(id=f"b{n}", label=f"B{n}", danger=n == 0) for n in range(130))
    files = tuple(File(name=f"{n}.txt", path=f"/{n}") for n in range(12))
    card = Card(title="T", body="B", fields=(Field(label="F", value="*v*"),), buttons=buttons)
    parts = render(Reply(text="w " * 1_500, card=card, files=files))

    assert [None, 125, 5, None] == [
        len(part.body["buttons"]) if "buttons" in part.body else None
        for part in parts  # type: ignore[arg-type]
    ]
    assert [10, 2] == [len(part.body["files"]) for part in parts if part.body.get("files")]  # type: ignore[arg-type]
    assert "**T**\n\nB\n\nF: \\*v\\*\n\n*2/2*" in str(parts[1].body["content"])


def test_a_form_is_a_window_of_up_to_five_inputs() -> None:
    """More inputs are listed; the core asks for them one by one."""
    inputs = tuple(Input(id=f"i{n}", label=f"Input {n}", hint="why") for n in range(6))
    five = render(Reply(text="x", card=Card(inputs=inputs[:5], form_id="F1")))[0]
    six = render(Reply(text="x", card=Card(inputs=inputs, form_id="F1")))[0]

    assert ("F1", 5) == (five.body["form"]["id"], len(five.body["form"]["components"]))  # type: ignore[call-overload,index]
    assert "form" not in six.body
    assert "Input 5: why" in str(six.body["content"])


def test_a_private_answer_names_whom_it_is_for() -> None:
    """Every part of it."""
    ann = Identity(platform="discord", user_id="5")
    parts = render(Reply(text="w " * 1_500, private_to=ann))

    assert ["5", "5"] == [part.body["private"] for part in parts]
