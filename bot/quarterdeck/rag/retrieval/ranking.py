"""Bring candidates in order: ranks by meaning, by words, by headings and by age, fused.

Two kinds of numbers: the fused rank says which passage is better than another, the relevance says whether a passage
is any good at all. Weights and floor were set on 65 real and 50 foreign questions about Node's and npm's
documentation: real ones reach 0.35 to 1, absurd ones 0 to 0.24; in a handbook of six pages absurd ones reach 0.05.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from quarterdeck.core.knowledge import Found, Spread
from quarterdeck.core.ports import Passage
from quarterdeck.rag.query import words
from quarterdeck.rag.retrieval.place import passage_of

RANK_OFFSET = 60  # of reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009)
HEADING_WEIGHT = 0.5  # of the list by headings, beside 1 for meaning and 1 for words
RECENCY_WEIGHT = 0.15  # of the list by age
HALF_AGE_DAYS = 365.0  # after which half of what is recent about a document is gone
DOCUMENT_WEIGHT = 0.1  # of what the document's best chunks score together
DOCUMENT_CHUNKS = 3
WORDS_WEIGHT = 0.25  # of the share of words found, beside the cosine
NO_COSINE, SPAN = 0.2, 0.9  # what relevance calls 0, and how far above it is 1
WORDS_ONLY = 0.5  # relevance when all words are found and meaning is not known
DUPLICATE = 0.8  # share of words in common
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Hold what is known of the candidates, by chunk id; no cosines: meaning is not known."""

    found: Mapping[str, Found]
    cosines: Mapping[str, float] | None
    by_words: Mapping[str, float]
    spread: Mapping[str, Spread]
    total: int
    now_ms: int


class Ranking:
    """Rank the candidates of one question."""

    def __init__(self, signals: Signals) -> None:
        self._s = signals
        self._cosines = signals.cosines or {}
        self._rarity = _rarity(signals.spread, signals.total)

    def passages(self) -> list[Passage]:
        """Return all candidates as passages, best first."""
        found = self._s.found
        covered = {one.id: self._share(one, in_heading=False) for one in found.values()}
        headed = {one.id: self._share(one, in_heading=True) for one in found.values()}
        recent = {one.id: _recency(one, self._s.now_ms) for one in found.values()}
        fused = self._fused(headed, recent)
        passages = []
        for id_ in sorted(fused, key=lambda id_: (-fused[id_], id_)):
            signals = {
                "relevance": self._relevance(self._cosines.get(id_, 0.0), covered[id_]),
                "cosine": self._cosines.get(id_, 0.0),
                "words": covered[id_],
                "bm25": self._s.by_words.get(id_, 0.0),
                "heading": headed[id_],
                "recency": recent[id_],
            }
            passages.append(passage_of(found[id_], fused[id_], signals))
        return passages

    def _fused(self, headed: Mapping[str, float], recent: Mapping[str, float]) -> dict[str, float]:
        found = self._s.found
        fused: defaultdict[str, float] = defaultdict(float)
        lists = (
            (self._cosines, 1.0),
            (self._s.by_words, 1.0),
            (headed, HEADING_WEIGHT),
            (recent, RECENCY_WEIGHT),
        )
        for scores, weight in lists:
            for id_, rank in _ranks({id_: scores[id_] for id_ in found if id_ in scores}).items():
                fused[id_] += weight / (RANK_OFFSET + rank)
        together: defaultdict[str, list[float]] = defaultdict(list)
        for id_, score in fused.items():
            together[found[id_].document_id].append(score)
        best = {id_: sum(sorted(scores)[-DOCUMENT_CHUNKS:]) for id_, scores in together.items()}
        return {id_: score + DOCUMENT_WEIGHT * best[found[id_].document_id] for id_, score in fused.items()}

    def _share(self, one: Found, *, in_heading: bool) -> float:
        """Return which share of the question's words, rare ones weighing more, stands in the chunk."""
        total = sum(self._rarity.values())
        held = 0.0
        for word, rarity in self._rarity.items():
            spread = self._s.spread[word]
            held += rarity if one.seq in (spread.headings if in_heading else spread.chunks) else 0.0
        return held / total if total else 0.0

    def _relevance(self, likeness: float, covered: float) -> float:
        if self._s.cosines is None:
            return covered * WORDS_ONLY
        return min(1.0, max(0.0, (likeness + WORDS_WEIGHT * covered - NO_COSINE) / SPAN))


def _rarity(spread: Mapping[str, Spread], total: int) -> dict[str, float]:
    """Return the inverse document frequency of each word, as bm25 has it."""
    return {
        word: math.log(1 + (max(total, where.count) - where.count + 0.5) / (where.count + 0.5))
        for word, where in spread.items()
    }


def _recency(one: Found, now_ms: int) -> float:
    """Return 1 for what was changed now, 0.5 after a year, in tenths; 0 where the source does not say."""
    if one.modified_at_ms is None:
        return 0.0
    age_days = max(0.0, (now_ms - one.modified_at_ms) / DAY_MS)
    return round(math.pow(0.5, age_days / HALF_AGE_DAYS), 1)


def _ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Return places from 1, best first; equal scores share a place, zero has none."""
    places = {
        score: n for n, score in enumerate(sorted({s for s in scores.values() if s > 0}, reverse=True), 1)
    }
    return {id_: places[score] for id_, score in scores.items() if score > 0}


def without_twins(passages: Sequence[Passage]) -> list[Passage]:
    """Leave out what says nearly the same as something better; the better one counts how many."""
    kept: list[tuple[Passage, frozenset[str]]] = []
    twins: defaultdict[str, int] = defaultdict(int)
    for passage in passages:
        said = frozenset(words(passage.text))
        twin = next((one for one, other in kept if _overlap(said, other) >= DUPLICATE), None)
        if twin is None:
            kept.append((passage, said))
        else:
            twins[twin.chunk_id] += 1
    return [replace(one, signals={**one.signals, "twins": float(twins[one.chunk_id])}) for one, _ in kept]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def join(first: str, second: str) -> str:
    """Return two neighbouring chunks as one text; what the second repeats of the first's end is there once."""
    for length in range(min(len(first), len(second)), 19, -1):
        if first.endswith(second[:length]):
            return first + second[length:]
    return f"{first}\n\n{second}"
