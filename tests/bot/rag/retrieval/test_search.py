"""The right passage comes first, foreign questions find nothing, and no string breaks the query."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.conftest import HANDBOOK, added

from quarterdeck.core.errors import NotFound
from quarterdeck.core.knowledge import PUBLIC, Chunk, Document, Filters, Found, Scope
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.retrieval.ranking import join
from quarterdeck.rag.words.query import searchable, terms
from quarterdeck.store.knowledge.library import KnowledgeLibrary

ANSWERABLE = {
    "how do I rotate the staging certificate": ("certificates.md", "Rotating the staging certificate"),
    "Who is on call this week?": ("incidents.md", "Who is on call"),
    "restore the customers' database": ("backup/restore.md", "Restoring the customer database"),
    "how many vacation days do we get?": ("vacation.txt", ""),
    "booking a meeting room": ("office.html", "Meeting rooms"),
    "roll a bad payments release back": ("deploy.md", "Rolling back"),
    "when do backups run": ("backup/restore.md", "Schedule"),
    "deployctl": ("deploy.md", "Rolling back"),
}
ABSURD = [
    "What is the airspeed velocity of an unladen swallow?",
    "who painted the Mona Lisa",
    "recipe for pad thai",
    "how do penguins sleep",
    "best hiking trails in the Dolomites",
    "is pineapple allowed on pizza",
    "asdfgh qwertz yxcvb",
    "explain the plot of Hamlet",
]


async def test_the_right_passage_comes_first(knowledge: TeamKnowledge) -> None:
    """Asked in other words than the document's, and with names."""
    found = {}
    for question in ANSWERABLE:
        [first, *_] = await knowledge.search(question)
        found[question] = (first.document, first.heading.rpartition(" › ")[2])

    assert ANSWERABLE == found


async def test_absurd_questions_find_nothing(knowledge: TeamKnowledge) -> None:
    """Something is always nearest; that does not make it an answer."""
    assert {question: [] for question in ABSURD} == {
        question: await knowledge.search(question) for question in ABSURD
    }


async def test_by_words_alone_the_same_holds(make: Callable[..., TeamKnowledge], handbook: Path) -> None:
    """While the index is rebuilt, the answer may be a lesser one, never a foreign one."""
    knowledge = make()
    await added(knowledge.ingest, handbook)
    knowledge.vectors._opened_pid = None
    first = await knowledge.searching.find("rotate the staging certificate", limit=3, wait_s=0)
    foreign = [await knowledge.searching.find(question, limit=3, wait_s=0) for question in ABSURD]

    assert "certificates.md" == first.passages[0].document
    assert [()] * len(ABSURD) == [result.passages for result in foreign]


async def test_a_collection_that_was_not_asked_for_is_not_searched(
    make: Callable[..., TeamKnowledge], handbook: Path
) -> None:
    """Nothing of one audience reaches another, by meaning or by words."""
    knowledge = make()
    await added(knowledge.ingest, handbook / "deploy.md", collection="public")
    await added(knowledge.ingest, handbook / "certificates.md", collection="private")
    found = await knowledge.search("rotate the staging certificate", collections=["public"])

    assert {"public"} >= {passage.collection for passage in found}
    with pytest.raises(NotFound):
        await knowledge.search("anything", collections=["misspelt"])


async def test_twins_are_folded(make: Callable[..., TeamKnowledge], handbook: Path) -> None:
    """Copies of one page must not fill the answer."""
    text = HANDBOOK["certificates.md"]
    for n in range(4):
        (handbook / f"copy{n}.md").write_text(text)
    knowledge = make()
    await added(knowledge.ingest, handbook)
    found = await knowledge.search("rotate the staging certificate")
    same = [one for one in found if one.heading.endswith("Rotating the staging certificate")]

    assert (1, 4.0) == (len(same), same[0].signals["twins"])


async def test_a_passage_is_shown_with_its_neighbours(
    make: Callable[..., TeamKnowledge], tmp_path: Path
) -> None:
    """A model reads the sentence before, too; what overlaps is there once."""
    sentences = [f"Step {n} of the launch turns valve {n} and waits for lamp {n}." for n in range(30)]
    (tmp_path / "launch.md").write_text("# Launch\n\n" + " ".join(sentences))
    knowledge = make(chunk_tokens=60, overlap_tokens=20)
    await added(knowledge.ingest, tmp_path / "launch.md")
    [first, *_] = await knowledge.search("what happens at valve 15 in the launch")
    whole = await knowledge.searching.whole(first, limit=5000)

    assert len(whole) > len(first.text)
    assert whole in " ".join(sentences)


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("a b c, this is shared by both", "this is shared by both, d", "a b c, this is shared by both, d"),
        ("one", "two", "one\n\ntwo"),
    ],
)
def test_neighbours_are_joined_at_what_they_share(first: str, second: str, joined: str) -> None:
    """Chunks overlap by a setting."""
    assert joined == join(first, second)


PIECES = (
    *(
        '"',
        "'",
        "*",
        "(",
        ")",
        "AND",
        "OR",
        "NOT",
        "NEAR",
        "NEAR(a b, 2)",
        ":",
        "^",
        "-",
        "+",
        "{",
        "}",
        "\0",
        ",",
    ),
    *(
        "secret:word",
        "text:x",
        "{text heading}",
        "chunks_fts",
        "rank:bm25(1)",
        "rotate",
        "--",
        ";",
        "' OR 1=1",
        "%",
        "\\",
    ),
)
QUESTIONS, AT_ONCE = 5000, 50


def hostile(pick: random.Random) -> str:
    """Return a question of operators, column names, words and characters from anywhere in Unicode, halves included."""
    return " ".join(
        pick.choice(PIECES)
        if pick.random() < 0.6
        else "".join(chr(pick.randrange(0x110000)) for _ in range(pick.randrange(1, 12)))
        for _ in range(pick.randrange(40))
    )


async def test_five_thousand_hostile_questions_raise_nothing_and_read_nothing_foreign(
    library: KnowledgeLibrary,
) -> None:
    """FTS5 has a query language; a raw question is an error in it, or reads another column (T27)."""
    for collection, name in (("public", "deploy.md"), ("private", "certificates.md")):
        text = HANDBOOK[name]
        chunk = Chunk(
            id=name, heading=name, text=text, start=0, end=1, searchable=(name, name, searchable(text))
        )
        document = Document(id=name, collection=collection, path=f"/{name}", name=name, root="/")
        await library.put(document, [chunk])
    public, pick = [Scope(collection="public", audience=PUBLIC)], random.Random(20261121)

    async def ask(question: str) -> list[Found]:
        matches = [one for one, _ in await library.matches(terms(question), public, 50, Filters())]
        await library.weighed(terms(question), matches, None, Filters())
        return matches

    found: list[list[Found]] = []
    for _ in range(0, QUESTIONS, AT_ONCE):
        found += await asyncio.gather(*(ask(hostile(pick)) for _ in range(AT_ONCE)))

    assert (QUESTIONS, {"public"}) == (len(found), {one.collection for some in found for one in some})


async def test_odd_questions_are_answered_like_any_other(knowledge: TeamKnowledge) -> None:
    """Half a surrogate comes from a broken client, ten thousand letters from a pasted file."""
    odd = ["", " ", "?", '"', "\0", "a" * 10_000, "🚢" * 50, "\ud800", "' OR 1=1 --"]

    assert {question: [] for question in odd} == {
        question: await knowledge.search(question) for question in odd
    }
