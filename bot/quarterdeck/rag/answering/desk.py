"""Answer people: what everybody here may read, with the rest for the asker alone; and go on from an answer given."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from quarterdeck.core.errors import NotFound
from quarterdeck.core.knowledge import AnswerWish, Filters, GivenAnswer, Scope
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Passage
from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.core.value import dataclass
from quarterdeck.rag.answering.answer import Answerer, Asked, not_found
from quarterdeck.rag.answering.followup import RECENT_MS, question_before
from quarterdeck.rag.quality.rows import AnswerRows
from quarterdeck.rag.retrieval.place import age
from quarterdeck.rag.retrieval.rights import Readable, Rights
from quarterdeck.rag.retrieval.search import Result, Search

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PASSAGES = 8
MORE = 5  # further passages that `more` shows
SHOWN = 700  # characters of a passage
SAID_LIMIT = 2000  # characters of a correction

VERDICTS: dict[str, AnswerWish] = {"👍": "helpful", "👎": "wrong", "+1": "helpful", "-1": "wrong"}

NameOf = Callable[[str], Awaitable[str]]
"""Return how to call the person of an id; empty when nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Hold who is asked about people: what they may read, what they are called."""

    rights: Rights
    name_of: NameOf
    person_of: Callable[[Identity], Awaitable[Person]] | None = None


class AnswerDesk:
    """Answer questions."""

    def __init__(
        self,
        search: Search,
        answerer: Answerer,
        rows: AnswerRows | None,
        people: People,
        *,
        now_ms: Callable[[], int],
        wait_s: float,
        owners_of: Callable[[Sequence[str]], Awaitable[dict[str, list[str]]]],
    ) -> None:
        self._search, self._answerer, self._rows, self._people = search, answerer, rows, people
        self._now_ms, self._wait_s, self._owners_of = now_ms, wait_s, owners_of

    async def ask(
        self, question: str, *, person: Person, conversation: Conversation, filters: Filters, key: str
    ) -> Reply:
        """Answer from what everybody who reads along may read; buttons lead on where there is a `key`."""
        scopes = await self._search.scopes()
        if not scopes:
            return not_found()
        readable = await self._people.rights.readable(scopes, person=person, conversation=conversation)
        before = await self._before(question, person, conversation)
        result = await self._find(question, before, readable.here, filters)
        asked = Asked(question=question, person=person, conversation=conversation, before=before)
        reply = await self._answerer.answer(asked, result, owners=await self._owners(result))
        if not key or self._rows is None:
            return reply
        given = GivenAnswer(
            id=answer_id(key),
            at_ms=self._now_ms(),
            question=question,
            before=before,
            person_id=person.id,
            conversation_id=conversation.id,
            filters=filters,
            status=reply.status,
        )
        has_more = await self._has_fuller(given, result, readable)
        return await self._led_on(reply, given, has_fuller=has_more)

    async def _before(self, question: str, person: Person, conversation: Conversation) -> str:
        """Return what the person asked here before, where this question leans on it."""
        if self._rows is None:
            return ""
        since_ms = self._now_ms() - RECENT_MS
        earlier = await self._rows.asked(conversation.id, person.id, since_ms)
        return question_before(question, earlier)

    async def _find(
        self, question: str, before: str, scopes: frozenset[Scope], filters: Filters, limit: int = PASSAGES
    ) -> Result:
        wanted = f"{before}\n{question}" if before else question
        return await self._search.find(
            wanted, limit=limit, filters=filters, readable=scopes, wait_s=self._wait_s
        )

    async def _owners(self, result: Result) -> list[str]:
        """Name who added the collections in which nothing was found."""
        if result.passages or not result.collections:
            return []
        owners = await self._owners_of(result.collections)
        ids = dict.fromkeys(id_ for ids in owners.values() for id_ in ids)
        return [name for id_ in ids if (name := await self._people.name_of(id_))]

    async def _has_fuller(self, given: GivenAnswer, result: Result, readable: Readable) -> bool:
        """Tell whether the asker alone may read something that answers at least as well."""
        rest = readable.own - readable.here
        if given.filters.collections:
            rest = frozenset(scope for scope in rest if scope.collection in given.filters.collections)
        if not rest:
            return False
        wider = await self._find(given.question, given.before, rest, given.filters, limit=1)
        return bool(wider.passages)

    async def _led_on(self, reply: Reply, given: GivenAnswer, *, has_fuller: bool) -> Reply:
        """Return the reply with its buttons, kept so that they lead somewhere."""
        if reply.stream is None:
            return await self._finished(reply, given, has_fuller=has_fuller)
        return replace(reply, stream=self._following(reply, given, has_fuller=has_fuller))

    async def _following(
        self, reply: Reply, given: GivenAnswer, *, has_fuller: bool
    ) -> AsyncIterator[str | Reply]:
        async with aclosing(cast("AsyncGenerator[str | Reply]", reply.stream)) as stream:
            async for item in stream:
                if isinstance(item, Reply):
                    yield await self._finished(item, given, has_fuller=has_fuller)
                else:
                    yield item

    async def _finished(self, reply: Reply, given: GivenAnswer, *, has_fuller: bool) -> Reply:
        given = replace(
            given,
            status=reply.status,
            chunks=tuple(one.chunk for one in reply.citations),
            documents=tuple(dict.fromkeys(one.document for one in reply.citations)),
        )
        assert self._rows is not None  # only then there is an answer to finish
        await self._rows.keep(given)
        return replace(reply, card=Card(buttons=_buttons(given, has_fuller=has_fuller)))

    async def follow(
        self,
        answer_id: str,
        wish: AnswerWish,
        *,
        person: Person,
        identity: Identity,
        conversation: Conversation,
        said: str,
    ) -> Reply:
        """Do what a button under an answer offers.

        Raises:
            NotFound: there is no such answer (any more), or it was given elsewhere.
        """
        given = await self._rows.answer(answer_id) if self._rows is not None else None
        if given is None or not (person.id == given.person_id or conversation.id == given.conversation_id):
            raise NotFound(
                "that answer is not kept here (any more)", hint="ask the question again with `/ask`"
            )
        if wish in ("helpful", "wrong"):
            return await self._judged(given, wish, person, identity, said.strip()[:SAID_LIMIT])
        if wish == "fuller":
            return await self._alone(given, person, identity, conversation)
        scopes = await self._search.scopes()
        readable = await self._people.rights.readable(scopes, person=person, conversation=conversation)
        if wish == "sources":
            return await self._sources(given, readable.here)
        return await self._more(given, readable.here)

    async def _judged(
        self, given: GivenAnswer, verdict: str, person: Person, identity: Identity, said: str
    ) -> Reply:
        assert self._rows is not None
        await self._rows.judge(given.id, verdict, said=said, judge_id=person.id)
        if verdict == "helpful":
            text = "Thank you. The question and its sources are kept as a case that has to stay right."
        elif said:
            text = (
                "Thank you. What you wrote is kept: `quarterdeck knowledge eval --cases` holds answers to it."
            )
        else:
            text = (
                "Thank you, that is noted. If you know what would be right, write "
                f"`/answer wrong {given.id} --text WHAT IS RIGHT`: answers are then held to it."
            )
        return Reply(text=text, private_to=identity)

    async def _alone(
        self, given: GivenAnswer, person: Person, identity: Identity, conversation: Conversation
    ) -> Reply:
        """Answer once more from all that the one who presses may read, for their eyes only."""
        scopes = await self._search.scopes()
        readable = await self._people.rights.readable(scopes, person=person, conversation=None)
        result = await self._find(given.question, given.before, readable.own, given.filters)
        asked = Asked(question=given.question, person=person, conversation=conversation, before=given.before)
        reply = await self._answerer.answer(asked, result, owners=await self._owners(result))
        if reply.stream is None:
            return replace(reply, private_to=identity)
        return replace(reply, stream=_privately(reply, identity), private_to=identity)

    async def _sources(self, given: GivenAnswer, scopes: frozenset[Scope]) -> Reply:
        found = await self._search.passages(given.chunks, scopes)
        if not found:
            return Reply(
                text="Its sources are gone, or not everybody here may read them.", status="not_found"
            )
        return Reply(text="\n\n".join(self._shown(n, one) for n, one in enumerate(found, 1)))

    async def _more(self, given: GivenAnswer, scopes: frozenset[Scope]) -> Reply:
        limit = PASSAGES + MORE
        result = await self._find(given.question, given.before, scopes, given.filters, limit=limit)
        found = [one for one in result.passages if one.chunk_id not in given.chunks][:MORE]
        if not found:
            return Reply(text="There is nothing more about it.", status="not_found")
        return Reply(text="\n\n".join(self._shown(n, one) for n, one in enumerate(found, 1)))

    def _shown(self, n: int, passage: Passage) -> str:
        text = passage.text if len(passage.text) <= SHOWN else f"{passage.text[:SHOWN].rsplit(' ', 1)[0]} …"
        quoted = "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))
        place = ", ".join(filter(None, [passage.place, age(passage.modified_at_ms, self._now_ms())]))
        name = f"{passage.document} › {passage.heading}" if passage.heading else passage.document
        return f"**{n}. {name}**{f' ({place})' if place else ''}\n\n{quoted}"


def answer_id(key: str) -> str:
    """Return the id of the answer to the event of this key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def verdict_of(emoji: str) -> str:
    """Return what an emoji says to an answer, whatever its colour and whichever way the platform writes it."""
    plain = (
        emoji.strip(":").partition("::")[0].rstrip("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff\ufe0f")
    )
    return VERDICTS.get({"thumbsup": "+1", "thumbsdown": "-1"}.get(plain, plain), "")


async def _privately(reply: Reply, identity: Identity) -> AsyncIterator[str | Reply]:
    async with aclosing(cast("AsyncGenerator[str | Reply]", reply.stream)) as stream:
        async for item in stream:
            yield replace(item, private_to=identity) if isinstance(item, Reply) else item


def _buttons(given: GivenAnswer, *, has_fuller: bool) -> tuple[Button, ...]:
    offered: list[tuple[AnswerWish, str]] = []
    if given.chunks:
        offered += [("sources", "Sources"), ("more", "More"), ("helpful", "👍 Helpful")]
    offered.append(("wrong", "👎 Wrong"))
    if has_fuller:
        offered.append(("fuller", "Fuller, for me alone"))
    return tuple(Button(id=wish, label=label, value=f"/answer {wish} {given.id}") for wish, label in offered)
