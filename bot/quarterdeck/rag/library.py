"""Say what knowledge needs of the database: `store/knowledge/library.py` has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from quarterdeck.core.knowledge import (
    Change,
    Chunk,
    CollectionSize,
    Document,
    Filters,
    Found,
    KnownDocument,
    Scope,
    Serving,
    Weighed,
)
from quarterdeck.core.sourcing import KnowledgeSource

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json


class Shelves(Protocol):
    """Keep documents whole: each change is one commit."""

    async def put(self, document: Document, pieces: Sequence[Chunk]) -> Change:
        """Store a document with all its chunks, in place of what was there under its path."""

    async def remove(self, scope: Scope, ids: Collection[str]) -> Change:
        """Delete documents of one scope with all their chunks."""

    async def embed(self, embedder: str, vectors: Sequence[tuple[str, bytes]]) -> int:
        """Give stored chunks, by id, new vectors; returns the generation."""

    async def documents(self, collection: str | None = None) -> list[Document]:
        """Return all documents, or those of one collection, by collection and name."""

    async def collections(self) -> list[CollectionSize]:
        """Return what each collection holds, by name."""

    async def scopes(self) -> list[Scope]:
        """Return every pair of collection and audience that has passages, by name."""


class StoredVectors(Protocol):
    """Read the vectors back: the index is made from them."""

    async def embeddings(self, ids: Collection[str], embedder: str) -> dict[str, bytes]:
        """Return the vectors that chunks of these ids already have in the space of `embedder`."""

    async def without_vector(self, embedder: str, limit: int) -> list[Found]:
        """Return chunks that have no vector in the space of `embedder`, oldest first."""

    async def generation(self) -> int:
        """Return how many commits have changed chunks so far."""

    async def scopes(self) -> list[Scope]:
        """Return which audiences each collection has: each is a vector collection of its own."""

    async def vector_ids(self, scope: Scope, embedder: str) -> list[str]:
        """Return the ids of all chunks of a scope that have a vector in the space of `embedder`."""

    async def vectors(self, ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return vectors by chunk id; ids that are gone meanwhile are left out."""


class StagedVectors(Protocol):
    """Make the vectors of another embedder while the present one serves."""

    async def serving(self) -> Serving | None:
        """Return which embedder's vectors serve; None before there was any."""

    async def serve(self, serving: Serving) -> None:
        """Note which embedder serves from now on."""

    async def unstaged(self, space: str, limit: int) -> list[Found]:
        """Return chunks without a staged vector for `space`, oldest first."""

    async def stage(self, space: str, vectors: Sequence[tuple[str, bytes]]) -> None:
        """Keep vectors, by chunk id, until the switch; those of other spaces are dropped."""

    async def staged_ids(self, scope: Scope, space: str) -> list[str]:
        """Return the ids of all chunks of a scope that have a staged vector."""

    async def staged(self, ids: Sequence[str], space: str) -> list[tuple[str, bytes]]:
        """Return staged vectors by chunk id."""

    async def switch(self, serving: Serving) -> int:
        """Put the staged vectors in place of the ones that served, in one commit; returns the generation."""


class FullText(Protocol):
    """Find chunks by words, and read them."""

    async def scopes(self) -> list[Scope]:
        """Return which audiences each collection has, and how many passages for each."""

    async def matches(
        self, words: Sequence[str], scopes: Collection[Scope], limit: int, filters: Filters
    ) -> list[tuple[Found, float]]:
        """Return chunks of these scopes with any of `words`, best first, with their bm25 (higher is better)."""

    async def weighed(
        self, words: Sequence[str], found: Collection[Found], near: Collection[str] | None, filters: Filters
    ) -> Weighed:
        """Return the chunks of `found` and those of the ids `near` that pass the filters, the vectors of what is not
        among `near` (none where that is None), and where each word stands in all of them; stems count as the word.
        """

    async def whose(self, ids: Collection[str]) -> dict[str, Scope]:
        """Return whose chunks are at this moment, by id; ids that are gone meanwhile are left out."""

    async def by_id(self, ids: Collection[str]) -> list[Found]:
        """Return chunks by id, in no order; ids that are gone meanwhile are left out."""

    async def beside(self, chunk: Found, distance: int) -> list[Found]:
        """Return the chunks up to `distance` around `chunk` under the same heading, it included, in order."""

    async def owners(self, collections: Collection[str]) -> dict[str, list[str]]:
        """Return who added the sources of each collection: ids of people."""


class SourceRows(Protocol):
    """Keep sources: `store/knowledge/sources.py` has it."""

    async def sources(self) -> list[KnowledgeSource]:
        """Return all, by collection and location."""

    async def keep_source(self, source: KnowledgeSource) -> None:
        """Store a source, in place of what was there under its id; its documents' audience is changed by `share`."""

    async def share(self, source_ids: Collection[str], audience: str) -> int:
        """Give sources and all their documents another audience, in one commit; returns how many documents."""

    async def drop_source(self, source_id: str) -> None:
        """Forget a source whose documents are gone, or were given to another."""

    async def adopt(
        self, source: KnowledgeSource, source_ids: Collection[str], *, root: str | None = None
    ) -> None:
        """Give a source the documents of others, and forget those others; with `root` those that have no source."""

    async def known_documents(self, source_id: str) -> dict[str, KnownDocument]:
        """Return what a sync has to know of a source's documents, by path."""

    async def documents_of(self, source_id: str, after: str, limit: int) -> list[Document]:
        """Return documents of a source whose id comes after `after`, by id."""

    async def failed(self, collection: str) -> list[Document]:
        """Return the documents of a collection that could not be read, by name."""

    async def passages(self, document_id: str) -> list[Mapping[str, Json]]:
        """Return the passages of a document, in order, as an export has them."""

    async def touch(self, seen: Sequence[tuple[str, str, int | None]]) -> None:
        """Note version and age of documents whose content is what it was: id, version, `modified_at_ms`."""

    async def source_counts(self) -> dict[str, tuple[int, int]]:
        """Return how many documents each source has that can be found, and how many failed."""


class Library(Shelves, StoredVectors, StagedVectors, FullText, SourceRows, Protocol):
    """Be all four."""
