"""Read questions with known answers: from a file, or from what people said to answers.

A questions file has one JSON object a line: `{"question": "…", "documents": ["certificates.md"], "facts": ["…"]}`.
Documents are names as they are cited; an empty list marks a question that the documents do not answer. Facts are
sentences that must stand in what is found. One of the two may be left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import GivenAnswer
from quarterdeck.core.value import dataclass

QUESTION_LIMIT = 10_000
FORM = '{"question": "…", "documents": ["name.md"], "facts": ["what the answer must say"]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold a question with the documents that answer it (None: nobody knows) and the facts of its answer."""

    question: str
    documents: frozenset[str] | None = None
    facts: tuple[str, ...] = ()


def read_cases(path: Path) -> list[Case]:
    """Read a questions file.

    Raises:
        UsageError: it cannot be read, or a line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    cases = [_case(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
    if not cases or len(cases) > QUESTION_LIMIT:
        raise UsageError(
            f"{path} holds {len(cases)} questions", hint=f"write 1 to {QUESTION_LIMIT}, one a line"
        )
    return cases


def _case(path: Path, n: int, line: str) -> Case:
    try:
        given = json.loads(line)
        question, documents, facts = given["question"], given.get("documents"), given.get("facts", [])
        is_list = isinstance(facts, list) and isinstance(documents, list | None)
        if isinstance(question, str) and is_list and (documents is not None or facts):
            names = None if documents is None else frozenset(map(str, documents))
            return Case(question=question, documents=names, facts=tuple(map(str, facts)))
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise UsageError(f"{path}, line {n}: this is no question", hint=f"write {FORM}")


def judged_cases(answers: Sequence[GivenAnswer]) -> list[Case]:
    """Return cases of what people said: what helped must be found again, what was put right must be found.

    An answer that was only called wrong is none: nobody said what would be right.
    """
    cases = []
    for one in answers:
        question = f"{one.before}\n{one.question}" if one.before else one.question
        if one.verdict == "helpful" and one.documents:
            cases.append(Case(question=question, documents=frozenset(one.documents)))
        elif one.verdict == "wrong" and one.said:
            cases.append(Case(question=question, facts=(one.said,)))
    return cases


def as_line(case: Case) -> str:
    """Write a case as a line of a questions file."""
    kept: dict[str, object] = {"question": case.question}
    if case.documents is not None:
        kept["documents"] = sorted(case.documents)
    if case.facts:
        kept["facts"] = list(case.facts)
    return json.dumps(kept, ensure_ascii=False)


def suite_of(cases: Sequence[Case], name: str = "") -> str:
    """Name what is comparable: the same questions, or the same growing collection of them."""
    text = name or "\n".join(sorted(map(as_line, cases)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
