"""What people would see: 1,000 hostile answers, and the rules of Telegram for each message made of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import Button, Card, File, Reply
from quarterdeck.testing.simulator.telegram.found import with_found
from quarterdeck.testing.simulator.telegram.text import cleaned, is_blank, read_entities, trimmed, units
from quarterdeck_adapters.telegram.mark import JOINER
from quarterdeck_adapters.telegram.render import CAPTION_LIMIT, TEXT_LIMIT, render

PIECES = (
    "word", "@ada", "@quarterdeck_bot", "`@ada`", "**bold**", "_it_", "~~gone~~", "`code`", "```", "```py\n", "\n\n",
    "\n", "> ", "> > ", "- ", "1. ", "# ", "| a | b |\n|---|---|\n| 1 | @ada |\n", "[x](https://a.example/p)",
    "[@ada](https://a.example)", "[m](mailto:a@b.example)", "[j](javascript:alert(1))", "[t](tg://user?id=1)",
    "<b>html</b>", "&amp;", "\\*", "👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "\u0301", "\u200b", "\u200d", "\u202e", "\u2066",
    "\u0000", "\t", "\r\n", "\ud800", "\udfff", "שלום", "مرحبا", "漢字", "\u2028", "\u030a", "\ufe0f", "@", "**", "*",
    " ", "﷽", "@everyone", "/start@other_bot", "https://evil.example/?q=@ada", "\u2060", "a" * 300, "😀" * 120,
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=60).map("".join)
LONG = st.tuples(HOSTILE, st.integers(1, 60)).map(lambda found: (found[0] * found[1])[:40_000])


def shown(part: Rendered) -> tuple[str, list[dict[str, Any]]]:
    """Return text and entities of a message."""
    body: Any = part.body
    return (
        (body["text"], body.get("entities", []))
        if "text" in body
        else (body["caption"], body.get("caption_entities", []))
    )


def check(part: Rendered) -> None:
    """Hold one message to Telegram's rules."""
    text, entities = shown(part)
    text.encode()
    assert units(text) <= TEXT_LIMIT
    assert not is_blank(text)
    found = read_entities(entities)
    kept, moved = cleaned(text, found)
    assert (text, len(found)) == (kept, len(moved)), "Telegram would take signs away"
    assert len(found) <= 100
    borders = {0}
    for grapheme in iter_graphemes(text):
        borders.add(max(borders) + units(grapheme))
    for entity in found:
        assert {entity.offset, entity.end} <= borders
        assert entity.length > 0
    assert [] == [one for one in with_found(*trimmed(text, found)) if one.type in ("mention", "text_mention")]


def letters(text: str) -> str:
    """Return what must not be lost: letters and digits, in order."""
    return "".join(re.findall(r"[A-Za-z0-9]", text))


@pytest.mark.slow
@settings(max_examples=1_000)
@given(text=HOSTILE)
def test_hostile_answers_keep_to_the_rules_and_ping_nobody(text: str) -> None:
    """No crash, no message too long, no mark outside of the text or inside of a character, nobody notified."""
    for part in render(Reply(text=text)):
        check(part)


@pytest.mark.slow
@settings(max_examples=60)
@given(text=LONG)
def test_long_hostile_answers_do_so_too(text: str) -> None:
    """Forty thousand characters, of whatever there is."""
    for part in render(Reply(text=text)):
        check(part)


@settings(max_examples=200)
@given(
    words=st.lists(
        st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs")), min_size=1), max_size=80
    )
)
def test_nothing_of_a_text_is_lost(words: list[str]) -> None:
    """Whatever is cut is in the next part."""
    text = " ".join(words) * 40
    parts = [shown(part)[0] for part in render(Reply(text=text, is_literal=True))]
    told = "".join(re.sub(r"\d+/\d+$", "", part) if len(parts) > 1 else part for part in parts)

    if text.strip():
        assert letters(text) == letters(told)


def test_a_word_of_a_megabyte_is_split_in_the_open() -> None:
    """Nothing is silently cut; a reader sees how many parts there are."""
    parts = render(Reply(text="a" * 1_000_000))

    assert 1_000_000 == sum(shown(part)[0].count("a") for part in parts)
    assert shown(parts[0])[0].endswith(f"1/{len(parts)}")
    assert all(units(shown(part)[0]) <= TEXT_LIMIT for part in parts)


def test_a_family_is_never_cut_apart() -> None:
    """Eleven UTF-16 units each: 4,096 is no multiple of that."""
    family = "👩‍👩‍👧‍👦"
    parts = render(Reply(text=family * 1_000))

    assert 1_000 == sum(shown(part)[0].count(family) for part in parts)


def test_marks_count_utf_16_units_and_code_holds_no_other() -> None:
    """An emoji counts for two."""
    (part,) = render(Reply(text="😀 **bold `code` on** [docs](https://docs.example.com)"))

    assert (
        "😀 bold code on docs",
        [
            {"type": "bold", "offset": 3, "length": 5},
            {"type": "code", "offset": 8, "length": 4},
            {"type": "bold", "offset": 12, "length": 3},
            {"type": "text_link", "url": "https://docs.example.com", "offset": 16, "length": 4},
        ],
    ) == shown(part)


def test_a_table_is_a_grid_and_a_quote_shows_code_as_it_is_typed() -> None:
    """Telegram has neither tables nor code in quotes."""
    (part,) = render(Reply(text="| a | b |\n|---|---|\n| 1 | 漢字 |\n\n> run `x`"))

    assert (
        "a  b\n-  ----\n1  漢字\n\nrun `x`",
        [{"type": "pre", "offset": 0, "length": 18}, {"type": "blockquote", "offset": 20, "length": 7}],
    ) == shown(part)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u2800", "\n\n", "\u00ad\u200e"])
def test_an_answer_that_shows_nothing_says_so(text: str) -> None:
    """Telegram takes no message without a sign to see."""
    assert ["(no text)"] == [part.text for part in render(Reply(text=text))]


def test_a_call_is_taken_apart_but_not_in_code() -> None:
    """Telegram finds nothing in code, and code is copied."""
    (part,) = render(Reply(text="ask @ada, mail a@b.example, run `@ada`"))

    assert f"ask @{JOINER}ada, mail a@b.example, run @ada" == part.text


def test_a_file_has_the_words_below_it_where_they_fit() -> None:
    """One message instead of two."""
    file = File(name="report.csv", path="/data/report.csv", media_type="text/csv")
    (short,) = render(Reply(text="**Report**", files=(file,)))
    several = render(Reply(text="long " * 300, files=(file, file)))

    assert ("Report", [{"type": "bold", "offset": 0, "length": 6}]) == shown(short)
    assert ["text", "file", "file"] == [next(iter(part.body)) for part in several]
    assert units(shown(short)[0]) <= CAPTION_LIMIT


def test_buttons_stand_under_the_last_message_and_none_is_dropped() -> None:
    """A hundred fit under one."""
    buttons = tuple(Button(id=f"b{n}", label=f"Button {n}", value=f"/go {n}") for n in range(130))
    parts = render(Reply(text="Choose.", card=Card(buttons=buttons)))
    rows: Any = [row for part in parts for row in part.body["buttons"]]

    assert [button.id for button in buttons] == [one["id"] for row in rows for one in row]
    assert 2 == len(parts)
