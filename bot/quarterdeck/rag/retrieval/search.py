"""Find the passages that answer a question: by meaning, by words, by headings, by age, fused by rank.

Who may read is asked twice: what nobody here may read is left out before the best are chosen, and each of the best
is looked at again with the audience that it has by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from quarterdeck.core.errors import NotFound
from quarterdeck.core.knowledge import CollectionSize, Filters, Found, Scope
from quarterdeck.core.ports import Passage
from quarterdeck.core.value import dataclass
from quarterdeck.rag.library import Library
from quarterdeck.rag.retrieval.place import passage_of
from quarterdeck.rag.retrieval.ranking import Ranking, Signals, join, without_twins
from quarterdeck.rag.vector.near import Near, cosines
from quarterdeck.rag.words.query import terms

CANDIDATES = 50  # a list
NARROW_CANDIDATES = 400  # by meaning, where filters leave out single documents afterwards
TWINS = 4  # times as many passages as are wanted are looked through for twins
RERANKED = 30  # passages that a cross-encoder reads
NEAREST = 8  # passages whose documents are named where nothing reaches the floor
NOTICE = "by words only: the vector index is not ready"
SEPARATE = "by words only: "

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hold what a search found. `relevance` is the best passage's, also where it is below the floor; `near` are titles
    of documents that came nearest, below the floor too.
    """

    passages: tuple[Passage, ...]
    collections: tuple[str, ...]
    relevance: float = 0.0
    notice: str = ""
    near: tuple[Passage, ...] = ()


