"""An embedder that answers worse than the one that serves does not take over."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.bot.rag.conftest import NoModels, added, silent

from quarterdeck.core.knowledge import GivenAnswer
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.sources.operations import SourceOperations
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.knowledge.quality import StoredQuality

QUESTION = "rotate the staging certificate"


class Blind:
    """See no certificate anywhere (the `Embeddings` port)."""

    def chosen(self) -> str:
        """Name the model."""
        return "mine/blind"

    async def embed(self, name: str, texts: Sequence[str], *, is_question: bool = False) -> list[bytes]:
        """Return a vector for each."""
        seen = [is_question or "certificate" not in text for text in texts]
        return [struct.pack("<4f", float(one), float(not one), 0.0, 0.0) for one in seen]


@pytest.fixture
async def judged(library, store, handbook: Path, make: Callable[..., TeamKnowledge]) -> StoredQuality:
    """Read the handbook with our own embedder, and let somebody call an answer helpful."""
    knowledge = make()
    await added(knowledge.ingest, handbook)
    rows = StoredQuality(store)
    await rows.keep(
        GivenAnswer(
            id="a1",
            at_ms=1,
            question=QUESTION,
            person_id="p1",
            conversation_id="c1",
            status="answered",
            chunks=("x",),
            documents=("certificates.md",),
        )
    )
    await rows.judge("a1", "helpful", said="", judge_id="p1")
    await knowledge.close()
    return rows


async def test_an_embedder_that_loses_is_refused_until_somebody_accepts_it(
    judged: StoredQuality, library, data: Path
) -> None:
    """Search goes on with the former one; the reason names the loss, and `rebuild --accept-loss` lets it in."""
    settings = Settings(data_dir=data)
    knowledge = TeamKnowledge(library, NoModels(), SystemClock(), settings, rows=judged, embeddings=Blind())
    vectors = knowledge.vectors
    assert await vectors.opened()
    assert vectors._move is not None
    await vectors._move
    first = await knowledge.search(QUESTION, limit=1)
    serving = await library.serving()
    told = vectors.state.reason
    desk = SourceOperations(knowledge, None)  # type: ignore[arg-type]  # sources are not asked for
    rebuild = next(one.handler for one in desk.all() if one.name == "knowledge.rebuild")
    await rebuild({}, silent)
    still = await library.serving()
    await rebuild({"accept_loss": True}, silent)
    await vectors._move
    after = await library.serving()
    await knowledge.close()

    assert (["certificates.md"], "onnx", "onnx") == ([one.document for one in first], serving.key, still.key)
    assert "mine/blind:4 was not let in: on 1 judged questions it loses" in told
    assert "role:mine/blind" == after.key
