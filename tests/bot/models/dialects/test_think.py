"""Prove that thoughts between tags are told from the answer wherever the text is torn."""

from __future__ import annotations

from itertools import combinations

from quarterdeck.models.dialects.think import ThinkTags

TEXT = "A<think>b < c</think>D <thi e<think></think>f"


def split(*pieces: str) -> tuple[str, str]:
    """Return (answer, thoughts) of a text in pieces."""
    tags = ThinkTags()
    parts = [*(tags.feed(piece) for piece in pieces), tags.flush()]
    return "".join(text for text, _ in parts), "".join(thoughts for _, thoughts in parts)


def test_any_way_of_tearing_the_text_gives_the_same() -> None:
    """A vendor cuts its chunks where it likes."""
    expected = ("AD <thi ef", "b < c")

    outcomes = {
        split(TEXT[:first], TEXT[first:second], TEXT[second:])
        for first, second in combinations(range(len(TEXT) + 1), 2)
    }

    assert {expected} == outcomes
    assert expected == split(*TEXT)


def test_a_thought_that_never_ends_is_no_answer() -> None:
    """A cut-off thought must not be shown as the answer."""
    assert ("", "hm </thin") == split("<think>hm", " </thin")
