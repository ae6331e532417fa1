"""Replies as Slack's markup: whole, within every limit, and harmless, whatever somebody put into them."""

import json
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.slack.conftest import SamplesOfText

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Button, Card, Field, File, Input, Reply
from quarterdeck.testing.simulator.slack.markup.blocks import block_faults, is_too_long, view_faults
from quarterdeck_adapters.slack.render import render
from quarterdeck_adapters.slack.writing.limits import TEXT, measure, shorten
from quarterdeck_adapters.slack.writing.mrkdwn import APART

LIVE = re.compile(
    r"<(?![^<>|]*:)[^<>]*>|<!|<@|<#"
)  # whatever Slack would read as a sign of its own, but for links
HOSTILE = SamplesOfText


def text(markdown: str, **fields: object) -> str:
    """Return the text of a reply that is one part."""
    (part,) = render(Reply(text=markdown, **fields))
    return str(part.body["text"])


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("Pong.", "Pong."),
        ("a **b** _c_ ~~d~~ `e`", "a *b* _c_ ~d~ `e`"),
        ("foo**bar**baz", f"foo{APART}*bar*{APART}baz"),
        ("# Title\n\ntext", "*Title*\n\ntext"),
        ("[docs](https://e.com/?a=1&b=2)", "<https://e.com/?a=1&amp;b=2|docs>"),
        ("[https://good.com](https://evil.com)", "https://good.com (<https://evil.com>)"),
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("- a\n- b\n  - c", "• a\n• b\n    • c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("> a\n> b", ">a\n>b"),
        ("```py\na < b\n```", "```\na &lt; b\n```"),
        ("| a | b |\n|-|-|\n| 1 | 2 |", "```\na  b\n-  -\n1  2\n```"),
        (r"\*not bold\*", f"*{APART}not bold*"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("`` a`b ``", "a`b"),
        ("![x](https://e.com/x.png)", "!<https://e.com/x.png|x>"),
    ],
)
def test_markdown_becomes_mrkdwn(markdown: str, expected: str) -> None:
    """What has no markup in Slack is written as people would write it there."""
    assert expected == text(markdown)


def test_a_literal_reply_is_shown_character_for_character() -> None:
    """Only what Slack would read as markup is kept apart or escaped."""
    assert "a **b** &lt;c&gt; # d" == text("a **b** <c> # d", is_literal=True).replace(APART, "")


def test_what_is_for_one_person_names_them() -> None:
    """By Slack's own id."""
    identity = Identity(platform="slack", workspace="T1", user_id="U1")
    assert "U1" == render(Reply(text="psst", private_to=identity))[0].body["to"]


def test_files_are_a_part_of_their_own() -> None:
    """After the words, which may be missing."""
    file = File(name="a.txt", path="/data/a.txt")
    assert [["text"], ["files"]] == [
        [name for name in part.body if name in ("text", "files")]
        for part in render(Reply(text="look", files=(file,)))
    ]
    assert 1 == len(render(Reply(files=(file,))))


@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\u200b"])
def test_a_reply_of_blanks_says_that_there_is_nothing_to_see(blank: str) -> None:
    """Slack refuses a message without words."""
    assert "(nothing to see)" == text(blank, is_literal=True)


def test_two_hundred_buttons_with_long_labels_and_values_all_arrive() -> None:
    """On as many messages as it takes; what does not fit on a button stands above it in full."""
    buttons = tuple(Button(id=f"b{n}", label=f"{n} " + "x" * 100, value="v" * 3_000) for n in range(200))
    parts = render(Reply(card=Card(title="Pick", buttons=buttons)))

    check(parts)
    elements = [
        element["action_id"]
        for part in parts
        for block in part.body.get("blocks", ())
        for element in block.get("elements", ())
    ]
    assert [one.id for one in buttons] == elements
    assert all(one.label in "\n".join(part.text for part in parts) for one in buttons)


def test_a_form_becomes_a_modal_that_slack_takes() -> None:
    """Every kind of input, with choices that are too many and too long for one list."""
    kinds = ["string", "text", "integer", "number", "boolean", "user", "channel", "role", "datetime", "file"]
    kinds.append("duration")
    inputs = [Input(id=f"i{n}", label=kind, kind=kind, hint="why") for n, kind in enumerate(kinds)]
    choices = tuple(f"{n} " + "y" * 200 for n in range(150))
    inputs.append(Input(id="c", label="Choice", kind="choice", choices=choices, value=choices[3]))
    card = Card(title="A title longer than Slack shows", body="Fill in", form_id="f", inputs=tuple(inputs))
    (part,) = render(Reply(card=card))

    view = json.loads(json.dumps(part.body["view"]))
    assert [] == view_faults(view)
    assert 12 == len([one for one in view["blocks"] if one["type"] == "input"])
    assert set(choices) == set(part.body["kept"].values())
    assert "A title longer than Slack shows" in json.dumps(view)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(HOSTILE)
def test_hostile_text_stays_whole_within_limits_and_pings_nobody(markdown: str) -> None:
    """F23, F24, T19: 1,000 generated messages."""
    for reply in (Reply(text=markdown), Reply(text=markdown, is_literal=True)):
        check(render(reply))
    literal = render(Reply(text=markdown, is_literal=True))

    assert letters(markdown) == letters("".join(shown(part) for part in literal), numbered=len(literal) > 1)


@settings(max_examples=200)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_cards_stay_within_limits(title: str, label: str, value: str) -> None:
    """Whatever a workflow puts into them."""
    card = Card(
        title=title,
        body=value,
        fields=(Field(label=label, value=value),),
        buttons=(Button(id="b", label=label, value=value),),
        inputs=(Input(id="i", label=label, hint=value[:200], kind="choice", choices=(label, title)),),
    )
    parts = render(Reply(card=card))

    check(parts)
    assert [] == view_faults(
        next(json.loads(json.dumps(one.body["view"])) for one in parts if "view" in one.body)
    )


@given(st.text(), st.integers(min_value=1, max_value=80))
def test_shortening_keeps_the_limit_and_cuts_no_grapheme(words: str, limit: int) -> None:
    """What was cut says so."""
    short = shorten(words, limit)
    assert measure(short) <= max(limit, 1)
    assert short == words or short.endswith("…")


def check(parts: list[Rendered]) -> None:
    """Fail on whatever Slack would refuse, cut, or read as a sign of its own."""
    assert parts
    for part in parts:
        body = part.body
        json.dumps(body, ensure_ascii=False).encode()
        written, blocks = str(body["text"]), body.get("blocks", [])
        texts = [str(one["text"]["text"]) for one in blocks if one["type"] == "section"]
        assert written.strip()
        assert measure(written) <= (12_000 if blocks else TEXT)
        assert all(measure(one) <= 3_000 for one in texts)
        assert [] == block_faults(blocks)
        assert not is_too_long(blocks)
        assert not [one for one in (written, *texts) if LIVE.search(one)]


def shown(part: Rendered) -> str:
    """Return what a person sees of a part."""
    blocks = part.body.get("blocks")
    texts = [str(one["text"]["text"]) for one in blocks] if blocks else [str(part.body["text"])]
    written = "\n".join(texts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return "" if written == "(nothing to see)" else written


def letters(words: str, *, numbered: bool = False) -> str:
    """Return all but blanks and invisible signs; and the numbers of parts, where there are several."""
    if numbered:
        words = re.sub(r"_\d+/\d+_", "", words)
    words = words.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    return "".join(one for one in words if not one.isspace() and unicodedata.category(one) not in ("Cf",))
