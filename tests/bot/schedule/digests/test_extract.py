"""Prove that a digest without a model picks what matters, and stays within its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.schedule.digests.extract import LONGEST_SENTENCE, Said, extract, sentences_of, shortened
from quarterdeck.schedule.digests.issue import LONGEST, Window, bounded, header, listed

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
WINDOW = Window(since=START, until=START + timedelta(days=1))


def said(minute: int, author: str, text: str) -> Said:
    """Return a message so many minutes after the start."""
    return Said(author=author, at=START + timedelta(minutes=minute), text=text)


DEPLOY = [
    said(0, "Anna", "Good morning all."),
    said(
        1, "Anna", "The staging deploy of release 4.2 failed: the database migration timed out after 300 s."
    ),
    said(2, "Ben", "ok"),
    said(
        3,
        "Ben",
        "The migration locks the orders table. See https://wiki.example.com/migrations for the way round.",
    ),
    said(4, "Cleo", "Shall we roll back the staging deploy?"),
    said(5, "Anna", "thanks"),
]
LUNCH = [
    said(200, "Ben", "Who comes to lunch?"),
    said(201, "Cleo", "Me, the noodle place opens at noon."),
]


def test_discussions_are_told_apart_by_silence_and_named_by_their_words() -> None:
    """Two hours later it is about something else."""
    found = extract([*DEPLOY, *LUNCH])

    assert [6, 2] == [discussion.messages for discussion in found.discussions]
    assert {"staging", "deploy", "migration"} & set(found.discussions[0].title.split(", "))


def test_the_telling_sentences_are_chosen_not_the_polite_ones() -> None:
    """Nobody reads a digest of good mornings."""
    chosen = [sentence.text for sentence in extract(DEPLOY).discussions[0].sentences]

    assert any("migration timed out" in text for text in chosen)
    assert not {"Good morning all.", "ok", "thanks"} & set(chosen)


def test_questions_and_links_are_kept_with_who_and_when() -> None:
    """What is open, and where to read on, is what people look for."""
    found = extract([*DEPLOY, *LUNCH])

    assert [("Cleo", "Shall we roll back the staging deploy?"), ("Ben", "Who comes to lunch?")] == [
        (question.author, question.text) for question in found.questions
    ]
    assert [("Ben", "https://wiki.example.com/migrations")] == [
        (link.author, link.text) for link in found.links
    ]


def test_the_head_counts_messages_and_people() -> None:
    """One line says how much there was."""
    line = header([*DEPLOY, *LUNCH], WINDOW)

    expected = (
        "**Digest**, Fri 20 Nov 09:00 to Sat 21 Nov 09:00 UTC: 8 messages by Anna (3), Ben (3) and Cleo (2)."
    )
    assert expected == line


def test_a_message_is_split_into_plain_sentences() -> None:
    """List marks, line breaks and code do not belong into a point of a list."""
    text = "# Plan\n- First do this. Then that!\n```\ncode?\n```\n1. Last"

    assert ["Plan", "First do this.", "Then that!", "[code]", "Last"] == sentences_of(text)


def test_a_long_sentence_is_cut_at_a_word() -> None:
    """And says so."""
    cut = shortened("word " * 100)

    assert len(cut) <= LONGEST_SENTENCE
    assert cut.endswith("word…")


def test_what_does_not_fit_is_counted_not_dropped_in_silence() -> None:
    """A digest is one message."""
    text = bounded(["head", *(f"line {n} " + "x" * 90 for n in range(100))])

    assert len(text) <= LONGEST + 30
    assert text.endswith("lines left out.")


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.sampled_from("abc"), st.text(min_size=1, max_size=400)),
        min_size=1,
        max_size=60,
    )
)
def test_no_conversation_breaks_or_swells_a_digest(messages: list[tuple[int, str, str]]) -> None:
    """People post anything."""
    talk = [said(minute, author, text) for minute, author, text in sorted(messages)]

    digest = bounded([header(talk, WINDOW), *listed(extract(talk))])

    assert 0 < len(digest) <= LONGEST + 30
