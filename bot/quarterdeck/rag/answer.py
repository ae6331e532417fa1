"""Answer a question from passages: written by a capable model, or quoted; every claim with its number."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import cast

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Connected, Delta, ModelMessage, Models
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Passage
from quarterdeck.core.reply import Citation, Reply
from quarterdeck.rag.quote import quotes
from quarterdeck.rag.reading.document import HEADING_SEPARATOR
from quarterdeck.rag.search import Result, Search
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.runtime.prompts import read_prompt

PROMPT = "answer"
NOT_FOUND = "NOT FOUND"  # what config/prompts/answer.md tells the model to say
PASSAGES = 6  # that a model reads
PASSAGE_LIMIT = 2400  # characters of one, neighbours included
ANSWER_TOKENS = 1200

_MARK = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_TAG = re.compile(r"<(?=/?\s*passage)", re.IGNORECASE)


class Answerer:
    """Write answers."""

    def __init__(self, search: Search, vectors: Vectors, models: Models, user_dir: Path) -> None:
        self._search, self._vectors, self._models, self._user_dir = search, vectors, models, user_dir

    async def answer(
        self, question: str, result: Result, *, person: Person, conversation: Conversation
    ) -> Reply:
        """Return the answer; it streams where a model writes it."""
        if not result.passages:
            return not_found(result.collections)
        connected = await self._models.connected("chat")
        if connected is None or not connected.is_capable:
            return await self._quoted(question, result)
        stream = self._written(question, result, connected, person, conversation)
        return Reply(stream=stream, link_hosts=frozenset())

    async def _quoted(self, question: str, result: Result, note: str = "") -> Reply:
        """Return the best sentences of the passages, each with its number."""
        found = await quotes(question, result.passages, self._vectors)
        parts, citations = [], []
        for n, quote in enumerate(found, 1):
            parts.append(_as_quote(quote.text, n))
            citations.append(_citation(n, quote.passage))
        text = "\n\n".join([note, *parts] if note else parts)
        return Reply(text=text, citations=tuple(citations), status="answered")

    async def _written(
        self,
        question: str,
        result: Result,
        connected: Connected,
        person: Person,
        conversation: Conversation,
    ) -> AsyncIterator[str | Reply]:
        """Yield pieces of the model's answer, then the answer as it is to be kept."""
        passages = result.passages[:PASSAGES]
        messages = await self._messages(question, passages)
        text, shown = "", 0
        stream = self._models.complete(
            messages, max_output_tokens=ANSWER_TOKENS, person_id=person.id, conversation_id=conversation.id
        )
        try:
            async with aclosing(cast("AsyncGenerator[Delta, None]", stream)) as deltas:
                async for delta in deltas:
                    text += delta.text
                    if not _may_be_refusal(text) and len(text) > shown:
                        yield text[shown:]
                        shown = len(text)
        except QuarterdeckError as error:
            note = f"The model {connected} failed ({error.message}); this is what the documents say:"
            yield await self._quoted(question, result, note)
            return
        yield await self._checked(text, question, result, connected)

    async def _messages(self, question: str, passages: Sequence[Passage]) -> list[ModelMessage]:
        """Return instructions, then passages fenced by a word that their authors cannot know, then the question."""
        nonce = secrets.token_hex(4)
        blocks = []
        for n, passage in enumerate(passages, 1):
            text = _TAG.sub("&lt;", await self._search.whole(passage, limit=PASSAGE_LIMIT))
            about = _TAG.sub("&lt;", f"{passage.document}{HEADING_SEPARATOR}{passage.heading}").replace(
                "\n", " "
            )
            blocks.append(f"<passage-{nonce} n={n}>\n{about}\n\n{text}\n</passage-{nonce}>")
        body = "\n\n".join(blocks)
        return [
            ModelMessage(speaker="system", text=read_prompt(PROMPT, self._user_dir)),
            ModelMessage(speaker="user", text=f"{body}\n\nQuestion: {question}"),
        ]

    async def _checked(self, text: str, question: str, result: Result, connected: Connected) -> Reply:
        """Keep an answer that cites what it was given; one that cites nothing is replaced by quotes."""
        text = text.strip()
        if text.upper().startswith(NOT_FOUND):
            return not_found(result.collections)
        passages = result.passages[:PASSAGES]
        text, cited = cited_in(text, len(passages))
        if not cited:
            return await self._quoted(question, result)
        citations = tuple(_citation(n, passages[n - 1]) for n in cited)
        label = f"\n\n{connected.label}" if connected.label else ""
        return Reply(text=text + label, citations=citations, status="answered", link_hosts=frozenset())


def cited_in(text: str, count: int) -> tuple[str, list[int]]:
    """Return the text with only marks from 1 to `count`, `[1, 2]` as `[1][2]`, and the numbers in order."""
    cited: set[int] = set()

    def real(mark: re.Match[str]) -> str:
        numbers = [int(number) for number in mark.group(1).split(",")]
        kept = [number for number in numbers if 1 <= number <= count]
        cited.update(kept)
        return "".join(f"[{number}]" for number in kept)

    return _MARK.sub(real, text), sorted(cited)


def not_found(collections: Sequence[str]) -> Reply:
    """Say that the documents have no answer, or that there are no documents yet."""
    if not collections:
        text = (
            "There are no documents yet. The bot's operator adds some with "
            "`quarterdeck knowledge add PATH`, a folder of Markdown, text, HTML or PDF files."
        )
        return Reply(text=text, status="not_found")
    return Reply(text=f"Not found in {', '.join(collections)}.", status="not_found")


def _may_be_refusal(text: str) -> bool:
    begun = text.lstrip().upper()
    return NOT_FOUND.startswith(begun) or begun.startswith(NOT_FOUND)


def _as_quote(text: str, n: int) -> str:
    lines = "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))
    ends_in_block = text.rstrip().endswith(("```", "~~~", "|"))
    return f"{lines}\n>\n> [{n}]" if ends_in_block else f"{lines} [{n}]"


def _citation(n: int, passage: Passage) -> Citation:
    heading = passage.heading.rpartition(HEADING_SEPARATOR)[2]
    return Citation(n=n, document=passage.document, heading=heading, url=passage.url, chunk=passage.chunk_id)
