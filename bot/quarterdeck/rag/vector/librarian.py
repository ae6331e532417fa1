"""Be the librarian process: embed text, keep the vector index, find what is near. One for the whole bot.

The index is opened by `open`; until then, and whenever it fails, the bot finds by full text. What breaks in native
code here ends this process and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from quarterdeck.core.errors import Unavailable
from quarterdeck.rag.retrieval.rerank import CrossReader
from quarterdeck.rag.vector.embed import Embedder, choose, step_back
from quarterdeck.rag.vector.index import ChromaIndex, ExactIndex, VectorIndex, read_stamp, wipe, write_stamp
from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json


def librarian(options: Json) -> Mapping[str, Method]:
    """Set the process up; `options` has `embedder`, `reranker`, `models`, `chroma` (folders), `threads`."""
    given = cast("Mapping[str, str]", options)
    embedders = _Embedders(given["embedder"], Path(given["models"]), int(given["threads"]))
    work = _Librarian(embedders, Path(given["chroma"]))
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
        "prepare": work.prepare,
        "adopt": work.adopt,
        "abandon": work.abandon,
        "rerank": CrossReader(given.get("reranker", "")).rerank,
        "close": work.close,
    }


class _Embedders:
    """Load each embedder when it is first asked for; where a provider embeds, perhaps none."""

    def __init__(self, usual: str, models: Path, threads: int) -> None:
        self._usual, self._models, self._threads = usual, models, threads
        self._loaded: dict[str, Embedder] = {}
        self._loading = threading.Lock()

    def of(self, value: object) -> Embedder:
        """Return the one that a job names, the usual one where it names none."""
        named = value.get("embedder") if isinstance(value, Mapping) else None
        setting = named if isinstance(named, str) and named else self._usual
        with self._loading:
            if setting not in self._loaded:
                self._loaded[setting] = choose(setting, self._models, self._threads)
            return self._loaded[setting]


class _Librarian:
    """Do the jobs; several threads may be inside at once, only `open` and `clear` exclude each other.

    `_index` serves; `_next` is being filled with the vectors of another embedder. Each lies in a slot: 0 or 1.
    """

    def __init__(self, embedders: _Embedders, folder: Path) -> None:
        self._embedders, self._root, self._slot, self._next_slot = embedders, folder, 0, 1
        self._index: VectorIndex | None = None
        self._next: VectorIndex | None = None
        self._opening = threading.Lock()
        # Documents can wait, somebody who asks cannot: what is read in bulk has threads of lower priority.
        self._bulk = ThreadPoolExecutor(1, "bulk", initializer=step_back)

    def about(self, job: Job) -> Part:
        """Say what embeds, and in which space."""
        known = self._embedders.of(job.value)
        return Part({"space": known.space, "dimensions": known.dimensions, "how": known.how})

    def embed(self, job: Job) -> Part:
        """Return the vectors of `texts`, one after the other, as little-endian float32."""
        given = cast("Mapping[str, Sequence[str]]", job.value)
        embedder = self._embedders.of(job.value)
        vectors = self._bulk.submit(embedder.embed, given["texts"]).result()
        return Part({"space": embedder.space}, vectors.astype("<f4").tobytes())

    def compare(self, job: Job) -> Part:
        """Return the cosine between `text` and each of `with`."""
        given = cast("Mapping[str, object]", job.value)
        texts = [cast("str", given["text"]), *cast("Sequence[str]", given["with"])]
        vectors = self._embedders.of(None).embed(texts)
        return Part([float(cosine) for cosine in vectors[1:] @ vectors[0]])

    def open(self, job: Job) -> Part:
        """Open Chroma and say what it was filled from, and what the named scopes hold; each is searched once."""
        given = cast("Mapping[str, object]", job.value)
        scopes, slot = cast("Sequence[str]", given["scopes"]), cast("int", given.get("slot") or 0)
        with self._opening:
            if not isinstance(self._index, ChromaIndex) or slot != self._slot:
                self._close()
                self._slot = slot
                self._index = ChromaIndex(self._folder())
            index = self._index
        counts = {}
        probe = np.zeros(cast("int", given["dimensions"]), np.float32)
        probe[0] = 1.0
        for scope in scopes:
            counts[scope] = index.count(scope)
            index.find(scope, probe, 1)
        return Part({"stamp": cast("Json", read_stamp(self._folder())), "counts": counts})

    def clear(self, job: Job) -> Part:
        """Delete the index on disk; `open` makes a new one."""
        with self._opening:
            self._close()
            wipe(self._folder())
        return Part()

    def hold(self, job: Job) -> Part:
        """Use no Chroma: hold every vector in memory from now on."""
        self._index = ExactIndex()
        return Part()

    def put(self, job: Job) -> Part:
        """Add the vectors of `ids` to `scope`, remove those of `drop`, note the `generation` that this makes."""
        given = cast("Mapping[str, object]", job.value)
        scope, ids = cast("str", given["scope"]), cast("Sequence[str]", given["ids"])
        is_next = given.get("into") == "next"
        index = self._opened(is_next=is_next)
        if gone := cast("Sequence[str]", given.get("drop") or ()):
            index.drop(scope, gone)
        if ids:
            vectors = np.frombuffer(job.blob, "<f4").reshape(len(ids), -1)
            self._bulk.submit(index.put, scope, ids, vectors).result()
        if given.get("generation") is not None and isinstance(index, ChromaIndex):
            write_stamp(
                self._folder(is_next=is_next), cast("int", given["generation"]), cast("str", given["space"])
            )
        return Part()

    def ids(self, job: Job) -> Part:
        """Return every id of `scope`."""
        given = cast("Mapping[str, str]", job.value)
        return Part(self._opened(is_next=given.get("into") == "next").ids(given["scope"]))

    def find(self, job: Job) -> Part:
        """Return, best first, `[scope, id, cosine]` of what is nearest to `text` in `scopes`, and its vector.

        Where a provider has embedded the text already, its vector comes in place of it.
        """
        given = cast("Mapping[str, object]", job.value)
        limit, index = cast("int", given["limit"]), self._opened(is_next=given.get("into") == "next")
        if job.blob:
            vector = np.frombuffer(job.blob, "<f4")
        else:
            vector = self._embedders.of(given).embed([cast("str", given["text"])])[0]
        found = [
            (scope, id_, cosine)
            for scope in cast("Sequence[str]", given["scopes"])
            for id_, cosine in index.find(scope, vector, limit)
        ]
        found.sort(key=lambda one: -one[2])
        return Part([list(one) for one in found[:limit]], vector.astype("<f4").tobytes())

    def close(self, job: Job) -> Part:
        """Let go of the index."""
        self._close()
        return Part()

    def prepare(self, job: Job) -> Part:
        """Begin an empty index beside the one that serves."""
        with self._opening:
            if isinstance(self._next, ChromaIndex):
                self._next.close()
            self._next_slot = 1 - self._slot
            self._next = None
            wipe(self._folder(is_next=True))
            is_on_disk = isinstance(self._index, ChromaIndex)
            self._next = ChromaIndex(self._folder(is_next=True)) if is_on_disk else ExactIndex()
        return Part({"slot": self._next_slot})

    def adopt(self, job: Job) -> Part:
        """Let the prepared index serve from now on; the other one goes."""
        with self._opening:
            index, old = self._opened(is_next=True), self._folder()
            self._close()
            self._index, self._next, self._slot = index, None, self._next_slot
            wipe(old)
        return Part()

    def abandon(self, job: Job) -> Part:
        """Delete the prepared index; the one that serves stays."""
        with self._opening:
            if isinstance(self._next, ChromaIndex):
                self._next.close()
            self._next = None
            wipe(self._folder(is_next=True))
        return Part()

    def _close(self) -> None:
        if isinstance(self._index, ChromaIndex):
            self._index.close()
        self._index = None

    def _folder(self, *, is_next: bool = False) -> Path:
        slot = self._next_slot if is_next else self._slot
        return self._root if slot == 0 else self._root.with_name(f"{self._root.name}-{slot + 1}")

    def _opened(self, *, is_next: bool = False) -> VectorIndex:
        index = self._next if is_next else self._index
        if index is None:
            raise Unavailable("the vector index is not open", service="librarian")
        return index
