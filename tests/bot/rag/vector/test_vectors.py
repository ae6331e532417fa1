"""The index follows the database, whatever happens to the one or the other."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.conftest import added

from quarterdeck.core.knowledge import PUBLIC, Scope
from quarterdeck.rag.ingesting.ingest import Ingest
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.vector.near import cosines
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.store.knowledge.library import KnowledgeLibrary

ALL = Scope(collection="documents", audience=PUBLIC)
QUESTION = "how do I rotate the staging certificate"


async def best(vectors: Vectors) -> str | None:
    """Return the id of the chunk nearest to the question."""
    near = await vectors.near(QUESTION, ["documents"], 5, wait_s=60)
    return None if near is None else next(iter(near.cosines))


async def held(vectors: Vectors) -> set[str]:
    """Return the ids that the index holds."""
    return set((await vectors._worker.call("ids", {"scope": "documents"})).value)


async def test_what_is_added_is_found_at_once(knowledge: TeamKnowledge, library: KnowledgeLibrary) -> None:
    """The index takes in each commit, without being opened again."""
    [chunk] = await library.by_id([await best(knowledge.vectors)])

    assert "Certificates › Rotating the staging certificate" == chunk.heading
    assert await held(knowledge.vectors) == set(await library.vector_ids(ALL, "all-MiniLM-L6-v2"))


async def test_a_killed_librarian_costs_nothing(knowledge: TeamKnowledge) -> None:
    """Chroma is native code: when it crashes, the bot starts another one and finds the same."""
    before = await best(knowledge.vectors)
    os.kill(knowledge.vectors._worker.pid, signal.SIGKILL)
    while knowledge.vectors._worker.pid is not None:
        await asyncio.sleep(0.01)

    assert before == await best(knowledge.vectors)


@pytest.mark.parametrize("harm", ["deleted", "emptied database", "noise", "graph", "older", "stampless"])
async def test_a_harmed_folder_is_made_again_from_the_database(
    make: Callable[..., TeamKnowledge], handbook: Path, library: KnowledgeLibrary, data: Path, harm: str
) -> None:
    """Chroma is an index, SQLite the truth: no document has to be read or embedded again."""
    first = make()
    await added(first.ingest, handbook)
    assert await first.vectors.opened()
    before = await best(first.vectors)
    kept = data / "older"
    shutil.copytree(data / "chroma", kept)
    if harm == "older":
        (handbook / "certificates.md").write_text("# New\n\nNothing about it any more.\n")
        await added(first.ingest, handbook)
        before = await best(first.vectors)
    await first.close()
    harm_folder(data / "chroma", kept, harm)
    second = make()

    assert before == await best(second.vectors)
    assert "ready" == second.state.index
    assert await held(second.vectors) == set(await library.vector_ids(ALL, "all-MiniLM-L6-v2"))


def harm_folder(folder: Path, older: Path, harm: str) -> None:
    """Do to the index what disks, people and crashes do."""
    match harm:
        case "deleted":
            shutil.rmtree(folder)
        case "emptied database":
            (folder / "chroma.sqlite3").write_bytes(b"")
        case "noise":
            for path in folder.rglob("*"):
                if path.is_file():
                    path.write_bytes(os.urandom(path.stat().st_size))
        case "graph":
            for path in folder.rglob("*.bin"):
                path.write_bytes(b"\xff" * path.stat().st_size)
        case "older":
            shutil.rmtree(folder)
            shutil.copytree(older, folder)
        case "stampless":
            (folder / "quarterdeck.json").unlink()


async def test_search_goes_by_words_until_the_index_is_ready(
    make: Callable[..., TeamKnowledge], handbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a rebuild; the person at the command line sees the notice."""
    knowledge = make()
    await added(knowledge.ingest, handbook)
    never = asyncio.Event()
    monkeypatch.setattr(knowledge.vectors, "_use", never.wait)
    result = await knowledge.searching.find(QUESTION, limit=3, wait_s=0.01)

    assert "certificates.md" == result.passages[0].document
    assert "by words only: the vector index is not ready" == result.notice


async def test_where_chroma_does_not_work_vectors_are_held_in_memory(
    make: Callable[..., TeamKnowledge], handbook: Path, data: Path
) -> None:
    """A folder that cannot be made, or a build of Chroma that crashes: meaning is still searched."""
    data.mkdir(exist_ok=True)
    blocked = data / "blocked"
    blocked.write_text("a file where the folder should be")
    knowledge = make()
    await knowledge.vectors.close()
    knowledge.vectors = knowledge.searching._vectors = knowledge.ingest._vectors = Vectors(
        knowledge.library, chroma=blocked / "chroma", models=data / "models", embedder="onnx"
    )
    await added(knowledge.ingest, handbook)
    found = await best(knowledge.vectors)

    assert ("in memory", True) == (knowledge.state.index, found is not None)


async def test_commits_while_the_index_is_opened_are_not_lost(
    make: Callable[..., TeamKnowledge],
    handbook: Path,
    library: KnowledgeLibrary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between reading the database and being ready lies time in which documents are added."""
    knowledge = make()
    await added(knowledge.ingest, handbook / "deploy.md")
    use = knowledge.vectors._use

    async def use_then_commit() -> int:
        generation = await use()
        await added(
            Ingest(library, knowledge.vectors, _Clock(), chunk_tokens=200, overlap_tokens=20), handbook
        )
        return generation

    monkeypatch.setattr(knowledge.vectors, "_use", use_then_commit)
    found = await best(knowledge.vectors)
    [chunk] = await library.by_id([found])

    assert "certificates.md" == chunk.name
    assert await held(knowledge.vectors) == set(await library.vector_ids(ALL, "all-MiniLM-L6-v2"))


class _Clock:
    def now_ms(self) -> int:
        return 0


async def test_another_vector_space_is_embedded_anew(
    make: Callable[..., TeamKnowledge], handbook: Path, library: KnowledgeLibrary
) -> None:
    """Vectors of two models in one index would be compared with each other and mean nothing."""
    knowledge = make()
    await added(knowledge.ingest, handbook)
    ids = await library.vector_ids(ALL, "all-MiniLM-L6-v2")
    await library.embed("an older model", [(id_, b"\0" * 8) for id_ in ids])

    assert await best(knowledge.vectors) is not None
    assert sorted(ids) == sorted(await library.vector_ids(ALL, "all-MiniLM-L6-v2"))


def test_vectors_of_two_spaces_are_not_alike() -> None:
    """The question's vector may be of a model that the chunk's is not of."""
    one = b"\x00\x00\x80\x3f\x00\x00\x00\x00"

    assert (1.0, 0.0) == (cosines(one, {"one": one})["one"], cosines(one, {"one": one + one})["one"])
