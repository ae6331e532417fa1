"""Measure how well questions find their documents: recall, nDCG, reciprocal rank, and honest refusals.

A questions file has one JSON object a line: `{"question": "…", "documents": ["certificates.md"]}`. Documents are names
as they are cited; an empty list marks a question that the documents do not answer.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.retrieval.search import Search

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

DEPTH = 10  # documents
PASSAGES = 50  # that the documents' ranking is made of
QUESTION_LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold a question with the documents that answer it."""

    question: str
    documents: frozenset[str]


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
        question, documents = given["question"], given["documents"]
        if isinstance(question, str) and isinstance(documents, list):
            return Case(question=question, documents=frozenset(map(str, documents)))
    except (ValueError, TypeError, KeyError):
        pass
    raise UsageError(
        f"{path}, line {n}: this is no question", hint='write {"question": "…", "documents": ["name.md"]}'
    )


async def evaluate(
    cases: Sequence[Case], search: Search, collections: Sequence[str], *, wait_s: float
) -> dict[str, Json]:
    """Ask every question and return the measures; times are ms, everything else is 0 to 1."""
    recall, gain, reciprocal, took_ms = [], [], [], []
    refused_rightly = refused_wrongly = 0
    misses: list[Json] = []
    for case in cases:
        started_s = time.perf_counter()
        result = await search.find(case.question, limit=PASSAGES, collections=collections, wait_s=wait_s)
        took_ms.append((time.perf_counter() - started_s) * 1000)
        ranked = list(dict.fromkeys(passage.document for passage in result.passages))[:DEPTH]
        if not case.documents:
            refused_rightly += not ranked
            continue
        refused_wrongly += not ranked
        hits = [name in case.documents for name in ranked]
        recall.append(sum(hits[:5]) / min(5, len(case.documents)))
        gain.append(_ndcg(hits, len(case.documents)))
        reciprocal.append(next((1 / n for n, hit in enumerate(hits, 1) if hit), 0.0))
        if not any(hits[:5]):
            misses.append({"question": case.question, "found": list(ranked[:5])})
    unanswerable = len(cases) - len(recall)
    times = quantiles(took_ms, n=20) if len(took_ms) > 1 else took_ms * 19
    return {
        "questions": len(cases),
        "recall_at_5": _mean(recall),
        "ndcg_at_10": _mean(gain),
        "mrr": _mean(reciprocal),
        "refused_rightly": refused_rightly / unanswerable if unanswerable else None,
        "refused_wrongly": refused_wrongly / len(recall) if recall else None,
        "p50_ms": round(times[9], 1),
        "p95_ms": round(times[18], 1),
        "misses": misses,
    }


def _ndcg(hits: Sequence[bool], relevant: int) -> float:
    found = sum(1 / math.log2(n + 1) for n, hit in enumerate(hits, 1) if hit)
    return found / sum(1 / math.log2(n + 1) for n in range(1, min(DEPTH, relevant) + 1))


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
