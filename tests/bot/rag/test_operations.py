"""What the verb `knowledge` does, with the results that scripts read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.conftest import HANDBOOK, NoModels

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.quality.operations import QualityOperations
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.rag.sources.operations import SourceOperations
from quarterdeck.runtime.clock import SystemClock

Do = Callable[..., object]


class NoUploads:
    """Keep nothing."""

    def keep(self, name: str, content: bytes, collection: str) -> Path:
        raise UsageError("nobody uploads here")


async def no_fetch(attachment, conversation, limit_bytes):
    """Fetch nothing."""
    return b""


@pytest.fixture
def do(make: Callable[..., TeamKnowledge], tmp_path: Path) -> Do:
    """Return the function that does one operation; progress is kept in `do.heard`."""
    knowledge = make()
    desk = SourceDesk(
        knowledge.ingest,
        knowledge.library,
        knowledge.vectors,
        SystemClock(),
        uploads=NoUploads(),
        fetch=no_fetch,
    )
    asking = QualityOperations(knowledge, NoModels(), tmp_path)
    both = (*asking.all(), *SourceOperations(knowledge, desk).all())
    operations = {one.name: one.handler for one in both}

    async def run(name: str, **parameters):
        async def hear(sentence: str) -> None:
            run.heard.append(sentence)

        return await operations[f"knowledge.{name}"](parameters, hear)

    run.heard = []
    return run


async def test_documents_are_added_listed_searched_and_removed(do: Do, handbook: Path) -> None:
    """The whole life of a collection, as a script sees it."""
    (handbook / "broken.pdf").write_bytes(b"no")
    report = await do("add", paths=[str(handbook)], collection="handbook")
    listed = await do("list")
    found = await do("search", query="rotate the staging certificate", limit=2)
    removed = await do("remove", what="handbook")

    assert (len(HANDBOOK), len(HANDBOOK), "") == (report["added"], report["documents"], report["notice"])
    assert "1 of 7: backup/restore.md" == do.heard[0]
    assert [{"document": "broken.pdf", "reason": "it is not a PDF that can be read"}] == listed[0]["failed"]
    assert [str(handbook)] == listed[0]["paths"]
    assert "certificates.md" == found["passages"][0]["document"]
    assert {"relevance", "cosine", "words", "bm25", "heading", "recency", "twins"} == set(
        found["passages"][0]["signals"]
    )
    assert "all-MiniLM-L6-v2 on onnxruntime, 8-bit" == found["embedder"]
    assert (len(HANDBOOK) + 1, []) == (removed["removed"], await do("list"))


async def test_sync_and_eval(do: Do, handbook: Path, tmp_path: Path) -> None:
    """Both report in numbers."""
    await do("add", paths=[str(handbook)])
    (handbook / "deploy.md").unlink()
    (tmp_path / "q.jsonl").write_text('{"question": "who is on call", "documents": ["incidents.md"]}\n')
    synced = await do("sync")
    measured = await do("eval", file=str(tmp_path / "q.jsonl"))

    assert (1, 5) == (synced["removed"], synced["unchanged"])
    assert 1.0 == measured["recall_at_5"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("add", {"paths": []}),
        ("add", {"paths": ["relative/path"]}),
        ("add", {"paths": "/a/string"}),
        ("add", {"paths": ["/tmp"], "collection": " \n"}),
        ("add", {"paths": ["/tmp"], "collection": "x" * 200}),
        ("remove", {}),
        ("search", {"query": 5}),
    ],
)
async def test_wrong_parameters_are_usage_errors(do: Do, name: str, parameters: dict[str, object]) -> None:
    """They come over a socket."""
    with pytest.raises(UsageError):
        await do(name, **parameters)
