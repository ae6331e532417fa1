"""Quality is measured on questions with known answers, so that a change can be judged."""

from pathlib import Path

import pytest

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.quality.cases import Case, read_cases
from quarterdeck.rag.quality.evaluate import evaluate


async def test_measures_are_what_they_are_called(knowledge: TeamKnowledge) -> None:
    """Two questions that are answered, one that is asked for the wrong document, one that is foreign."""
    cases = [
        Case(question="rotate the staging certificate", documents=frozenset({"certificates.md"})),
        Case(question="who is on call", documents=frozenset({"incidents.md"})),
        Case(question="when do backups run", documents=frozenset({"gone.md"})),
        Case(question="how do penguins sleep", documents=frozenset()),
    ]
    found = await evaluate(cases, knowledge.searching, (), wait_s=60)

    assert (4, 1.0, 0.0) == (found["questions"], found["refused_rightly"], found["refused_wrongly"])
    assert pytest.approx(2 / 3, abs=1e-3) == found["recall_at_5"]
    assert pytest.approx(2 / 3, abs=1e-3) == found["mrr"] == found["ndcg_at_10"]
    assert ["when do backups run"] == [miss["question"] for miss in found["misses"]]


def test_a_questions_file_is_read(tmp_path: Path) -> None:
    """One object a line, empty lines do not count."""
    (tmp_path / "q.jsonl").write_text(
        '{"question": "a?", "documents": ["x.md"]}\n\n{"question": "b?", "documents": []}\n'
    )

    assert [frozenset({"x.md"}), frozenset()] == [case.documents for case in read_cases(tmp_path / "q.jsonl")]


@pytest.mark.parametrize(
    "line", ["", "nonsense", "[]", '{"question": "a"}', '{"question": 1, "documents": []}']
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    """Which line, and what it should look like."""
    (tmp_path / "q.jsonl").write_text(f'{{"question": "a?", "documents": []}}\n{line}\n' if line else "")

    with pytest.raises(UsageError, match="line 2" if line else "0 questions"):
        read_cases(tmp_path / "q.jsonl")
