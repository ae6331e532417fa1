"""Find the passages that answer a question: by meaning, by words, by headings, fused by rank.

Two kinds of numbers: the fused rank says which passage is better than another, the relevance says whether a passage
is any good at all. Weights and floor were set on 65 real and 50 foreign questions about Node's and npm's
documentation: real ones reach 0.35 to 1, absurd ones 0 to 0.24; in a handbook of six pages absurd ones reach 0.05.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quarterdeck.core.errors import NotFound
from quarterdeck.core.knowledge import CollectionSize, Found, Spread
from quarterdeck.core.ports import Passage
from quarterdeck.rag.library import Library
from quarterdeck.rag.query import terms, words
from quarterdeck.rag.vector.vectors import Vectors, cosine

CANDIDATES = 50  # a list
RANK_OFFSET = 60  # of reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009)
HEADING_WEIGHT = 0.5  # of the list by headings, beside 1 for meaning and 1 for words
DOCUMENT_WEIGHT = 0.1  # of what the document's best chunks score together
DOCUMENT_CHUNKS = 3
WORDS_WEIGHT = 0.25  # of the share of words found, beside the cosine
NO_COSINE, SPAN = 0.2, 0.9  # what relevance calls 0, and how far above it is 1
WORDS_ONLY = 0.5  # relevance when all words are found and meaning is not known
DUPLICATE = 0.8  # share of words in common
TWINS = 4  # times as many passages as are wanted are looked through for twins


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hold what a search found. `relevance` is the best passage's, also where it is below the floor."""

    passages: tuple[Passage, ...]
    collections: tuple[str, ...]
    relevance: float = 0.0
    notice: str = ""


class Search:
    """Search the library."""

    def __init__(self, library: Library, vectors: Vectors, *, floor: float) -> None:
        self._library, self._vectors, self._floor = library, vectors, floor
        self._known: tuple[int, list[CollectionSize]] = (-1, [])

    async def sizes(self) -> list[CollectionSize]:
        """Return what each collection holds; counted anew only after a change."""
        generation = await self._library.generation()
        if self._known[0] != generation:
            self._known = (generation, await self._library.collections())
        return self._known[1]

    async def find(
        self, question: str, *, limit: int, collections: Sequence[str] = (), wait_s: float
    ) -> Result:
        """Return the relevant passages, best first; waits `wait_s` at most for the vector index to be ready.

        Raises:
            NotFound: there is no such collection.
        """
        sizes = await self.sizes()
        known = tuple(size.name for size in sizes)
        for name in collections:
            if name not in known:
                raise NotFound(f"there is no collection {name!r}", hint=f"known are {', '.join(known)}")
        chosen = tuple(collections) or known
        wanted = terms(question)
        if not chosen or not wanted:
            return Result(passages=(), collections=chosen)
        near, matches = await asyncio.gather(
            self._vectors.near(question, chosen, CANDIDATES, wait_s=wait_s),
            self._library.matches(wanted, chosen if collections else (), CANDIDATES),
        )
        found = {one.id: one for one, _ in matches if one.collection in chosen}
        cosines = dict(near.cosines) if near else {}
        others = await self._library.by_id(cosines.keys() - found.keys())
        found |= {one.id: one for one in others if one.collection in chosen}
        if near:
            unseen = sorted(found.keys() - cosines.keys())
            cosines |= {id_: cosine(near.vector, v) for id_, v in await self._library.vectors(unseen)}
        spread = await self._library.spread(wanted, [one.seq for one in found.values()])
        total = sum(size.chunks for size in sizes)
        by_words = {one.id: score for one, score in matches}
        ranking = _Ranking(found, cosines, by_words, _rarity(spread, total), spread, has_meaning=bool(near))
        ranked = ranking.passages()
        good = [one for one in ranked if one.signals["relevance"] >= self._floor]
        return Result(
            passages=tuple(_without_twins(good[: TWINS * limit])[:limit]),
            collections=chosen,
            relevance=max((one.signals["relevance"] for one in ranked), default=0.0),
            notice="" if near else "by words only: the vector index is not ready",
        )

    async def whole(self, passage: Passage, *, limit: int) -> str:
        """Return the passage with what stands around it under the same heading, at most `limit` characters."""
        found = await self._library.by_id([passage.chunk_id])
        if not found:
            return passage.text
        chunk = found[0]
        around = await self._library.beside(chunk, 1)
        text = passage.text
        for one in around:
            if one.n == chunk.n + 1 and len(text) + len(one.text) < limit:
                text = join(text, one.text)
        for one in around:
            if one.n == chunk.n - 1 and len(text) + len(one.text) < limit:
                text = join(one.text, text)
        return text


