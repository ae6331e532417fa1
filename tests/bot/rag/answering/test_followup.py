"""A question that says too little by itself is understood with the one before it."""

import pytest

from quarterdeck.rag.answering.followup import leans, question_before

FIRST = "How do I rotate the staging certificate?"


@pytest.mark.parametrize(
    "question",
    [
        "And for production?",
        "how long does it take?",
        "Who does that?",
        "what about backups",
        "und wann das?",
    ],
)
def test_what_leans_is_looked_for_with_what_was_asked_before(question: str) -> None:
    """As people talk."""
    assert FIRST == question_before(question, ["something older about payments and ledgers", FIRST])


@pytest.mark.parametrize(
    "question", ["How do I restore the customer database?", "when do full backups of the ledger run at night"]
)
def test_what_stands_alone_is_left_alone(question: str) -> None:
    """An earlier question would only lead astray."""
    assert "" == question_before(question, [FIRST])


def test_the_question_itself_and_other_follow_ups_are_passed_over() -> None:
    """Tried again after a crash, it finds itself among what was asked."""
    earlier = [FIRST, "and why?", "how long does it take?"]

    assert FIRST == question_before("how long does it take?", earlier)


def test_the_first_question_leans_on_nothing() -> None:
    """There is nothing before it."""
    assert (True, "") == (leans("and then?"), question_before("and then?", []))
