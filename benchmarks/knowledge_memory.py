"""How much memory reading many documents takes: the bot's own process and the reader's, while megabytes go by.

The corpus is generated: `--megabytes` of Markdown in files of `--kilobytes`, words of this
repository's documentation drawn with a fixed seed. Vectors
are made of hashes, so that hours of embedding do not hide what the rest costs; store, full text, chunks and reader are
the real ones. Printed: the peak resident size of both processes, before and while reading, and megabytes a second.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

WORDS = 20_000
SEED = 20261121


class HashVectors:
    """Stand in for the librarian: vectors of the right size, of no meaning."""

    async def space(self) -> str:
        """Name the space."""
        return "hashes"

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return 384 numbers a text."""
        return [hashlib.sha256(text.encode()).digest() * 48 for text in texts]

    async def follow(self, change: object, ids: Sequence[str], vectors: Sequence[bytes]) -> None:
        """Keep no index."""


def write_corpus(folder: Path, megabytes: int, kilobytes: int) -> int:
    """Write the documents; returns how many."""
    chance = random.Random(SEED)
    pages = (Path(__file__).parents[1] / "docs").glob("*.md")
    words = re.findall(r"[A-Za-z]{2,14}", " ".join(page.read_text() for page in sorted(pages)))[:WORDS]
    count = megabytes * 1024 // kilobytes
    for n in range(count):
        parts, length = [f"# Document {n}\n"], 0
        while length < kilobytes * 1024:
            section = f"\n## {' '.join(chance.choices(words, k=4))}\n\n"
            section += ". ".join(" ".join(chance.choices(words, k=12)) for _ in range(12)) + ".\n"
            parts.append(section)
            length += len(section)
        path = folder / f"{n % 100:02}" / f"{n}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(parts))
    return count


def resident_mb(pid: int | str = "self") -> float:
    """Return the peak resident size of a process in MB, 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


async def measure(megabytes: int, kilobytes: int) -> dict[str, float]:
    """Read the corpus twice and return figures."""
    from quarterdeck.rag.ingesting.ingest import Ingest
    from quarterdeck.runtime.clock import SystemClock
    from quarterdeck.store.engine import Store
    from quarterdeck.store.knowledge.library import KnowledgeLibrary

    with tempfile.TemporaryDirectory() as data:
        folder = Path(data) / "corpus"
        folder.mkdir()
        count = write_corpus(folder, megabytes, kilobytes)
        store = await Store.open(Path(data) / "quarterdeck.db")
        ingest = Ingest(
            KnowledgeLibrary(store),
            HashVectors(),
            SystemClock(),
            chunk_tokens=200,
            overlap_tokens=20,  # type: ignore[arg-type]
        )
        before, reader = resident_mb(), 0.0

        async def progress(sentence: str) -> None:
            nonlocal reader
            if ingest.desk.worker is not None and ingest.desk.worker.pid:
                reader = max(reader, resident_mb(ingest.desk.worker.pid))

        started = time.perf_counter()
        report = await ingest.add([str(folder)], "documents", progress)
        first_s = time.perf_counter() - started
        after = resident_mb()
        started = time.perf_counter()
        again = await ingest.add([str(folder)], "documents", progress)
        again_s = time.perf_counter() - started
        await store.close()
    assert (count, count) == (report.added, again.unchanged), (report, again)
    return {
        "megabytes": megabytes,
        "documents": count,
        "passages": report.chunks,
        "seconds": round(first_s, 1),
        "megabytes_per_s": round(megabytes / first_s, 2),
        "again_s": round(again_s, 2),
        "times_faster": round(first_s / again_s, 1),
        "bot_before_mb": round(before, 1),
        "bot_peak_mb": round(after, 1),
        "reader_peak_mb": round(reader, 1),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--kilobytes", type=int, default=64)
    chosen = parser.parse_args()
    print(json.dumps(asyncio.run(measure(chosen.megabytes, chosen.kilobytes)), indent=1), file=sys.stdout)


if __name__ == "__main__":
    main()
