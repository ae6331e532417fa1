"""Be the team's knowledge for the rest of the bot: search, ask, change, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Models
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Clock, Json, Passage
from quarterdeck.core.reply import Reply
from quarterdeck.rag.answer import Answerer, not_found
from quarterdeck.rag.ingest import Ingest
from quarterdeck.rag.kept import KeptDocuments
from quarterdeck.rag.library import Library
from quarterdeck.rag.search import Search
from quarterdeck.rag.vector.vectors import EmbedderState, Vectors
from quarterdeck.runtime.settings import Settings
from quarterdeck.runtime.tasks import in_thread

ASK_WAIT_S = 5.0  # for the vector index to be ready: the librarian starts in about one second
PASSAGES = 8


class TeamKnowledge:
    """Answer from documents (the `Knowledge` port). Starts its worker process on first use; `close` ends it."""

    def __init__(self, library: Library, models: Models, clock: Clock, settings: Settings) -> None:
        paths, chosen = settings.paths(), settings.knowledge
        self._library = library
        self.vectors = Vectors(library, chroma=paths.chroma, models=paths.models, embedder=chosen.embedder)
        self.searching = Search(library, self.vectors, floor=chosen.floor)
        self.ingest = Ingest(
            library,
            self.vectors,
            clock,
            chunk_tokens=chosen.chunk_tokens,
            overlap_tokens=chosen.overlap_tokens,
        )
        self._kept = KeptDocuments(paths.files)
        self._answerer = Answerer(self.searching, self.vectors, models, paths.user_dir)

    async def search(
        self, query: str, *, limit: int = PASSAGES, collections: Sequence[str] = ()
    ) -> list[Passage]:
        """Return the best passages, best first; empty when nothing is relevant."""
        result = await self.searching.find(query, limit=limit, collections=collections, wait_s=ASK_WAIT_S)
        return list(result.passages)

    async def ask(self, question: str, *, person: Person, conversation: Conversation) -> Reply:
        """Answer with citations, streaming where a model writes, or say `not_found`."""
        if not any(size.chunks for size in await self.searching.sizes()):
            return not_found(())
        result = await self.searching.find(question, limit=PASSAGES, wait_s=ASK_WAIT_S)
        return await self._answerer.answer(question, result, person=person, conversation=conversation)

    async def add(self, name: str, content: bytes, *, collection: str) -> Mapping[str, Json]:
        """Keep a document of ours under `name`, in place of an earlier one of that name; returns what was done.

        Raises:
            UsageError: name or collection is not valid, or the document cannot be read.
        """
        path = await in_thread(self._kept.keep, name, content, collection)
        report = await self.ingest.add([str(path)], collection, _hush)
        if report.failed:
            raise UsageError(
                f"{name!r} cannot be read: {report.failed[0][1]}", hint="write Markdown, text, HTML or PDF"
            )
        done = report.as_json()
        return {count: done[count] for count in ("added", "changed", "unchanged", "chunks")}

    async def counts(self) -> Mapping[str, int]:
        """Return how many collections, documents and chunks there are."""
        sizes = await self.searching.sizes()
        return {
            "collections": len(sizes),
            "documents": sum(size.documents for size in sizes),
            "failed": sum(size.failed for size in sizes),
            "chunks": sum(size.chunks for size in sizes),
        }

    @property
    def library(self) -> Library:
        """Give the operations what is stored."""
        return self._library

    @property
    def state(self) -> EmbedderState:
        """Say how embedding and index do."""
        return self.vectors.state

    async def close(self) -> None:
        """End the worker process."""
        await self.vectors.close()


async def _hush(sentence: str) -> None:
    """Tell nobody how far it is: one document is done at once."""
