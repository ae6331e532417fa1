"""Another embedder takes over at once and whole, while the former one serves; a kill costs nothing that was made."""

import asyncio
import hashlib
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.bot.rag.conftest import added

from quarterdeck.core.errors import Unavailable
from quarterdeck.core.knowledge import PUBLIC, Scope
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.runtime import faults
from quarterdeck.store.knowledge.library import KnowledgeLibrary

ALL = Scope(collection="documents", audience=PUBLIC)
QUESTION = "how do I rotate the staging certificate"


class Provider:
    """Embed by the words' hashes (the `Embeddings` port); `gate` holds what is embedded but for probes."""

    def __init__(self, name: str = "mine/other") -> None:
        self.name, self.dimensions = name, 32
        self.texts: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()
        self.failures: list[Exception] = []
        self.questions = 0

    def chosen(self) -> str:
        """Name the model."""
        return self.name

    async def embed(self, name: str, texts: Sequence[str], *, is_question: bool = False) -> list[bytes]:
        """Return a vector for each."""
        self.questions += is_question
        if list(texts) != ["probe"] and not is_question:
            self.reached.set()
            await self.gate.wait()
            if self.failures:
                raise self.failures.pop(0)
            self.texts += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> bytes:
        numbers = [0.0] * self.dimensions
        for word in text.lower().split():
            numbers[hashlib.sha256(word.encode()).digest()[0] % self.dimensions] += 1.0
        length = sum(one * one for one in numbers) ** 0.5 or 1.0
        return struct.pack(f"<{self.dimensions}f", *(one / length for one in numbers))


def other(make: Callable[..., TeamKnowledge], data: Path, provider: Provider | None) -> TeamKnowledge:
    """Return knowledge over the same data whose settings name this provider's model."""
    knowledge = make()

    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    vectors = Vectors(
        knowledge.library,
        chroma=data / "chroma",
        models=data / "models",
        embedder="onnx",
        remote=provider,
        pause=pause,
    )
    knowledge.vectors = knowledge.searching._vectors = knowledge.ingest._vectors = vectors
    return knowledge


async def moved(knowledge: TeamKnowledge) -> None:
    """Wait for the move to end."""
    assert await knowledge.vectors.opened()
    assert knowledge.vectors._move is not None
    await knowledge.vectors._move


async def held(vectors: Vectors) -> set[str]:
    """Return the ids that the index holds."""
    return set((await vectors._worker.call("ids", {"scope": ALL.name})).value)  # type: ignore[arg-type]


async def test_the_former_embedder_serves_until_all_vectors_of_the_next_are_there(
    make: Callable[..., TeamKnowledge], handbook: Path, library: KnowledgeLibrary, data: Path
) -> None:
    """Search goes on by meaning all the time, and documents that come meanwhile are moved with the others."""
    first = make()
    await added(first.ingest, handbook)
    assert await first.vectors.opened()
    await first.close()
    provider = Provider()
    provider.gate.clear()
    knowledge = other(make, data, provider)

    assert await knowledge.vectors.opened()
    await provider.reached.wait()
    meanwhile = await knowledge.vectors.near(QUESTION, [ALL.name], 5, wait_s=60)
    (handbook / "late.md").write_text("# Late\n\nThis came while the vectors were being made.\n")
    await added(knowledge.ingest, handbook)
    state = knowledge.vectors.state
    provider.gate.set()
    await moved(knowledge)
    after = await knowledge.vectors.near(QUESTION, [ALL.name], 5, wait_s=60)

    assert meanwhile is not None
    assert ("all-MiniLM-L6-v2", "role:mine/other") == (state.space, state.next)
    ids = await library.vector_ids(ALL, "mine/other:32")
    assert set(ids) == await held(knowledge.vectors)
    assert any("came while" in text for text in provider.texts)
    assert ("mine/other:32", 128, 1) == (
        await knowledge.vectors.space(),
        len(after.vector),
        provider.questions,
    )  # type: ignore[union-attr]
    assert len(meanwhile.vector) != len(after.vector)  # type: ignore[union-attr]
    await knowledge.vectors.close()


async def test_what_was_made_before_a_stop_is_not_made_again(
    make: Callable[..., TeamKnowledge], handbook: Path, library: KnowledgeLibrary, data: Path
) -> None:
    """Vectors cost money: those that are on disk stay."""
    first = make()
    await added(first.ingest, handbook)
    await first.vectors.opened()
    await first.close()
    provider = Provider()
    some = await library.unstaged("mine/other:32", 2)
    await library.stage("mine/other:32", [(one.id, provider._vector(one.text)) for one in some])
    knowledge = other(make, data, provider)

    await moved(knowledge)

    total = len(await library.vector_ids(ALL, "mine/other:32"))
    assert (total - 2, total) == (len(provider.texts), len(await held(knowledge.vectors)))
    await knowledge.vectors.close()
    again = Provider()
    third = other(make, data, again)
    assert await third.vectors.opened()
    assert ([], None) == (again.texts, third.vectors._move)
    await third.vectors.close()


async def test_a_provider_that_is_down_is_waited_for(
    make: Callable[..., TeamKnowledge], handbook: Path, data: Path
) -> None:
    """Nobody has to start the move again in the morning."""
    first = make()
    await added(first.ingest, handbook)
    await first.vectors.opened()
    await first.close()
    provider = Provider()
    provider.failures = [Unavailable("down", service="mine"), Unavailable("down", service="mine")]
    knowledge = other(make, data, provider)

    await moved(knowledge)

    assert "mine/other:32" == await knowledge.vectors.space()
    await knowledge.vectors.close()


async def test_the_way_back_needs_no_provider(
    make: Callable[..., TeamKnowledge], handbook: Path, data: Path, caplog: Any
) -> None:
    """Where the former embedder is gone, search goes by words until the packaged model has made its vectors."""
    provider = Provider()
    first = other(make, data, provider)
    await added(first.ingest, handbook)
    assert await first.vectors.opened()
    assert "mine/other:32" == await first.vectors.space()
    await first.vectors.close()

    second = other(make, data, None)
    assert await second.vectors.opened()

    assert "all-MiniLM-L6-v2" == await second.vectors.space()
    assert await second.vectors.near(QUESTION, [ALL.name], 5, wait_s=60) is not None
    await second.vectors.close()


@pytest.mark.parametrize("point", ["knowledge.switched.before", "knowledge.switched"])
async def test_a_crash_at_the_switch_leaves_one_whole_space(
    make: Callable[..., TeamKnowledge],
    handbook: Path,
    library: KnowledgeLibrary,
    data: Path,
    point: str,
) -> None:
    """Right before the commit the former one serves, right after it the next one, and nothing is made again."""
    first = make()
    await added(first.ingest, handbook)
    await first.vectors.opened()
    await first.close()
    broken = other(make, data, Provider())
    faults.arm(f"{point}:1:raise", testing=True)
    try:
        with pytest.raises(faults.InjectedFault):
            await moved(broken)
    finally:
        faults.arm("", testing=True)
    broken.vectors._move = None
    await broken.vectors.close()
    after = Provider()
    third = other(make, data, after)

    assert await third.vectors.opened()
    if third.vectors._move is not None:
        await third.vectors._move

    assert [] == after.texts
    assert "mine/other:32" == await third.vectors.space()
    assert set(await library.vector_ids(ALL, "mine/other:32")) == await held(third.vectors)
    await third.vectors.close()
