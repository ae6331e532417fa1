"""`kill -9` during an ingest, then the same command again: as if nothing had happened."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bot.rag.conftest import HANDBOOK, added, silent

import quarterdeck
from quarterdeck.core.knowledge import PUBLIC, Scope
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary

CHILD = Path(__file__).with_name("ingest_child.py")
ALL = Scope(collection="documents", audience=PUBLIC)
KILLS = int(os.environ.get("QUARTERDECK_KILLS", "10"))  # 100 proves more, and takes minutes
DOCUMENTS = (
    "SELECT id, name, title, sha256, state, reason, cut, audience, source_id FROM documents ORDER BY name"
)
CHUNKS = (
    "SELECT id, document_id, n, heading, text, start, end, page, line, end_line, embedder FROM chunks "
    "ORDER BY document_id, n"
)
FULL_TEXT = "SELECT text, heading, title FROM chunks_fts ORDER BY text, heading"
HALVES = (
    "SELECT count(*) FROM documents d WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.document_id = d.id)"
)
STRAY = "SELECT count(*) FROM chunks_fts WHERE rowid NOT IN (SELECT seq FROM chunks)"


async def start(data: Path, folder: Path, fault: str = "") -> asyncio.subprocess.Process:
    """Start an ingest in a process of its own."""
    source = str(Path(quarterdeck.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, *filter(None, sys.path)])}
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(data), str(folder), fault, env=environment
    )


def look(data: Path, *queries: str) -> list[list[tuple[object, ...]]]:
    """Ask a copy of the database: opening the file itself would clean up what the killed process left."""
    with tempfile.TemporaryDirectory() as folder:
        for path in data.glob("quarterdeck.db*"):
            shutil.copy(path, folder)
        connection = sqlite3.connect(Path(folder) / "quarterdeck.db")
        try:
            return [connection.execute(query).fetchall() for query in queries]
        finally:
            connection.close()


def content(data: Path) -> list[list[tuple[object, ...]]]:
    """Return everything that is stored, but for times and row numbers."""
    return look(data, DOCUMENTS, CHUNKS, FULL_TEXT)


def broken(data: Path) -> int:
    """Count documents without chunks, and full text without a chunk."""
    [tables] = look(data, "SELECT name FROM sqlite_master WHERE name = 'documents'")
    return sum(int(str(rows[0][0])) for rows in look(data, HALVES, STRAY)) if tables else 0


@pytest.fixture
async def uninterrupted(tmp_path: Path, handbook: Path) -> list[list[tuple[object, ...]]]:
    """Return what an ingest stores that nobody disturbs."""
    data = tmp_path / "whole"
    process = await start(data, handbook)
    assert 0 == await process.wait()
    return content(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [f"knowledge.stored{when}:{count}:kill" for when in ("", ".before") for count in (1, 4, len(HANDBOOK))],
)
async def test_killed_at_a_commit_and_run_again_it_equals_an_undisturbed_run(
    data: Path, handbook: Path, uninterrupted: list[list[tuple[object, ...]]], fault: str
) -> None:
    """Between the commit and the index, and before the commit: both times whole documents only."""
    process = await start(data, handbook, fault)
    killed = await process.wait()
    halves = broken(data)
    again = await start(data, handbook)

    assert (-signal.SIGKILL, 0, 0) == (killed, halves, await again.wait())
    assert uninterrupted == content(data)


@pytest.mark.slow
async def test_killed_at_any_moment_it_equals_an_undisturbed_run(
    data: Path,
    handbook: Path,
    uninterrupted: list[list[tuple[object, ...]]],
    make: Callable[..., TeamKnowledge],
) -> None:
    """Kills at moments that nobody chose, then one run to the end, then the index is asked."""
    chance = random.Random(20261121)
    for _ in range(KILLS):
        process = await start(data, handbook)
        try:
            await asyncio.wait_for(process.wait(), chance.uniform(0.3, 3.0))
        except TimeoutError:
            process.kill()
            await process.wait()
        assert 0 == broken(data)
    assert 0 == await (await start(data, handbook)).wait()
    store = await Store.open(data / "quarterdeck.db")
    library = KnowledgeLibrary(store)
    knowledge = make()
    near = await knowledge.vectors.near("rotate the staging certificate", ["documents"], 50, wait_s=60)

    assert uninterrupted == content(data)
    assert near is not None
    assert set(near.cosines) == set(await library.vector_ids(ALL, "all-MiniLM-L6-v2"))
    await store.close()


@pytest.mark.slow
async def test_killed_while_removing_it_goes_on_next_time(data: Path, handbook: Path) -> None:
    """A deletion is one commit as well: rows, full text, then the index."""
    assert 0 == await (await start(data, handbook)).wait()
    (handbook / "deploy.md").unlink()
    killed = await (await start(data, handbook, "knowledge.removed:1:kill")).wait()
    halves = broken(data)
    again = await (await start(data, handbook)).wait()

    assert (-signal.SIGKILL, 0, 0) == (killed, halves, again)
    assert "deploy.md" not in {row[0] for row in content(data)[0]}


async def test_a_killed_reader_costs_one_document(make: Callable[..., TeamKnowledge], handbook: Path) -> None:
    """The process that parses may die on any document; that one is named, the next has a new process."""
    ingest = make().ingest
    is_done = False

    async def kill_once(sentence: str) -> None:
        nonlocal is_done
        if not is_done and ingest.desk.worker is not None and ingest.desk.worker.pid:
            os.kill(ingest.desk.worker.pid, signal.SIGKILL)
            is_done = True

    report = await ingest.add([str(handbook)], "documents", kill_once)
    again = await added(ingest, handbook)

    assert len(report.failed) <= 1
    assert (len(HANDBOOK), []) == (report.added + again.added + again.changed, again.failed)
    await silent("")
