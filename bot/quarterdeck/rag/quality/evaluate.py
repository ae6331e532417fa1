"""Measure how well questions find their documents and what is answered from them."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import field
from statistics import quantiles
from typing import TYPE_CHECKING, cast

from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass
from quarterdeck.rag.answering.verify import Source, verify
from quarterdeck.rag.quality.cases import Case
from quarterdeck.rag.retrieval.search import Result, Search

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

DEPTH = 10  # documents
PASSAGES = 50  # that the documents' ranking is made of
READ = 6  # passages that a fact may stand in: those that a model reads

Answers = Callable[[Case, Result], Awaitable[Reply]]
"""Answer a case from what was found."""


@dataclass(slots=True)
class _Tally:
    recall: list[float] = field(default_factory=list)
    gain: list[float] = field(default_factory=list)
    reciprocal: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    answered_ms: list[float] = field(default_factory=list)
    cited: list[float] = field(default_factory=list)
    facts: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)  # 1 for each that was right
    foreign: int = 0
    misses: list[Json] = field(default_factory=list)


async def evaluate(
    cases: Sequence[Case],
    search: Search,
    collections: Sequence[str],
    *,
    wait_s: float,
    answers: Answers | None = None,
) -> dict[str, Json]:
    """Ask every question and return the measures; times are ms, everything else is 0 to 1."""
    tally = _Tally()
    for case in cases:
        started_s = time.perf_counter()
        found = await search.find(
            case.question, limit=PASSAGES, collections=collections, wait_s=wait_s, has_weaker=True
        )
        tally.took_ms.append((time.perf_counter() - started_s) * 1000)
        result = search.telling(found)
        _rank(case, found, tally)
        is_found = bool(result.passages)
        if answers is not None:
            started_s = time.perf_counter()
            reply = await _written(await answers(case, result))
            tally.answered_ms.append((time.perf_counter() - started_s) * 1000)
            is_found = reply.status == "answered"
            if case.documents:
                tally.cited += [float(one.document in case.documents) for one in reply.citations]
        if not is_found:
            tally.refusals.append(float(case.documents == frozenset()))
        sources = [
            Source(n=n, text=one.text, above=f"{one.document} {one.heading}")
            for n, one in enumerate(result.passages[:READ], 1)
        ]
        tally.facts += [
            float(any(verify(fact, "", source).holds for source in sources)) for fact in case.facts
        ]
    return _measures(cases, tally)


def _rank(case: Case, result: Result, tally: _Tally) -> None:
    """Note where the documents of a case came, below the floor too: what is refused is counted apart."""
    if case.documents is None:
        return
    if not case.documents:
        tally.foreign += 1
        return
    ranked = list(dict.fromkeys(passage.document for passage in result.passages))[:DEPTH]
    hits = [name in case.documents for name in ranked]
    tally.recall.append(sum(hits[:5]) / min(5, len(case.documents)))
    tally.gain.append(_ndcg(hits, len(case.documents)))
    tally.reciprocal.append(next((1 / n for n, hit in enumerate(hits, 1) if hit), 0.0))
    if not any(hits[:5]):
        tally.misses.append({"question": case.question, "found": list(ranked[:5])})


async def _written(reply: Reply) -> Reply:
    """Return an answer as it ends."""
    if reply.stream is None:
        return reply
    async with aclosing(cast("AsyncGenerator[str | Reply]", reply.stream)) as stream:
        async for item in stream:
            if isinstance(item, Reply):
                return item
    return reply


def _measures(cases: Sequence[Case], tally: _Tally) -> dict[str, Json]:
    rightly, refused = sum(tally.refusals), len(tally.refusals)
    return {
        "questions": len(cases),
        "recall_at_5": _mean(tally.recall),
        "ndcg_at_10": _mean(tally.gain),
        "mrr": _mean(tally.reciprocal),
        "citation_precision": _mean(tally.cited),
        "fact_recall": _mean(tally.facts),
        "not_found_precision": _mean(tally.refusals),
        "refused_rightly": rightly / tally.foreign if tally.foreign else None,
        "refused_wrongly": (refused - rightly) / len(tally.recall) if tally.recall else None,
        "p50_ms": _percentile(tally.took_ms, 9),
        "p95_ms": _percentile(tally.took_ms, 18),
        "answer_p50_ms": _percentile(tally.answered_ms, 9),
        "answer_p95_ms": _percentile(tally.answered_ms, 18),
        "misses": tally.misses,
    }


def _percentile(times: Sequence[float], twentieth: int) -> float | None:
    if not times:
        return None
    return round((quantiles(times, n=20) if len(times) > 1 else list(times) * 19)[twentieth], 1)


def _ndcg(hits: Sequence[bool], relevant: int) -> float:
    found = sum(1 / math.log2(n + 1) for n, hit in enumerate(hits, 1) if hit)
    return found / sum(1 / math.log2(n + 1) for n in range(1, min(DEPTH, relevant) + 1))


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
