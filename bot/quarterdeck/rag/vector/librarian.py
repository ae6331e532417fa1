"""Be the librarian process: embed text, keep the vector index, find what is near. One for the whole bot.

The index is opened by `open`; until then, and whenever it fails, the bot finds by full text. What breaks in native
code here ends this process and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from quarterdeck.core.errors import Unavailable
from quarterdeck.rag.retrieval.rerank import CrossReader
from quarterdeck.rag.vector.embed import Embedder, choose
from quarterdeck.rag.vector.index import ChromaIndex, ExactIndex, VectorIndex, read_stamp, wipe, write_stamp
from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from quarterdeck.core.ports import Json


def librarian(options: Json) -> Mapping[str, Method]:
    """Set the process up; `options` has `embedder`, `reranker`, `models`, `chroma` (folders), `threads`."""
    given = cast("Mapping[str, str]", options)
    work = _Librarian(
        choose(given["embedder"], Path(given["models"]), int(given["threads"])), Path(given["chroma"])
    )
    return {
        "about": work.about,
        "embed": work.embed,
        "compare": work.compare,
        "open": work.open,
        "clear": work.clear,
        "hold": work.hold,
        "put": work.put,
        "ids": work.ids,
        "find": work.find,
        "rerank": CrossReader(given.get("reranker", "")).rerank,
        "close": work.close,
    }


class _Librarian:
    """Do the jobs; several threads may be inside at once, only `open` and `clear` exclude each other."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder, self._folder = embedder, folder
        self._index: VectorIndex | None = None
        self._opening = threading.Lock()

    def about(self, job: Job) -> Part:
        """Say what embeds, and in which space."""
        known = self._embedder
        return Part({"space": known.space, "dimensions": known.dimensions, "how": known.how})

    def embed(self, job: Job) -> Part:
        """Return the vectors of `texts`, one after the other, as little-endian float32."""
        given = cast("Mapping[str, Sequence[str]]", job.value)
        return Part(
            {"space": self._embedder.space}, self._embedder.embed(given["texts"]).astype("<f4").tobytes()
        )

    def compare(self, job: Job) -> Part:
        """Return the cosine between `text` and each of `with`."""
        given = cast("Mapping[str, object]", job.value)
        texts = [cast("str", given["text"]), *cast("Sequence[str]", given["with"])]
        vectors = self._embedder.embed(texts)
        return Part([float(cosine) for cosine in vectors[1:] @ vectors[0]])

    def open(self, job: Job) -> Part:
        """Open Chroma and say what it was filled from, and what the named scopes hold; each is searched once."""
        scopes = cast("Mapping[str, Sequence[str]]", job.value)["scopes"]
        with self._opening:
            if not isinstance(self._index, ChromaIndex):
                self._index = ChromaIndex(self._folder)
            index = self._index
        counts = {}
        probe = self._embedder.embed(["probe"])[0]
        for scope in scopes:
            counts[scope] = index.count(scope)
            index.find(scope, probe, 1)
        return Part({"stamp": cast("Json", read_stamp(self._folder)), "counts": counts})

    def clear(self, job: Job) -> Part:
        """Delete the index on disk; `open` makes a new one."""
        with self._opening:
            if isinstance(self._index, ChromaIndex):
                self._index.close()
            self._index = None
            wipe(self._folder)
        return Part()

    def hold(self, job: Job) -> Part:
        """Use no Chroma: hold every vector in memory from now on."""
        self._index = ExactIndex()
        return Part()

    def put(self, job: Job) -> Part:
        """Add the vectors of `ids` to `scope`, remove those of `drop`, note the `generation` that this makes."""
        given = cast("Mapping[str, object]", job.value)
        scope, ids = cast("str", given["scope"]), cast("Sequence[str]", given["ids"])
        index = self._opened()
        if gone := cast("Sequence[str]", given.get("drop") or ()):
            index.drop(scope, gone)
        if ids:
            index.put(scope, ids, self._vectors(job.blob))
        if given.get("generation") is not None and isinstance(index, ChromaIndex):
            write_stamp(self._folder, cast("int", given["generation"]), self._embedder.space)
        return Part()

    def ids(self, job: Job) -> Part:
        """Return every id of `scope`."""
        scope = cast("Mapping[str, str]", job.value)["scope"]
        return Part(self._opened().ids(scope))

    def find(self, job: Job) -> Part:
        """Return, best first, `[scope, id, cosine]` of what is nearest to `text` in `scopes`, and its vector."""
        given = cast("Mapping[str, object]", job.value)
        limit, index = cast("int", given["limit"]), self._opened()
        vector = self._embedder.embed([cast("str", given["text"])])[0]
        found = [
            (scope, id_, cosine)
            for scope in cast("Sequence[str]", given["scopes"])
            for id_, cosine in index.find(scope, vector, limit)
        ]
        found.sort(key=lambda one: -one[2])
        return Part([list(one) for one in found[:limit]], vector.astype("<f4").tobytes())

    def close(self, job: Job) -> Part:
        """Let go of the index."""
        if isinstance(self._index, ChromaIndex):
            self._index.close()
        return Part()

    def _opened(self) -> VectorIndex:
        if self._index is None:
            raise Unavailable("the vector index is not open", service="librarian")
        return self._index

    def _vectors(self, blob: bytes) -> NDArray[np.float32]:
        return np.frombuffer(blob, "<f4").reshape(-1, self._embedder.dimensions)
