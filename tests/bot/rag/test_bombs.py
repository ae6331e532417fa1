"""Documents that were written to stop whoever reads them cost themselves, and nothing else."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.bot.rag.bombs import BOMBS
from tests.bot.rag.conftest import HANDBOOK, added

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.knowledge import Document
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.reading.desk import READ_TIMEOUT_S, ReadingDesk
from quarterdeck.rag.reading.sources import Source, format_of

QUICK = (
    "zeros.docx",
    "laughs.xlsx",
    "external.pptx",
    "stream.pdf",
    "nested.pdf",
    "brackets.md",
    "deep.json",
    "parts.eml",
)
HARMLESS = {"pages.pdf", "aliases.yaml", "headers.eml"}  # read to the end: nothing in them expands
MIB = 1024 * 1024


@pytest.fixture
async def desk() -> AsyncIterator[ReadingDesk]:
    """Return a desk with a process of its own."""
    desk = ReadingDesk(chunk_tokens=200, overlap_tokens=20)
    yield desk
    await desk.stop()


def rss_bytes() -> int:
    """Return what this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def read(desk: ReadingDesk, path: Path) -> str:
    """Read a file and return its state."""
    kind = format_of(path)
    assert kind is not None
    size = path.stat().st_size
    source = Source(path=str(path), name=path.name, root=str(path.parent), format=kind, size_bytes=size)
    if kind == "image":
        try:
            await desk.call("shrink", {"path": str(path)})
        except QuarterdeckError:
            return "failed"
        return "indexed"
    document = Document(id="d", collection="c", path=str(path), name=path.name, root=str(path.parent))
    return (await desk.read(source, document)).document.state


def test_there_are_fifty() -> None:
    """As many as the goal asks for."""
    assert len(BOMBS) >= 50


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_stopped_in_time_and_memory(desk: ReadingDesk, tmp_path: Path, name: str) -> None:
    """Its process has seconds and half a gigabyte; what it does with them is its own affair."""
    (tmp_path / name).write_bytes(BOMBS[name]())
    (tmp_path / "fine.md").write_text("# Fine\n\nA document that is read after all.\n")
    before, started_s = rss_bytes(), time.monotonic()
    state = await read(desk, tmp_path / name)
    took_s, grown = time.monotonic() - started_s, rss_bytes() - before

    assert ("indexed" if name in HARMLESS else "failed") == state
    assert took_s < READ_TIMEOUT_S + 5
    assert grown <= 50 * MIB
    assert "indexed" == await read(desk, tmp_path / "fine.md")


async def test_the_bot_goes_on_while_bombs_are_read(
    make: Callable[..., TeamKnowledge], handbook: Path
) -> None:
    """The rest of the folder is read, and the loop that answers people is never held up."""
    for name in QUICK:
        (handbook / f"aaa-{name}").write_bytes(BOMBS[name]())
    delays: list[float] = []

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            at = loop.time() + 0.02
            called = loop.create_future()
            loop.call_at(at, called.set_result, None)
            await called
            delays.append(loop.time() - at)

    beating = asyncio.create_task(beat())
    report = await added(make().ingest, handbook)
    beating.cancel()

    assert (len(HANDBOOK), len(QUICK)) == (report.added, len(report.failed))
    assert all(reason for _, reason in report.failed)
    assert sorted(delays)[int(len(delays) * 0.95)] < 0.25
