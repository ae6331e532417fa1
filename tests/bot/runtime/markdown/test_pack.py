"""Prove that long answers are cut where nothing is lost and every part stands for itself."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from wcwidth import iter_graphemes

from quarterdeck.runtime.markdown import (
    Block,
    Bullets,
    CodeBlock,
    Numbered,
    Paragraph,
    Quote,
    Strong,
    Table,
    Text,
    pack,
    paginate,
    parse,
    plain,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
PIECES = some.sampled_from(
    (
        "# Head\n\n", "word ", "Sentence. ", "**bold** ", "_a **b** c_ ", "`code` ", "[link](https://a.test/x) ",
        "\n\n", "\n", "- item\n", "  - below\n", "3. three\n", "> quote\n", "```py\nx = 1\n", "```\n",
        "| a | b |\n|-|-|\n| 1 | 2 |\n",
        FAMILY, "e\u0301", "\U0001f1e9\U0001f1ea", "\u202eabc\u202c", "\u200b", "<b>", "&amp;", "@everyone",
        "***", "~~gone~~",
        "![i](https://a.test/i.png)", "x" * 90, "日本語",
    )
)  # fmt: skip


def signs(blocks: Sequence[Block]) -> str:
    """Return what is seen, without blanks and without what a list or a quote puts before a line."""
    return "".join(sign for sign in plain(blocks) if not sign.isspace() and sign not in "•>")


@settings(max_examples=300, deadline=None)
@given(some.lists(PIECES, max_size=60).map("".join), some.integers(60, 400))
def test_parts_fit_and_nothing_is_lost(text: str, limit: int) -> None:
    """Silent truncation is what people forgive least."""
    blocks = tuple(block for block in parse(text) if not isinstance(block, Table))
    parts = pack(blocks, plain, len, limit)
    assert all(len(plain(part)) <= limit for part in parts)
    lists = (Numbered,)  # a list that goes on in the next part says its number again
    if not any(isinstance(block, (*lists, Quote, Bullets)) for block in blocks):
        assert signs(blocks) == "".join(map(signs, parts))


@settings(max_examples=200, deadline=None)
@given(
    some.lists(some.sampled_from((FAMILY, "e\u0301", "\U0001f1e9\U0001f1ea", "ab")), max_size=60).map("".join)
)
def test_no_grapheme_is_cut(text: str) -> None:
    """Half a family is another picture."""
    parts = pack([Paragraph((Text(text),))], plain, len, 40)
    assert list(iter_graphemes(text)) == [one for part in parts for one in iter_graphemes(plain(part))]


def test_parts_of_several_say_their_number() -> None:
    """A reader sees whether more is coming."""
    parts = paginate(parse("Many words. " * 50), plain, len, 300)
    assert [f"{n}/{len(parts)}" for n in range(1, len(parts) + 1)] == [
        plain(part).split()[-1] for part in parts
    ]
    assert len(parts) > 1
    assert all(len(plain(part)) <= 300 for part in parts)


def test_one_part_has_no_number() -> None:
    """A short answer stays what it is."""
    assert [parse("Short.")] == paginate(parse("Short."), plain, len, 300)


def test_code_is_cut_between_lines_and_keeps_its_language() -> None:
    """Each part is a code block of its own."""
    parts = pack([CodeBlock("py", "\n".join(f"line {n}" for n in range(30)))], plain, len, 60)
    blocks = [block for part in parts for block in part]
    assert {"py"} == {block.language for block in blocks if isinstance(block, CodeBlock)}
    assert [f"line {n}" for n in range(30)] == "\n".join(map(plain, parts)).split("\n")


def test_a_line_of_code_longer_than_a_part_is_cut_between_words() -> None:
    """A word in two halves is found by nobody."""
    words = [f"word{n}" for n in range(40)]
    parts = pack([CodeBlock("", " ".join(words))], plain, len, 60)
    assert words == [word for part in parts for word in plain(part).split()]


def test_a_table_repeats_its_header() -> None:
    """Rows without their heading say nothing."""
    rows = "".join(f"| {n} | value {n} |\n" for n in range(20))
    parts = pack(parse(f"| n | value |\n|-|-|\n{rows}"), plain, len, 90)
    assert len(parts) > 1
    assert all(["n", "value"] == plain(part).split()[:2] for part in parts)


def test_a_row_too_wide_becomes_lines() -> None:
    """What no grid can hold is listed."""
    parts = pack(parse(f"| n | value |\n|-|-|\n| 1 | {'word ' * 40} |\n"), plain, len, 100)
    assert plain(parts[0]).startswith("• n: 1\n  value: word")
    assert 40 == sum(plain(part).count("word") for part in parts)


def test_numbers_go_on_in_the_next_part() -> None:
    """A list that was cut counts on."""
    parts = pack(parse("\n".join(f"{n}. item number {n}" for n in range(1, 9))), plain, len, 60)
    assert [1, 4, 7] == [block.start for part in parts for block in part if isinstance(block, Numbered)]


def test_a_style_is_closed_and_opened_again() -> None:
    """Bold text that is cut is bold on both sides."""
    parts = pack([Paragraph((Strong((Text("word " * 40),)),))], plain, len, 90)
    kinds = [
        type(span) for part in parts for block in part if isinstance(block, Paragraph) for span in block.spans
    ]
    assert len(parts) > 1
    assert {Strong} == set(kinds)


@pytest.mark.parametrize("word", ["x" * 1_000_000, "> " * 3_000, "- " * 2_000, "[" * 9_000, "`" * 9_000])
def test_hostile_lengths_end(word: str) -> None:
    """A megabyte without a blank is still text, and deep nesting is bounded."""
    parts = pack(parse(word), plain, len, 4_000)
    assert all(len(plain(part)) <= 4_000 for part in parts)