class Nearest(Protocol):
    """Find by meaning; `reason` says why it cannot now."""

    @property
    def reason(self) -> str: ...

    async def near(self, text: str, scopes: Sequence[str], limit: int, *, wait_s: float) -> Near | None:
        """Return the chunks nearest to `text`, best first; None when that cannot be said within `wait_s`."""

    async def rerank(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """Return how well each text answers the question, or None when nobody can say."""


class Search:
    """Search the library."""

    def __init__(
        self,
        library: Library,
        vectors: Nearest,
        *,
        floor: float,
        now_ms: Callable[[], int] = lambda: 0,
        reranker: str = "",
        staged: str = "",
    ) -> None:
        """Search with `vectors`; `staged` is their space where they do not serve yet."""
        self._library, self._vectors, self.floor = library, vectors, floor
        self._now_ms, self._reranker, self._staged = now_ms, reranker, staged
        self._known: tuple[int, list[CollectionSize], list[Scope]] = (-1, [], [])

    async def sizes(self) -> list[CollectionSize]:
        """Return what each collection holds; counted anew only after a change."""
        return (await self._counted())[1]

    async def scopes(self) -> list[Scope]:
        """Return which audiences each collection has; looked up anew only after a change."""
        return (await self._counted())[2]

    async def _counted(self) -> tuple[int, list[CollectionSize], list[Scope]]:
        generation = await self._library.generation()
        if self._known[0] != generation:
            self._known = (generation, await self._library.collections(), await self._library.scopes())
        return self._known

    async def find(
        self,
        question: str,
        *,
        limit: int,
        wait_s: float,
        collections: Sequence[str] = (),
        filters: Filters | None = None,
        readable: Collection[Scope] | None = None,
        has_weaker: bool = False,
    ) -> Result:
        """Return the relevant passages, best first; waits `wait_s` at most for the vector index to be ready.

        `readable` is what may be shown; None: everything. An answer is made of what reaches the floor; with
        `has_weaker`, for who looks through a list, the rest of what was found comes along.

        Raises:
            NotFound: there is no such collection, or none that may be shown.
        """
        filters = filters or Filters(collections=tuple(collections))
        if self._known[0] < 0:
            await self._counted()
        wanted = terms(question)
        while True:  # look with what was known last, and once more where that has changed meanwhile
            known = self._known
            scopes = _chosen(known[2], filters.collections, readable)
            (_, sizes, current), near, matches = await asyncio.gather(
                self._counted(),
                self._near(question if wanted else "", scopes, filters, wait_s),
                self._library.matches(wanted, scopes or (), CANDIDATES, filters),
            )
            if scopes is not None and scopes == _chosen(current, filters.collections, readable):
                break
            if scopes is None and current == known[2]:
                raise _no_such(current, filters.collections, readable)
        names = tuple(dict.fromkeys(scope.collection for scope in scopes))
        if not scopes or not wanted:
            return Result(passages=(), collections=names)
        total = sum(size.chunks for size in sizes)
        ranking = Ranking(await self._signals(wanted, near, matches, frozenset(scopes), filters, total))
        ranked = ranking.order()
        best_relevance = max((one.relevance for one in ranked), default=0.0)
        least = 0.0 if has_weaker else self.floor
        good = [one for one in ranked if one.relevance >= least]
        if self._reranker:
            looked = ranking.passages(without_twins(good[: TWINS * limit], max(limit, RERANKED)))
            best = await self._reranked(question, looked)
        else:
            best = ranking.passages(without_twins(good[: TWINS * limit], limit))
        nearest = ranking.passages(ranked[:NEAREST])
        return Result(
            passages=await self._still_readable(best[:limit], frozenset(scopes)),
            collections=names,
            relevance=best_relevance,
            notice="" if near else self._notice(),
            near=tuple({one.document: one for one in reversed(nearest)}.values())[::-1],
        )

    def telling(self, result: Result) -> Result:
        """Return a result without what does not reach the floor by itself: what an answer may be made of."""
        kept = tuple(one for one in result.passages if one.signals["relevance"] >= self.floor)
        return replace(result, passages=kept)

    async def _near(
        self, question: str, scopes: Sequence[Scope] | None, filters: Filters, wait_s: float
    ) -> Near | None:
        if not question or not scopes:
            return None
        limit = NARROW_CANDIDATES if filters.is_narrow else CANDIDATES
        return await self._vectors.near(question, [scope.name for scope in scopes], limit, wait_s=wait_s)

    def _notice(self) -> str:
        reason = self._vectors.reason
        return f"{SEPARATE}{reason}" if reason else NOTICE

    async def _signals(
        self,
        wanted: Sequence[str],
        near: Near | None,
        matches: Sequence[tuple[Found, float]],
        scopes: frozenset[Scope],
        filters: Filters,
        total: int,
    ) -> Signals:
        """Return what is known of the candidates of both lists that may be shown."""
        likeness = dict(near.cosines) if near else {}
        weighed = await self._library.weighed(
            wanted, [one for one, _ in matches], likeness if near else None, filters
        )
        if near:
            vectors = weighed.vectors
            if self._staged:
                vectors = dict(await self._library.staged(list(vectors), self._staged))
            likeness |= cosines(near.vector, vectors)
        return Signals(
            found={id_: one for id_, one in weighed.found.items() if one.scope in scopes},
            cosines=likeness if near else None,
            by_words={one.id: score for one, score in matches},
            spread=weighed.spread,
            total=total,
            now_ms=self._now_ms(),
        )

    async def _reranked(self, question: str, passages: list[Passage]) -> list[Passage]:
        """Let the cross-encoder bring the first ones in order, where one is set and works."""
        if not self._reranker or len(passages) < 2:
            return passages
        first, rest = passages[:RERANKED], passages[RERANKED:]
        texts = [f"{one.heading}\n{one.text}" for one in first]
        scores = await self._vectors.rerank(question, texts)
        if scores is None:
            return passages
        scored = [
            replace(one, signals={**one.signals, "reranked": score})
            for one, score in zip(first, scores, strict=True)
        ]
        return sorted(scored, key=lambda one: -one.signals["reranked"]) + rest

    async def _still_readable(
        self, passages: Sequence[Passage], scopes: frozenset[Scope]
    ) -> tuple[Passage, ...]:
        """Look once more at what is about to be shown: it may have got another audience meanwhile."""
        now = await self._library.whose([one.chunk_id for one in passages])
        kept = tuple(one for one in passages if now.get(one.chunk_id) in scopes)
        if len(kept) < len(passages):
            log.warning("Passages left out at the last look", extra={"count": len(passages) - len(kept)})
        return kept

    async def passages(self, ids: Sequence[str], readable: Collection[Scope]) -> list[Passage]:
        """Return passages by id, in this order; those that are gone or may not be shown are left out."""
        found = {one.id: one for one in await self._library.by_id(ids) if one.scope in readable}
        return [passage_of(found[id_], 0.0, {}) for id_ in dict.fromkeys(ids) if id_ in found]

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


def _chosen(
    scopes: Sequence[Scope], collections: Sequence[str], readable: Collection[Scope] | None
) -> list[Scope] | None:
    """Return the scopes to search; None where a collection that was named is not among what may be read."""
    shown = [scope for scope in scopes if readable is None or scope in readable]
    if not {scope.collection for scope in shown}.issuperset(collections):
        return None
    return [scope for scope in shown if not collections or scope.collection in collections]


def _no_such(
    scopes: Sequence[Scope], collections: Sequence[str], readable: Collection[Scope] | None
) -> NotFound:
    """Say which collection is missing. One that may not be read at all is one that does not exist."""
    known = {scope.collection for scope in scopes if readable is None or scope in readable}
    name = next(one for one in collections if one not in known)
    hint = f"known are {', '.join(sorted(known))}" if known else "none can be read here"
    return NotFound(f"there is no collection {name!r}", hint=hint)
