"""Answer a question from passages: written by a capable model and held to them, or quoted; all with numbers."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Connected, Delta, ModelMessage, Models
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Passage
from quarterdeck.core.reply import Citation, Reply
from quarterdeck.core.value import dataclass
from quarterdeck.rag.answering.checking import Checker
from quarterdeck.rag.answering.statements import Reader
from quarterdeck.rag.answering.verify import Source
from quarterdeck.rag.reading.document import HEADING_SEPARATOR, inline
from quarterdeck.rag.retrieval.place import age
from quarterdeck.rag.retrieval.search import Result, Search
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.rag.words.quote import quotes
from quarterdeck.runtime.documents.prompts import read_prompt

PROMPT = "answer"
NOT_FOUND = "NOT FOUND"  # what config/prompts/answer.md tells the model to say
PASSAGES = 6  # that a model reads
PASSAGE_LIMIT = 2400  # characters of one, neighbours included
ANSWER_TOKENS = 1600  # the quotations included that nobody sees
NEAR = 3  # titles that are named where nothing was found
CONFLICTS = 2  # that are told
CONFLICT_LIMIT = 200  # characters of each side

_TAG = re.compile(r"<(?=/?\s*passage)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold a question as it was asked, by whom and where; `before` is the one that it follows on."""

    question: str
    person: Person
    conversation: Conversation
    before: str = ""


class Answerer:
    """Write answers."""

    def __init__(
        self,
        search: Search,
        vectors: Vectors,
        models: Models,
        user_dir: Path,
        now_ms: Callable[[], int] = lambda: 0,
        *,
        prompt: str = "",
    ) -> None:
        """`prompt` are instructions to be tried; empty: those of the owner's folder, or ours."""
        self._search, self._vectors, self._models, self._user_dir = search, vectors, models, user_dir
        self._now_ms, self._prompt = now_ms, prompt

    def with_models(self, models: Models, prompt: str = "") -> Answerer:
        """Return one like this that asks other models, with other instructions."""
        return Answerer(self._search, self._vectors, models, self._user_dir, self._now_ms, prompt=prompt)

    async def answer(self, asked: Asked, result: Result, *, owners: Sequence[str] = ()) -> Reply:
        """Return the answer; it streams where a model writes it."""
        if not result.passages:
            return not_found(result, owners)
        connected = await self._models.connected("chat")
        if connected is None or not connected.is_capable:
            return await self.quoted(asked.question, result)
        return Reply(stream=self._written(asked, result, connected, owners), link_hosts=frozenset())

    async def quoted(self, question: str, result: Result, note: str = "") -> Reply:
        """Return the best sentences of the passages, each with its number."""
        found = await quotes(question, result.passages, self._vectors)
        parts, citations, checker = [], [], Checker(sources=())
        for n, quote in enumerate(found, 1):
            parts.append(_as_quote(quote.text, n))
            citations.append(self._citation(n, quote.passage))
            checker.spans.append((n, quote.text))
        checker.sources = [_source(n, quote.passage, quote.text) for n, quote in enumerate(found, 1)]
        text = "\n\n".join(filter(None, [note, *parts, _conflicts(checker), _notice(result)]))
        return Reply(text=text, citations=tuple(citations), status="answered")

    async def _written(
        self, asked: Asked, result: Result, connected: Connected, owners: Sequence[str]
    ) -> AsyncIterator[str | Reply]:
        """Yield each sentence once it is whole and holds, then the answer as it is to be kept."""
        passages = result.passages[:PASSAGES]
        texts = [await self._search.whole(passage, limit=PASSAGE_LIMIT) for passage in passages]
        sources = [
            _source(n, one, text) for n, (one, text) in enumerate(zip(passages, texts, strict=True), 1)
        ]
        checker, reader = Checker(sources=sources, question=asked.question), Reader()
        said, read, text = "", 0, ""
        try:
            async with aclosing(self._deltas(asked, sources)) as deltas:
                async for delta in deltas:
                    said += delta.text
                    if _may_be_refusal(said):
                        continue
                    statements, read = reader.take(said[read:]), len(said)
                    for shown in filter(None, map(checker.let_through, statements)):
                        text += shown
                        yield shown
        except QuarterdeckError as error:
            note = f"The model {connected} failed ({error.message}); this is what the documents say:"
            yield await self.quoted(asked.question, result, note)
            return
        if said.strip().upper().startswith(NOT_FOUND):
            yield not_found(result, owners)
            return
        rest = [*reader.take(said[read:]), *reader.end()]
        text += "".join(map(checker.let_through, rest))
        yield await self._checked(text, asked, result, checker, connected)

    def _deltas(self, asked: Asked, sources: Sequence[Source]) -> AsyncGenerator[Delta, None]:
        """Ask the model: instructions, then passages fenced by a word that their authors cannot know, the question."""
        nonce = secrets.token_hex(4)
        blocks = []
        for source in sources:
            about = _TAG.sub("&lt;", source.above).replace("\n", " ")
            text = _TAG.sub("&lt;", source.text)
            blocks.append(f"<passage-{nonce} n={source.n}>\n{about}\n\n{text}\n</passage-{nonce}>")
        follows = f"\n\nThe question follows on this one: {asked.before}" if asked.before else ""
        body = "\n\n".join(blocks)
        messages = [
            ModelMessage(speaker="system", text=self._prompt or read_prompt(PROMPT, self._user_dir)),
            ModelMessage(speaker="user", text=f"{body}{follows}\n\nQuestion: {asked.question}"),
        ]
        stream = self._models.complete(
            messages,
            max_output_tokens=ANSWER_TOKENS,
            person_id=asked.person.id,
            conversation_id=asked.conversation.id,
        )
        return cast("AsyncGenerator[Delta, None]", stream)

    async def _checked(
        self, text: str, asked: Asked, result: Result, checker: Checker, connected: Connected
    ) -> Reply:
        """Return what held, with its sources; where nothing did, the passages are quoted."""
        text = re.sub(r"\n{3,}", "\n\n", text).strip()
        if not text or not checker.cited:
            return await self.quoted(asked.question, result)
        conflicts = _conflicts(checker)
        citations = tuple(self._citation(n, result.passages[n - 1]) for n in sorted(checker.cited))
        left_out = ""
        if checker.dropped:
            amount = "one sentence" if checker.dropped == 1 else f"{checker.dropped} sentences"
            left_out = f"_Left out: {amount} of the model's that the documents do not say._"
        notes = [text, conflicts, left_out, _notice(result), connected.label]
        return Reply(
            text="\n\n".join(filter(None, notes)),
            citations=citations,
            status="answered",
            link_hosts=frozenset(),
        )

    def _citation(self, n: int, passage: Passage) -> Citation:
        heading = inline(passage.heading.rpartition(HEADING_SEPARATOR)[2])
        place = passage.place if passage.place != heading else ""
        note = ", ".join(filter(None, [place, age(passage.modified_at_ms, self._now_ms())]))
        return Citation(
            n=n,
            document=passage.document,
            heading=heading,
            url=passage.url,
            chunk=passage.chunk_id,
            note=note,
        )


