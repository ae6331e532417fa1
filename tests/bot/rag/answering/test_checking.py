"""A model that tries to cite what the passages do not say gets nothing through, whatever form it gives it."""

import random

import pytest
from tests.bot.rag.answering.test_verify import BACKUPS, CERTIFICATES, FALSE, HOLIDAYS, TRUE

from quarterdeck.rag.answering.checking import Checker
from quarterdeck.rag.answering.statements import Reader
from quarterdeck.rag.answering.verify import Source, occurs

SOURCES = (CERTIFICATES, BACKUPS, HOLIDAYS)


def told(text: str, sources: tuple[Source, ...] = SOURCES, *, seed: int = 0) -> tuple[str, Checker]:
    """Return what is shown of a model's text that comes in pieces of any length, and the checker."""
    pieces = random.Random(seed)
    reader, checker, shown, at = Reader(), Checker(sources=sources, question="how"), "", 0
    while at < len(text):
        size = pieces.randint(1, 12)
        shown += "".join(map(checker.let_through, reader.take(text[at : at + size])))
        at += size
    return shown + "".join(map(checker.let_through, reader.end())), checker


FORMS = (
    "{claim} [{n}]",
    '{claim} [{n}: "{quote}"]',
    '{claim} [{n}: "{claim}"]',
    "1. {claim} [{n}]\n2. {claim} [1, 2, 3]",
    "{claim}",
    "Here is the answer: {claim} [{n}][9]",
    "{claim} This is certain [{n}].",
)


@pytest.mark.parametrize("form", FORMS)
def test_no_lie_is_shown_with_a_number(form: str) -> None:
    """Seventy lies in each form: with a true quotation, a made-up one, several numbers, none at all."""
    shown = []
    for source, claim in FALSE:
        quote = source.text.split(". ")[0].replace("\n", " ").replace('"', "'")
        text, _ = told(form.format(claim=claim, n=source.n, quote=quote))
        said = claim.rstrip(".")
        if f"{said}. [" in text or f"{said} [" in text:
            shown.append(claim)

    assert [] == shown


def test_what_is_shown_stands_in_what_is_cited() -> None:
    """Of an answer made of truths and lies, every sentence shown is a truth, or the passage's own words."""
    claims = [*TRUE, *FALSE]
    random.Random(1).shuffle(claims)
    text = "\n".join(f'{claim} [{source.n}: "{source.text.splitlines()[0]}"]' for source, claim in claims)
    shown, checker = told(text)
    true = {claim.rstrip(".") for _, claim in TRUE}
    by_number = {source.n: source for source in SOURCES}
    odd = []
    for line in filter(None, (part.strip() for part in shown.split("\n"))):
        words, _, number = line.rpartition(" [")
        quoted = words.strip("“”")
        is_own = occurs(quoted, by_number[int(number[0])].text)
        if not is_own and words.rstrip(".") not in true:
            odd.append(line)

    assert [] == odd
    assert len(FALSE) * 0.9 <= checker.dropped + checker.replaced


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_any_length_give_the_same(seed: int) -> None:
    """Marks are cut in two by the stream more often than not."""
    text = (
        'Steps:\n\n1. Log in to the bastion host [1: "Log in to the bastion host"].\n'
        "2. Run `certctl rotate --env staging` [1]\n\n```\ncertctl rotate --env staging\n```\n\n"
        'Ada reports to Bob [2: "Ada reports to Bob"]. It takes e.g. 90 minutes [2]. Done.'
    )
    expected = (
        "Steps:\n\n1. Log in to the bastion host. [1]\n2. Run `certctl rotate --env staging` [1]\n\n"
        "```\ncertctl rotate --env staging\n```\n\n[1]\n\nAda reports to Bob. [2]"
    )

    assert expected == told(text, seed=seed)[0]


def test_code_that_the_passages_do_not_have_is_left_out() -> None:
    """Somebody will paste it into a shell."""
    shown, checker = told("```\nrm -rf /\n```\n")

    assert ("", 1) == (shown, checker.dropped)


def test_where_a_sentence_goes_too_far_the_passage_speaks_itself() -> None:
    """The model found the place: what stands there is shown, once."""
    claim = 'All backups are encrypted [2: "Full backups run every night at 02:30"]'
    shown, checker = told(f"{claim}. {claim}.")

    assert "“Full backups run every night at 02:30, incremental ones every hour.” [2]" == shown
    assert (1, [2]) == (checker.replaced, checker.cited)


def test_passages_that_contradict_each_other_are_named() -> None:
    """The reader must know that one of the two is wrong."""
    old = Source(n=1, text="Full backups are kept for 30 days.")
    new = Source(n=2, text="Please note: full backups are kept for 60 days.")
    _, checker = told("Full backups are kept for 30 days [1].", (old, new))

    assert [(1, 2)] == [(one, other) for one, _, other, _ in checker.disagreements()]