class _Ranking:
    """Bring candidates in order."""

    def __init__(
        self,
        found: Mapping[str, Found],
        cosines: Mapping[str, float],
        by_words: Mapping[str, float],
        rarity: Mapping[str, float],
        spread: Mapping[str, Spread],
        *,
        has_meaning: bool,
    ) -> None:
        self._found, self._cosines, self._by_words = found, cosines, by_words
        self._rarity, self._spread, self._has_meaning = rarity, spread, has_meaning

    def passages(self) -> list[Passage]:
        """Return all candidates as passages, best first."""
        covered = {one.id: self._share(one, in_heading=False) for one in self._found.values()}
        headed = {one.id: self._share(one, in_heading=True) for one in self._found.values()}
        fused = self._fused(headed)
        best_first = sorted(fused, key=lambda id_: (-fused[id_], id_))
        passages = []
        for id_ in best_first:
            signals = {
                "relevance": self._relevance(self._cosines.get(id_, 0.0), covered[id_]),
                "cosine": self._cosines.get(id_, 0.0),
                "words": covered[id_],
                "bm25": self._by_words.get(id_, 0.0),
                "heading": headed[id_],
            }
            passages.append(_passage(self._found[id_], fused[id_], signals))
        return passages

    def _fused(self, headed: Mapping[str, float]) -> dict[str, float]:
        fused: defaultdict[str, float] = defaultdict(float)
        meaning = {id_: value for id_, value in self._cosines.items() if id_ in self._found}
        for scores, weight in ((meaning, 1.0), (self._by_words, 1.0), (headed, HEADING_WEIGHT)):
            for id_, rank in _ranks(scores).items():
                if id_ in self._found:
                    fused[id_] += weight / (RANK_OFFSET + rank)
        together: defaultdict[str, list[float]] = defaultdict(list)
        for id_, score in fused.items():
            together[self._found[id_].document_id].append(score)
        best = {id_: sum(sorted(scores)[-DOCUMENT_CHUNKS:]) for id_, scores in together.items()}
        return {
            id_: score + DOCUMENT_WEIGHT * best[self._found[id_].document_id] for id_, score in fused.items()
        }

    def _share(self, one: Found, *, in_heading: bool) -> float:
        """Return which share of the question's words, rare ones weighing more, stands in the chunk."""
        total = sum(self._rarity.values())
        held = 0.0
        for word, rarity in self._rarity.items():
            where = self._spread[word].headings if in_heading else self._spread[word].chunks
            held += rarity if one.seq in where else 0.0
        return held / total if total else 0.0

    def _relevance(self, likeness: float, covered: float) -> float:
        if not self._has_meaning:
            return covered * WORDS_ONLY
        return min(1.0, max(0.0, (likeness + WORDS_WEIGHT * covered - NO_COSINE) / SPAN))


def _rarity(spread: Mapping[str, Spread], total: int) -> dict[str, float]:
    """Return the inverse document frequency of each word, as bm25 has it."""
    return {
        word: math.log(1 + (max(total, where.count) - where.count + 0.5) / (where.count + 0.5))
        for word, where in spread.items()
    }


def _ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Return places from 1, best first; equal scores share a place, zero has none."""
    places = {
        score: n for n, score in enumerate(sorted({s for s in scores.values() if s > 0}, reverse=True), 1)
    }
    return {id_: places[score] for id_, score in scores.items() if score > 0}


def _passage(one: Found, score: float, signals: Mapping[str, float]) -> Passage:
    heading = one.heading or (f"page {one.page}" if one.page else "")
    url = one.path if "://" in one.path else Path(one.path).as_uri()
    return Passage(
        chunk_id=one.id,
        document=one.name,
        collection=one.collection,
        heading=heading,
        text=one.text,
        url=f"{url}#page={one.page}" if one.page else url,
        score=score,
        signals=signals,
    )


def _without_twins(passages: Sequence[Passage]) -> list[Passage]:
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