def not_found(result: Result | None = None, owners: Sequence[str] = ()) -> Reply:
    """Say that the documents have no answer, what comes nearest and who could know; or that there are none yet."""
    if result is None:
        text = (
            "There are no documents yet. The bot's operator adds some with "
            "`quarterdeck knowledge add PATH`, a folder of Markdown, text, HTML or PDF files."
        )
        return Reply(text=text, status="not_found")
    if not result.collections:
        return Reply(
            text="Not found: there are no documents that everybody here may read.", status="not_found"
        )
    lines = [f"Not found in {', '.join(result.collections)}."]
    titles = list(dict.fromkeys(_title(one) for one in result.near))[:NEAR]
    if titles:
        lines.append(f"What comes nearest: {'; '.join(titles)}.")
    if owners:
        lines.append(f"Who looks after these documents: {', '.join(owners)}.")
    return Reply(text="\n\n".join(filter(None, [*lines, _notice(result)])), status="not_found")


def _title(passage: Passage) -> str:
    heading = inline(passage.heading.rpartition(HEADING_SEPARATOR)[2])
    return f"{passage.document} › {heading}" if heading else passage.document


def _notice(result: Result) -> str:
    return f"_Found {result.notice}._" if result.notice else ""


def _conflicts(checker: Checker) -> str:
    """Say where the passages contradict each other, each side in its own words."""
    lines = [
        f"- [{n}]: “{_short(ours)}”\n- [{m}]: “{_short(theirs)}”"
        for n, ours, m, theirs in checker.disagreements()[:CONFLICTS]
    ]
    for n, _, m, _ in checker.disagreements()[:CONFLICTS]:
        checker.cited += [one for one in (n, m) if one not in checker.cited]
    return "\n".join(["**The documents do not agree:**", "", *lines]) if lines else ""


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= CONFLICT_LIMIT else flat[:CONFLICT_LIMIT].rsplit(" ", 1)[0] + " …"


def _source(n: int, passage: Passage, text: str) -> Source:
    return Source(n=n, text=text, above=f"{passage.document}{HEADING_SEPARATOR}{passage.heading}")


def _may_be_refusal(text: str) -> bool:
    begun = text.lstrip().upper()
    return NOT_FOUND.startswith(begun) or begun.startswith(NOT_FOUND)


def _as_quote(text: str, n: int) -> str:
    lines = "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))
    ends_in_block = text.rstrip().endswith(("```", "~~~", "|"))
    return f"{lines}\n>\n> [{n}]" if ends_in_block else f"{lines} [{n}]"
