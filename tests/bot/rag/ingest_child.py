"""Be the process that is killed in the midst of an ingest: DATA FOLDER FAULT, the fault as `name:count:kill`."""

import asyncio
import sys
from pathlib import Path

from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.runtime import faults
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary


async def silent(_sentence: str) -> None:
    """Be a progress that nobody reads."""


async def main(data: Path, folder: str, fault: str) -> None:
    """Ingest the folder, or die on the way."""
    faults.arm(fault, testing=True)
    store = await Store.open(data / "quarterdeck.db")
    knowledge = TeamKnowledge(KnowledgeLibrary(store), None, SystemClock(), Settings(data_dir=data))
    await knowledge.vectors.opened()
    await knowledge.ingest.add([folder], "documents", silent)
    await knowledge.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
