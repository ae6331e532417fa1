"""What answers worse than before is refused: an index, instructions, a model."""

import json
from pathlib import Path

import pytest
from tests.bot.rag.conftest import ScriptedModels, added, silent

from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import GivenAnswer
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.quality.cases import Case, as_line, judged_cases, read_cases, suite_of
from quarterdeck.rag.quality.gate import compare
from quarterdeck.rag.quality.operations import QualityOperations
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.knowledge.quality import StoredQuality


@pytest.mark.parametrize(
    ("before", "now", "losses"),
    [
        ({}, {"mrr": 0.1}, ()),
        ({"mrr": 0.9}, {"mrr": 0.89}, ()),
        ({"mrr": 0.9, "recall_at_5": 1.0}, {"mrr": 0.8, "recall_at_5": 1.0}, ("mrr",)),
        ({"citation_precision": 0.9}, {"citation_precision": None}, ("citation_precision",)),
        ({"mrr": None}, {"mrr": 0.2}, ()),
    ],
)
def test_only_a_loss_beyond_the_margin_counts(before, now, losses) -> None:
    """Two hundredths are noise."""
    assert losses == compare(before, now).losses


def test_cases_are_made_of_verdicts_and_written_as_they_are_read(tmp_path: Path) -> None:
    """What people said can be edited as a file."""
    one = GivenAnswer(id="1", at_ms=1, question="q?", person_id="p", conversation_id="c", status="answered")
    judged = [
        GivenAnswer(**{**_fields(one), "verdict": "helpful", "documents": ("a.md",)}),
        GivenAnswer(**{**_fields(one), "verdict": "wrong", "said": "It is ten."}),
        GivenAnswer(**{**_fields(one), "verdict": "wrong"}),
    ]
    cases = judged_cases(judged)
    (tmp_path / "q.jsonl").write_text("\n".join(map(as_line, cases)))

    assert [
        Case(question="q?", documents=frozenset({"a.md"})),
        Case(question="q?", facts=("It is ten.",)),
    ] == cases
    assert cases == read_cases(tmp_path / "q.jsonl")
    assert suite_of(cases) == suite_of(list(reversed(cases)))


def _fields(one: GivenAnswer) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


@pytest.fixture
async def measuring(library, store, handbook: Path, data: Path, tmp_path: Path):
    """Return the function that measures with a model that says what the test wants, and the prompts' folder."""
    made = []

    async def build(*pieces: str):
        models = ScriptedModels(*pieces)
        settings = Settings(data_dir=data)
        knowledge = TeamKnowledge(library, models, SystemClock(), settings, rows=StoredQuality(store))
        made.append(knowledge)
        await added(knowledge.ingest, handbook)
        handlers = {
            one.name: one.handler for one in QualityOperations(knowledge, models, tmp_path / "user").all()
        }

        async def measure(**parameters):
            return await handlers["knowledge.eval"](parameters, silent)

        return measure

    yield build
    for one in made:
        await one.close()


QUESTIONS = [
    {
        "question": "rotate the staging certificate",
        "documents": ["certificates.md"],
        "facts": ["Log in to the bastion host."],
    },
    {"question": "how do penguins sleep", "documents": []},
]


async def test_instructions_that_answer_worse_are_refused(measuring, tmp_path: Path) -> None:
    """The new prompt is tried on the questions; only when nothing is lost it takes the old one's place."""
    questions, prompt = tmp_path / "q.jsonl", tmp_path / "prompt.md"
    questions.write_text("\n".join(map(json.dumps, QUESTIONS)))
    prompt.write_text("Answer in rhymes.")
    ours = tmp_path / "user/prompts/answer.md"
    good = await measuring('Log in to the bastion host [1: "Log in to the bastion host"].')
    first = await good(file=str(questions), answers="written")
    bad = await measuring("NOT FOUND")
    refused = await bad(file=str(questions), prompt=str(prompt))
    is_there = ours.exists()
    adopted = await good(file=str(questions), prompt=str(prompt))

    assert (1.0, 1.0, 1.0) == (first["recall_at_5"], first["citation_precision"], first["fact_recall"])
    assert (False, False, False) == (refused["is_accepted"], refused["prompt_adopted"], is_there)
    assert {"citation_precision", "not_found_precision"} <= set(refused["losses"])
    assert (True, "Answer in rhymes.") == (adopted["prompt_adopted"], ours.read_text())


async def test_what_cannot_be_measured_says_why(measuring, tmp_path: Path) -> None:
    """Nothing to ask; a prompt that is not there."""
    measure = await measuring("NOT FOUND")

    with pytest.raises(UsageError, match="no questions"):
        await measure()
    with pytest.raises(UsageError, match="nobody has said"):
        await measure(cases=True)
    (tmp_path / "q.jsonl").write_text(json.dumps(QUESTIONS[0]))
    with pytest.raises(UsageError, match="cannot be read"):
        await measure(file=str(tmp_path / "q.jsonl"), prompt=str(tmp_path / "missing.md"))
