"""The main process stays small: what is heavy lives in the workers."""

import subprocess
import sys
from pathlib import Path

import pytest

import quarterdeck

HEAVY = ("numpy", "torch", "chromadb", "onnxruntime", "tokenizers", "semantic_text_splitter", "pypdfium2")
WORK = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from tests.bot.rag.conftest import CONVERSATION, PERSON, silent
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary
import quarterdeck.commands.ask

class NoModels:
    async def connected(self, role="chat"):
        return None

before = set(sys.modules)

async def main():
    store = await Store.open(Path(sys.argv[1]) / "q.db")
    knowledge = TeamKnowledge(KnowledgeLibrary(store), NoModels(), SystemClock(), Settings(data_dir=Path(sys.argv[1])))
    await knowledge.ingest.add([sys.argv[2]], "documents", silent)
    reply = await knowledge.ask("rotate the staging certificate", person=PERSON, conversation=CONVERSATION)
    assert reply.citations, reply
    await knowledge.close()
    await store.close()

asyncio.run(main())
print(*sorted(set(sys.modules) & set({heavy!r})))
"""


@pytest.mark.slow
def test_adding_and_asking_load_nothing_heavy_into_the_bot(tmp_path: Path, handbook: Path) -> None:
    """A bot that has answered a question rests at the same size as before."""
    root = Path(quarterdeck.__file__).parents[2]
    code = WORK.format(paths=[str(root / "bot"), str(root)], heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data"), str(handbook)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stdout.strip()), done.stderr
