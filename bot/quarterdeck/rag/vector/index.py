"""Find the nearest vectors: Chroma on disk, or every vector compared in memory. Runs in the librarian process only.

Neither is the truth: SQLite is, and both are filled from there. One scope is one collection of its own, so that
no filter stands between what somebody may read and what is found.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

if TYPE_CHECKING:
    import chromadb
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

STAMP = "quarterdeck.json"
GRAPH: CreateCollectionConfiguration = {
    "hnsw": {
        "space": "cosine",
        "ef_construction": 200,
        "ef_search": 200,
    }  # 0.99 of exact, Chroma's own 100: 0.96
}


class VectorIndex(Protocol):
    """Keep vectors by scope and id."""

    def put(self, scope: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Add vectors, or replace those of the same ids."""

    def drop(self, scope: str, ids: Sequence[str]) -> None:
        """Remove what is there of `ids`."""

    def find(self, scope: str, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the ids nearest to `vector` with their cosine, best first."""

    def ids(self, scope: str) -> list[str]:
        """Return every id of the scope."""

    def count(self, scope: str) -> int:
        """Count what the scope holds."""


class ExactIndex:
    """Compare with every vector: 0.6 ms for 10,000, nothing on disk, and the measure for the other one."""

    def __init__(self) -> None:
        self._scopes: dict[str, dict[str, Vectors]] = {}
        self._matrices: dict[str, tuple[list[str], Vectors]] = {}
        self._lock = threading.Lock()

    def put(self, scope: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Add vectors, or replace those of the same ids."""
        with self._lock:
            self._scopes.setdefault(scope, {}).update(zip(ids, vectors, strict=True))
            self._matrices.pop(scope, None)

    def drop(self, scope: str, ids: Sequence[str]) -> None:
        """Remove what is there of `ids`."""
        with self._lock:
            for id_ in ids:
                self._scopes.get(scope, {}).pop(id_, None)
            self._matrices.pop(scope, None)

    def find(self, scope: str, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the ids nearest to `vector` with their cosine, best first."""
        with self._lock:
            held = self._scopes.get(scope)
            if not held:
                return []
            if scope not in self._matrices:
                self._matrices[scope] = (list(held), np.stack(list(held.values())))
            ids, matrix = self._matrices[scope]
        cosines = matrix @ vector
        best = np.argsort(-cosines, kind="stable")[:limit]
        return [(ids[n], float(cosines[n])) for n in best]

    def ids(self, scope: str) -> list[str]:
        """Return every id of the scope."""
        return list(self._scopes.get(scope, ()))

    def count(self, scope: str) -> int:
        """Count what the scope holds."""
        return len(self._scopes.get(scope, ()))


class ChromaIndex:
    """Keep vectors in Chroma, embedded, in one folder that no other process opens."""

    def __init__(self, folder: Path) -> None:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings

        SharedSystemClient.clear_system_cache()  # what failed to open is kept by path, and given out again
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = Settings(anonymized_telemetry=False, is_persistent=True)
        self._client = chromadb.PersistentClient(path=str(folder), settings=settings)
        self._most = int(self._client.get_max_batch_size())
        self._collections: dict[str, chromadb.Collection] = {}
        self._counts: dict[str, int] = {}  # counting costs Chroma nearly as much as finding

    def put(self, scope: str, ids: Sequence[str], vectors: Vectors) -> None:
        """Add vectors, or replace those of the same ids."""
        collection = self._collection(scope)
        try:
            for n in range(0, len(ids), self._most):
                collection.upsert(ids=list(ids[n : n + self._most]), embeddings=vectors[n : n + self._most])
        finally:
            self._counts.pop(scope, None)

    def drop(self, scope: str, ids: Sequence[str]) -> None:
        """Remove what is there of `ids`."""
        collection = self._collection(scope)
        self._counts.pop(scope, None)
        try:
            for n in range(0, len(ids), self._most):
                collection.delete(ids=list(ids[n : n + self._most]))
        finally:
            self._counts.pop(scope, None)

    def find(self, scope: str, vector: Vectors, limit: int) -> list[tuple[str, float]]:
        """Return the ids nearest to `vector` with their cosine, best first."""
        collection = self._collection(scope)
        known = self._counts.get(scope)
        if known is None:
            known = self._counts[scope] = int(collection.count())
        limit = min(limit, known)
        if limit == 0:
            return []
        found = collection.query(query_embeddings=vector[None, :], n_results=limit, include=["distances"])
        distances = cast("list[list[float]]", found["distances"])
        return [(id_, 1.0 - distance) for id_, distance in zip(found["ids"][0], distances[0], strict=True)]

    def ids(self, scope: str) -> list[str]:
        """Return every id of the scope."""
        return list(self._collection(scope).get(include=[])["ids"])

    def count(self, scope: str) -> int:
        """Count what the scope holds."""
        return int(self._collection(scope).count())

    def close(self) -> None:
        """Let go of the folder."""
        close = getattr(self._client, "close", None)  # the interface that it is typed as has none
        if close is not None:
            close()

    def _collection(self, scope: str) -> chromadb.Collection:
        if scope not in self._collections:
            name = f"scope-{hashlib.sha256(scope.encode()).hexdigest()[:32]}"
            self._collections[scope] = self._client.get_or_create_collection(
                name, embedding_function=None, configuration=GRAPH
            )
        return self._collections[scope]


def read_stamp(folder: Path) -> dict[str, object]:
    """Return what the index in `folder` was filled from: `generation` and `space`; empty when it does not say."""
    try:
        found = json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_stamp(folder: Path, generation: int, space: str) -> None:
    """Note what the index was filled from; atomic."""
    fresh = folder / f"{STAMP}.new"
    fresh.write_text(json.dumps({"generation": generation, "space": space}))
    fresh.replace(folder / STAMP)


def wipe(folder: Path) -> None:
    """Delete the index, whatever state it is in."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)
