"""Three audiences, ten thousand passages each, two thousand questions: nobody is shown a passage of others (T28)."""

import asyncio
import random
import time
from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import text

from quarterdeck.core.knowledge import Chunk, Document, Scope, scope_of
from quarterdeck.rag.retrieval.search import Search
from quarterdeck.rag.vector.index import ExactIndex
from quarterdeck.rag.vector.near import Near
from quarterdeck.rag.words.query import searchable
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary

AUDIENCES = ("public", "group:leads", "role:admin")
DOCUMENTS, CHUNKS = 10, 1000  # of each audience
QUESTIONS, AT_ONCE = 2000, 20
DIMENSIONS = 16
ENDINGS = ("rent", "lock", "pine", "dust", "mark")
WORDS = [
    f"{a}{b}{c}{d}" for a in "bdfgklmnprst" for b in "aeiou" for c in ENDINGS for d in "bcdfghklmnprtvwz"
]
PLACES = {word: n for n, word in enumerate(WORDS)}


class Nearby:
    """Find near vectors in this process; the question's vector is made of its words."""

    reason = ""

    def __init__(self) -> None:
        self.index = ExactIndex()

    async def rerank(self, question: str, texts: Sequence[str]) -> list[float] | None:
        return None

    async def near(self, text: str, scopes: Sequence[str], limit: int, *, wait_s: float) -> Near:
        vector = embedded(text)
        found = [pair for scope in scopes for pair in self.index.find(scope, vector, limit)]
        return Near(cosines=dict(found), vector=vector.tobytes())


def embedded(words: str) -> np.ndarray:
    """Return a vector of length 1 that texts with the same words share."""
    vector = np.zeros(DIMENSIONS, np.float32)
    for word in words.split():
        vector[PLACES[word] % DIMENSIONS] += 1
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


async def filled(store: Store, documents: int = DOCUMENTS) -> tuple[KnowledgeLibrary, Nearby]:
    """Fill a library with passages of the same words for three audiences."""
    library, near, pick = KnowledgeLibrary(store), Nearby(), random.Random(1)
    for audience in AUDIENCES:
        for n in range(documents):
            id_ = f"{audience}/{n}"
            said = [" ".join(pick.choices(WORDS, k=12)) for _ in range(CHUNKS)]
            vectors = np.stack([embedded(one) for one in said])
            pieces = [
                Chunk(
                    id=f"{id_}/{m}",
                    heading="",
                    text=one,
                    start=0,
                    end=1,
                    searchable=("", "", searchable(one)),
                    embedding=vectors[m].tobytes(),
                    embedder="test",
                )
                for m, one in enumerate(said)
            ]
            document = Document(
                id=id_, collection="all", path=f"/{id_}", name=id_, root="/", audience=audience
            )
            await library.put(document, pieces)
            near.index.put(scope_of("all", audience), [one.id for one in pieces], vectors)
    return library, near


@pytest.mark.timeout(400)
async def test_two_thousand_questions_find_nothing_foreign_and_a_revocation_counts_at_once(
    store: Store,
) -> None:
    """By meaning and by words; then an audience is taken away under the index, which still holds it as public."""
    library, near = await filled(store)
    search = Search(library, near, floor=0.0)
    scopes = {scope.audience: scope for scope in await search.scopes()}
    pick, foreign, found = random.Random(2), 0, 0
    for n in range(0, QUESTIONS, AT_ONCE):
        asking = [AUDIENCES[m % 3] for m in range(n, n + AT_ONCE)]
        results = await asyncio.gather(
            *(
                search.find(" ".join(pick.sample(WORDS, 3)), limit=8, wait_s=0, readable={scopes[audience]})
                for audience in asking
            )
        )
        for audience, result in zip(asking, results, strict=True):
            found += len(result.passages)
            foreign += sum(one.audience != audience for one in result.passages)

    assert (0, True) == (foreign, found > QUESTIONS)

    started_s = time.monotonic()
    await store.write(
        "knowledge.stored",
        lambda connection: connection.execute(
            text("UPDATE documents SET audience = 'role:admin' WHERE audience = 'public'")
        ),
    )
    after = await search.find(" ".join(WORDS[:4]), limit=8, wait_s=0, readable={scopes["public"]})

    assert ((), True) == (after.passages, time.monotonic() - started_s < 5)


async def test_what_changes_hands_while_it_is_looked_for_is_left_out(
    store: Store,
) -> None:
    """The second look is at what is about to be shown."""
    library, near = await filled(store, documents=1)
    search = Search(library, near, floor=0.0)
    public = Scope(collection="all", audience="public")
    first = await search.find(" ".join(WORDS[:4]), limit=1, wait_s=0, readable={public})
    lost = first.passages[0].document
    weighed = library.weighed

    async def meanwhile(*given):
        change = text("UPDATE documents SET audience = 'role:admin' WHERE id = :id")
        await store.write("knowledge.stored", lambda connection: connection.execute(change, {"id": lost}))
        return await weighed(*given)

    library.weighed = meanwhile  # type: ignore[method-assign]
    second = await search.find(" ".join(WORDS[:4]), limit=50, wait_s=0, readable={public})

    assert [] == [one.document for one in second.passages if one.document == lost]
