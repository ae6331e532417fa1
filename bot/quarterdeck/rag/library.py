"""Say what knowledge needs of the database: `store/knowledge.py` has it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from quarterdeck.core.knowledge import Change, Chunk, CollectionSize, Document, Found, Spread


class Shelves(Protocol):
    """Keep documents whole: each change is one commit."""

    async def put(self, document: Document, pieces: Sequence[Chunk]) -> Change:
        """Store a document with all its chunks, in place of what was there under its path."""

    async def remove(self, collection: str, ids: Collection[str]) -> Change:
        """Delete documents of one collection with all their chunks."""

    async def embed(self, embedder: str, vectors: Sequence[tuple[str, bytes]]) -> int:
        """Give stored chunks, by id, new vectors; returns the generation."""

    async def documents(self, collection: str | None = None) -> list[Document]:
        """Return all documents, or those of one collection, by collection and name."""

    async def collections(self) -> list[CollectionSize]:
        """Return what each collection holds, by name."""


class StoredVectors(Protocol):
    """Read the vectors back: the index is made from them."""

    async def embeddings(self, ids: Collection[str], embedder: str) -> dict[str, bytes]:
        """Return the vectors that chunks of these ids already have in the space of `embedder`."""

    async def without_vector(self, embedder: str, limit: int) -> list[Found]:
        """Return chunks that have no vector in the space of `embedder`, oldest first."""

    async def generation(self) -> int:
        """Return how many commits have changed chunks so far."""

    async def vector_ids(self, collection: str, embedder: str) -> list[str]:
        """Return the ids of all chunks that have a vector in the space of `embedder`."""

    async def vectors(self, ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return vectors by chunk id; ids that are gone meanwhile are left out."""


class FullText(Protocol):
    """Find chunks by words, and read them."""

    async def matches(
        self, words: Sequence[str], collections: Sequence[str], limit: int
    ) -> list[tuple[Found, float]]:
        """Return chunks with any of `words`, best first, with their bm25 (higher is better); no collections: all."""

    async def spread(self, words: Sequence[str], seqs: Collection[int]) -> dict[str, Spread]:
        """Return where each word stands, among the chunks `seqs` and in all; stems count as the word."""

    async def by_id(self, ids: Collection[str]) -> list[Found]:
        """Return chunks by id, in no order; ids that are gone meanwhile are left out."""

    async def beside(self, chunk: Found, distance: int) -> list[Found]:
        """Return the chunks up to `distance` around `chunk` under the same heading, it included, in order."""


class Library(Shelves, StoredVectors, FullText, Protocol):
    """Be all three."""
