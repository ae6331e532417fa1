"""Be the team's knowledge for the rest of the bot: search, ask, change, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quarterdeck.core.embedding import Embeddings
from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import PUBLIC, AnswerWish, Filters, Scope
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Models
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Clock, Json, Passage
from quarterdeck.core.reply import Reply
from quarterdeck.rag.answering.answer import Answerer
from quarterdeck.rag.answering.desk import PASSAGES, AnswerDesk, People, answer_id, verdict_of
from quarterdeck.rag.ingesting.ingest import Ingest
from quarterdeck.rag.kept import KeptDocuments
from quarterdeck.rag.library import Library
from quarterdeck.rag.quality.rows import QualityRows
from quarterdeck.rag.quality.switch import SwitchGate
from quarterdeck.rag.retrieval.rights import Everything, Rights
from quarterdeck.rag.retrieval.search import Search
from quarterdeck.rag.vector.vectors import EmbedderState, Vectors
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.runtime.settings import Settings

ASK_WAIT_S = 5.0  # for the vector index to be ready: the librarian starts in about one second


class TeamKnowledge:
    """Answer from documents (the `Knowledge` port). Starts its worker process on first use; `close` ends it."""

    def __init__(
        self,
        library: Library,
        models: Models,
        clock: Clock,
        settings: Settings,
        *,
        people: People | None = None,
        rows: QualityRows | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        """Build it; without `people` everything may be read by everybody, without `rows` answers lead nowhere on."""
        paths, chosen = settings.paths(), settings.knowledge
        self._library, self._people = library, people
        self._rights: Rights = people.rights if people else Everything()
        self.quality, self.now_ms = rows, clock.now_ms
        self.vectors = Vectors(
            library,
            chroma=paths.chroma,
            models=paths.models,
            embedder=chosen.embedder,
            reranker=chosen.reranker,
            remote=embeddings,
            pause=clock.sleep,
        )
        self.searching = Search(
            library, self.vectors, floor=chosen.floor, now_ms=clock.now_ms, reranker=chosen.reranker
        )
        if rows is not None:
            self.vectors.gate = SwitchGate(library, rows, self.vectors, floor=chosen.floor)
        self.ingest = Ingest(
            library,
            self.vectors,
            clock,
            chunk_tokens=chosen.chunk_tokens,
            overlap_tokens=chosen.overlap_tokens,
        )
        self._kept = KeptDocuments(paths.files)
        self.answerer = Answerer(self.searching, self.vectors, models, paths.user_dir, clock.now_ms)
        self._desk = AnswerDesk(
            self.searching,
            self.answerer,
            rows,
            people or People(rights=self._rights, name_of=_nameless),
            now_ms=clock.now_ms,
            wait_s=ASK_WAIT_S,
            owners_of=library.owners,
        )

    async def search(
        self,
        query: str,
        *,
        limit: int = PASSAGES,
        collections: Sequence[str] = (),
        person: Person | None = None,
        conversation: Conversation | None = None,
        filters: Filters | None = None,
    ) -> list[Passage]:
        """Return the best passages that `person` may read here; without a person only what is public.

        Raises:
            NotFound: there is no such collection, or none that may be read here.
        """
        scopes = await self.searching.scopes()
        readable = await self._rights.readable(scopes, person=person, conversation=conversation)
        result = await self.searching.find(
            query,
            limit=limit,
            filters=filters or Filters(collections=tuple(collections)),
            readable=readable.here,
            wait_s=ASK_WAIT_S,
        )
        return list(result.passages)

    async def readable_to(self, identity: Identity) -> frozenset[Scope]:
        """Return what the person behind an account may read for themselves."""
        scopes = await self.searching.scopes()
        if self._people is None or self._people.person_of is None:
            return frozenset(scopes)
        person = await self._people.person_of(identity)
        return (await self._rights.readable(scopes, person=person, conversation=None)).own

    async def ask(
        self,
        question: str,
        *,
        person: Person,
        conversation: Conversation,
        filters: Filters | None = None,
        key: str = "",
    ) -> Reply:
        """Answer with citations, streaming where a model writes, or say `not_found`.

        Raises:
            NotFound: there is no such collection, or none that may be read here.
        """
        return await self._desk.ask(
            question, person=person, conversation=conversation, filters=filters or Filters(), key=key
        )

    async def follow(
        self,
        answer_id: str,
        wish: AnswerWish,
        *,
        person: Person,
        identity: Identity,
        conversation: Conversation,
        said: str = "",
    ) -> Reply:
        """Go on from an answer: its sources, more, a verdict, or once more for one person alone.

        Raises:
            NotFound: there is no such answer (any more), or it was given elsewhere.
        """
        return await self._desk.follow(
            answer_id, wish, person=person, identity=identity, conversation=conversation, said=said
        )

    async def meant(self, key: str, emoji: str, identity: Identity) -> str:
        """Return the verdict that an emoji below the answer to an event of this key is, as its button has it."""
        known = self._people.person_of if self._people is not None else None
        wish = verdict_of(emoji)
        if not wish or known is None or not (await known(identity)).has_role("viewer"):
            return ""
        given = await self.quality.answer(answer_id(key)) if self.quality is not None else None
        return "" if given is None else f"/answer {wish} {given.id}"

    async def add(
        self, name: str, content: bytes, *, collection: str, audience: str = PUBLIC
    ) -> Mapping[str, Json]:
        """Keep a document of ours under `name`, in place of an earlier one of that name; returns what was done.

        Raises:
            UsageError: name or collection is not valid, or the document cannot be read.
        """
        path = await in_thread(self._kept.keep, name, content, collection, audience)
        report = await self.ingest.add([str(path)], collection, _hush, audience=audience)
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


async def _nameless(person_id: str) -> str:
    """Know nobody's name."""
    return ""
