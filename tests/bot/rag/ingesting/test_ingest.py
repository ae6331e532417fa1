"""The library follows the files: nothing twice, nothing forgotten, nothing stopped by one bad file."""

import asyncio
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.bombs import pdf_stream
from tests.bot.rag.conftest import HANDBOOK, added, silent
from tests.bot.rag.reading.test_parse import PDF

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.knowledge import PUBLIC, Filters, Scope
from quarterdeck.rag.ingesting.ingest import Ingest
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.store.knowledge.library import KnowledgeLibrary

ALL = Scope(collection="documents", audience=PUBLIC)


async def found(library: KnowledgeLibrary, word: str, collection: str = "documents") -> list[str]:
    """Return which documents hold a word."""
    scope = Scope(collection=collection, audience=PUBLIC)
    return [one.name for one, _ in await library.matches([word], [scope], 5, Filters())]


@pytest.fixture
def ingest(make: Callable[..., TeamKnowledge]) -> Ingest:
    return make().ingest


async def test_every_document_is_stored_whole(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """Name, title, chunks, vectors, full text."""
    report = await added(ingest, handbook)
    documents = await library.documents()
    ids = await library.vector_ids(ALL, "all-MiniLM-L6-v2")

    assert (len(HANDBOOK), []) == (report.added, report.failed)
    assert sorted(HANDBOOK) == sorted(one.name for one in documents)
    assert report.chunks == len(ids) == len(await library.by_id(ids))
    assert "Office guide" == next(one.title for one in documents if one.name == "office.html")


async def test_a_second_time_nothing_is_read(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """Syncing a large tree must cost next to nothing."""
    await added(ingest, handbook)
    generation = await library.generation()
    report = await added(ingest, handbook)

    assert (0, 0, len(HANDBOOK)) == (report.added, report.changed, report.unchanged)
    assert generation == await library.generation()


async def test_changes_and_deletions_are_followed(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """An answer from a page that was taken away is worse than none."""
    await added(ingest, handbook)
    (handbook / "deploy.md").write_text("# Deployments\n\nAll is automatic now.\n")
    (handbook / "incidents.md").unlink()
    (handbook / "new.md").write_text("# New\n\nFresh words.\n")
    report = await ingest.sync(None, silent)
    left = await found(library, "rollback")

    assert (1, 1, 1) == (report.added, report.changed, report.removed)
    assert [] == left
    assert "incidents.md" not in {one.name for one in await library.documents()}


async def test_unchanged_chunks_of_a_changed_document_keep_their_vectors(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedding is what costs: a corrected word embeds one chunk, not the document."""
    await added(ingest, handbook)
    asked: list[str] = []
    embed = ingest._vectors.embed

    async def counting(texts):
        asked.extend(texts)
        return await embed(texts)

    monkeypatch.setattr(ingest._vectors, "embed", counting)
    path = handbook / "certificates.md"
    path.write_text(path.read_text().replace("sixty days", "fifty days"))
    await added(ingest, handbook)

    assert 1 == len(asked)
    assert "fifty days" in asked[0]


async def test_other_chunk_sizes_cut_documents_anew(
    make: Callable[..., TeamKnowledge], handbook: Path
) -> None:
    """A changed setting that changes nothing would be a lie."""
    await added(make().ingest, handbook)
    report = await added(make(chunk_tokens=40, overlap_tokens=0).ingest, handbook)

    assert len(HANDBOOK) == report.changed


async def test_a_bad_file_is_listed_and_the_rest_goes_on(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """One broken PDF must not keep a thousand pages out."""
    (handbook / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (handbook / "binary.md").write_bytes(b"\0\1\2" * 100)
    (handbook / "empty.txt").write_text("\n")
    report = await added(ingest, handbook)

    assert {"broken.pdf", "binary.md", "empty.txt"} == {name for name, _ in report.failed}
    assert len(HANDBOOK) == report.added
    assert 3 == sum(one.state == "failed" and bool(one.reason) for one in await library.documents())


async def test_a_mended_file_is_read_at_the_next_sync(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """A failure is not for ever."""
    (handbook / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    await added(ingest, handbook)
    (handbook / "broken.pdf").write_bytes(PDF)
    await ingest.sync(None, silent)
    [found] = [one for one in await library.documents() if one.name == "broken.pdf"]

    assert ("indexed", "") == (found.state, found.reason)


async def test_a_document_that_stops_being_readable_is_not_quoted_any_more(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """What it said last week may be wrong today."""
    await added(ingest, handbook)
    (handbook / "deploy.md").write_bytes(b"\0" * 50)
    await added(ingest, handbook)

    assert [] == await found(library, "rollback")


async def test_a_bomb_costs_itself(ingest: Ingest, handbook: Path) -> None:
    """A small PDF that unpacks to gigabytes ends its reader; the next file gets a new one."""
    body = pdf_stream(zlib.compress(b"q " * 50_000_000, 9))
    (handbook / "aaa-bomb.pdf").write_bytes(body)
    report = await added(ingest, handbook)

    assert len(HANDBOOK) <= report.added
    assert {name for name, _ in report.failed} <= {"aaa-bomb.pdf"}


async def test_two_roots_do_not_disturb_each_other(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """Adding a folder below one that was added keeps names, and removes nothing."""
    await added(ingest, handbook)
    report = await added(ingest, handbook / "backup")
    again = await ingest.sync(None, silent)

    assert (0, 1, 0) == (report.added, report.unchanged, again.removed)
    assert len(HANDBOOK) == len(await library.documents())


async def test_a_folder_out_of_reach_is_kept_and_said(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """A disk that is not mounted must not empty the knowledge."""
    await added(ingest, handbook)
    handbook.rename(handbook.with_name("elsewhere"))
    report = await ingest.sync(None, silent)

    assert ([str(handbook)], 0) == (report.missing, report.removed)
    assert len(HANDBOOK) == len(await library.documents())


async def test_a_single_file_that_is_gone_is_removed(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """It was named itself, so it is no disk that is away."""
    await added(ingest, handbook / "deploy.md", handbook / "incidents.md")
    (handbook / "deploy.md").unlink()
    await ingest.sync(None, silent)

    assert ["incidents.md"] == [one.name for one in await library.documents()]


async def test_collections_hold_the_same_file_apart(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """A collection is an audience."""
    await added(ingest, handbook / "deploy.md", collection="one")
    await added(ingest, handbook / "deploy.md", collection="two")
    await ingest.remove("", "one")

    assert ["two"] == [size.name for size in await library.collections()]
    assert await found(library, "rollback", "two")


@pytest.mark.parametrize("what", ["deploy.md", "{root}/deploy.md"])
async def test_documents_are_removed_by_name_and_by_path(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary, what: str
) -> None:
    """Whichever is at hand."""
    await added(ingest, handbook)
    report = await ingest.remove(what.format(root=handbook), None)

    assert 1 == report.removed
    with pytest.raises(NotFound):
        await ingest.remove("deploy.md", None)


async def test_a_wrong_path_changes_nothing(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """All paths are looked at before the first is read."""
    with pytest.raises(UsageError):
        await added(ingest, handbook, handbook / "missing")

    assert [] == await library.documents()


async def test_two_ingests_wait_for_each_other(
    ingest: Ingest, handbook: Path, library: KnowledgeLibrary
) -> None:
    """A scheduled sync and somebody's add at the same moment."""
    one, other = await asyncio.gather(added(ingest, handbook), added(ingest, handbook))

    assert len(HANDBOOK) == one.added + other.added
    assert len(HANDBOOK) == len(await library.documents())


async def test_a_cancelled_ingest_leaves_whole_documents(
    make: Callable[..., TeamKnowledge], handbook: Path, library: KnowledgeLibrary
) -> None:
    """Ctrl-C at the command line."""
    ingest = make().ingest
    begun = asyncio.Event()

    async def progress(_sentence: str) -> None:
        begun.set()

    task = asyncio.create_task(ingest.add([str(handbook)], "documents", progress))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    report = await added(ingest, handbook)

    assert len(HANDBOOK) == report.added + report.unchanged
