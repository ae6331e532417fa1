"""Bring candidates in order: by meaning, by words, by headings and by age, fused.

Two kinds of numbers: the fused score says which passage is better than another, the relevance says whether a passage
is any good at all. The floor was set on 65 real and 50 foreign questions about Node's and npm's documentation: real
ones reach 0.35 to 1, absurd ones 0 to 0.24; in a handbook of six pages absurd ones reach 0.05.

The score is a sum: how near the meaning is, which share of the question's words is there (rare ones weigh more), the
reciprocal rank by bm25, which share stands in headings, how recent the document is, and what the document's second
best passage scores. The weights were set on 200 questions about 200 docstrings and 200 about 200 abstracts
(benchmarks/ingest_and_ask.py); no step that was tried between half and twice of one changed nDCG@10 by more than 0.015.
Ranks alone, as reciprocal rank fusion has them, reach 0.755 on the abstracts where this reaches 0.80, and 0.905 on the
docstrings where this reaches 0.93.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from quarterdeck.core.knowledge import Found, Spread
from quarterdeck.core.ports import Passage
from quarterdeck.core.value import dataclass
from quarterdeck.rag.retrieval.place import passage_of

RANK_OFFSET = 30  # of reciprocal ranks (Cormack, Clarke, Büttcher, SIGIR 2009, took 60); the first counts 1
RANK_WEIGHT = 0.1  # of the rank by words, beside 1 for the cosine
HEADING_WEIGHT = 0.2  # of the share of words that stand in headings
RECENCY_WEIGHT = 0.03
HALF_AGE_DAYS = 365.0  # after which half of what is recent about a document is gone
DOCUMENT_WEIGHT = 0.3  # of the document's second best passage, or of its only one
BLIND_RANK, BLIND_HEADING = 1.0, 0.5  # weights of rank and headings where meaning is not known
WORDS_WEIGHT = 0.25  # of the share of words found, beside 1 for the cosine
NO_COSINE, SPAN = 0.2, 0.9  # what relevance calls 0, and how far above it is 1
WORDS_ONLY = 0.5  # relevance when all words are found and meaning is not known
DUPLICATE = 0.8  # share of words in common
DAY_MS = 86_400_000

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Hold what is known of the candidates, by chunk id; no cosines: meaning is not known."""

    found: Mapping[str, Found]
    cosines: Mapping[str, float] | None
    by_words: Mapping[str, float]
    spread: Mapping[str, Spread]
    total: int
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Hold a candidate with its fused score, and how good it is by itself, from 0 to 1; `twins` say nearly the same."""

    found: Found
    score: float
    relevance: float
    twins: int = 0


class Ranking:
    """Rank the candidates of one question."""

    def __init__(self, signals: Signals) -> None:
        self._s = signals
        self._cosines = signals.cosines or {}
        self._rarity = _rarity(signals.spread, signals.total)
        self._covered = self._shares({word: where.chunks for word, where in signals.spread.items()})
        self._headed = self._shares({word: where.headings for word, where in signals.spread.items()})
        self._recent = {one.id: _recency(one, signals.now_ms) for one in signals.found.values()}

    def order(self) -> list[Ranked]:
        """Return all candidates, best first."""
        fused = self._fused()
        return [
            Ranked(found=self._s.found[id_], score=fused[id_], relevance=self._relevance(id_))
            for id_ in sorted(fused, key=lambda id_: (-fused[id_], id_))
        ]

    def passages(self, ranked: Sequence[Ranked]) -> list[Passage]:
        """Return candidates as passages, each with its signals."""
        return [passage_of(one.found, one.score, self._signals(one)) for one in ranked]

    def _signals(self, one: Ranked) -> dict[str, float]:
        id_ = one.found.id
        return {
            "relevance": one.relevance,
            "cosine": self._cosines.get(id_, 0.0),
            "words": self._covered[id_],
            "bm25": self._s.by_words.get(id_, 0.0),
            "heading": self._headed[id_],
            "recency": self._recent[id_],
            "twins": float(one.twins),
        }

    def _fused(self) -> dict[str, float]:
        is_blind = self._s.cosines is None
        rank_weight = BLIND_RANK if is_blind else RANK_WEIGHT
        heading_weight = BLIND_HEADING if is_blind else HEADING_WEIGHT
        ranks = _ranks(self._s.by_words)
        own: dict[str, float] = {}
        together: defaultdict[str, list[float]] = defaultdict(list)
        for id_, one in self._s.found.items():
            own[id_] = (
                self._cosines.get(id_, 0.0)
                + WORDS_WEIGHT * self._covered[id_]
                + (rank_weight * (RANK_OFFSET + 1) / (RANK_OFFSET + ranks[id_]) if id_ in ranks else 0.0)
                + heading_weight * self._headed[id_]
                + RECENCY_WEIGHT * self._recent[id_]
            )
            together[one.document_id].append(own[id_])
        second = {id_: sorted(scores, reverse=True)[:2][-1] for id_, scores in together.items()}
        return {
            id_: score + DOCUMENT_WEIGHT * second[self._s.found[id_].document_id]
            for id_, score in own.items()
        }

    def _shares(self, standing: Mapping[str, frozenset[int]]) -> dict[str, float]:
        """Return which share of the question's words, rare ones weighing more, stands in each chunk."""
        total = sum(self._rarity.values())
        held: defaultdict[int, float] = defaultdict(float)
        for word, seqs in standing.items():
            for seq in seqs:
                held[seq] += self._rarity[word]
        return {one.id: held[one.seq] / total if total else 0.0 for one in self._s.found.values()}

    def _relevance(self, id_: str) -> float:
        if self._s.cosines is None:
            return self._covered[id_] * WORDS_ONLY
        likeness = self._cosines.get(id_, 0.0) + WORDS_WEIGHT * self._covered[id_]
        return min(1.0, max(0.0, (likeness - NO_COSINE) / SPAN))


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


def without_twins(ranked: Sequence[Ranked], limit: int) -> list[Ranked]:
    """Return the first `limit` that do not say nearly the same as something better; the better one counts its twins."""
    kept: list[tuple[Ranked, frozenset[str]]] = []
    twins: defaultdict[str, int] = defaultdict(int)
    for one in ranked:
        said = frozenset(_WORD.findall(one.found.text.lower()))
        twin = next((better for better, other in kept if _overlap(said, other) >= DUPLICATE), None)
        if twin is not None:
            twins[twin.found.id] += 1
        elif len(kept) == limit:
            break
        else:
            kept.append((one, said))
    return [replace(one, twins=twins[one.found.id]) for one, _ in kept]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def join(first: str, second: str) -> str:
    """Return two neighbouring chunks as one text; what the second repeats of the first's end is there once."""
    for length in range(min(len(first), len(second)), 19, -1):
        if first.endswith(second[:length]):
            return first + second[length:]
    return f"{first}\n\n{second}"
