"""Read what the bot itself has: conversations, workflow runs, documents; each only as far as the digest's owner may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from quarterdeck.core.audience import conversations_of
from quarterdeck.core.errors import Denied
from quarterdeck.core.knowledge import PUBLIC, Document
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import AccessRequest, Authoriser, History, People
from quarterdeck.core.run import RunOf
from quarterdeck.core.schedule import Item, SourceSpec
from quarterdeck.schedule.digests.extract import Said, extract
from quarterdeck.schedule.digests.fetched import hashed, safe_url
from quarterdeck.schedule.moments import moment_of

MOST_MESSAGES = 1000
MOST_RUNS = 500
ENDED = ("succeeded", "failed", "cancelled")

Listen = Callable[[Sequence[Message]], Awaitable[list[Said]]]
"""Return messages as they are shown, without commands and the bot's own."""


class Documents(Protocol):
    """Know the team's documents."""

    async def documents(self, collection: str | None = None) -> list[Document]:
        """Return all documents, or those of one collection."""


class Runs(Protocol):
    """Know the runs of workflows."""

    async def all(self, *, limit: int) -> list[RunOf]:
        """Return runs, newest first."""


class Doorman:
    """Ask the authoriser whether a digest's owner may read something that is not of the place it goes to."""

    def __init__(self, people: People, authoriser: Authoriser) -> None:
        self._people, self._authoriser = people, authoriser

    async def check(self, reader: Identity, action: str, *, least_role: str, place: Conversation) -> None:
        """Return when they may.

        Raises:
            Denied: they may not.
        """
        decision = await self._authoriser.authorise(
            AccessRequest(
                person=await self._people.person_of(reader),
                identity=reader,
                action=action,
                way="schedule",
                conversation=place,
                least_role=least_role,
                effect="read",
            )
        )
        if not decision.allowed:
            raise Denied(decision.reason or f"{action} may not be read", hint="an admin can declare it")


class Conversations:
    """Pick what was talked about (the `DigestSource` port); another one than its own is for admins."""

    def __init__(self, history: History, listen: Listen, doorman: Doorman) -> None:
        self._history, self._listen, self._doorman = history, listen, doorman

    async def items(
        self, spec: SourceSpec, *, since_ms: int, reader: Identity, place: Conversation
    ) -> list[Item]:
        """Return one item for each discussion since then."""
        target = place.id if spec.target == "here" else spec.target
        if target != place.id:
            await self._doorman.check(reader, f"conversation:{target}", least_role="admin", place=place)
        messages = await self._history.since(target, since_ms, limit=MOST_MESSAGES)
        found = extract(await self._listen(messages))
        items = []
        for one in found.discussions:
            text = " ".join(f"{said.author}: {said.text}" for said in one.sentences)
            begun = one.sentences[0].at.isoformat() if one.sentences else one.title
            items.append(
                Item(
                    id=hashed(spec.kind, target, begun),
                    mark=hashed(text, str(one.messages)),
                    title=f"{one.title or 'talk'} ({one.messages} message{'' if one.messages == 1 else 's'})",
                    text=text,
                    at=one.sentences[-1].at if one.sentences else None,
                    group=spec.title or ("Said here" if target == place.id else target),
                )
            )
        return items


class WorkflowRuns:
    """Tell how workflow runs ended (the `DigestSource` port)."""

    def __init__(self, runs: Runs, doorman: Doorman) -> None:
        self._runs, self._doorman = runs, doorman

    async def items(
        self, spec: SourceSpec, *, since_ms: int, reader: Identity, place: Conversation
    ) -> list[Item]:
        """Return one item for each run that ended since then, oldest first."""
        await self._doorman.check(reader, f"workflow:{spec.target}", least_role="operator", place=place)
        found = [
            run
            for run in await self._runs.all(limit=MOST_RUNS)
            if spec.target in ("*", run.workflow)
            and run.state in ENDED
            and (run.finished_at_ms or 0) > since_ms
        ]
        return [
            Item(
                id=hashed(spec.kind, run.id),
                mark=hashed(run.state, run.message),
                title=f"{run.workflow}: {run.state}",
                text=run.message,
                at=moment_of(run.finished_at_ms or run.started_at_ms),
                group=spec.title or "Workflows",
            )
            for run in reversed(found)
        ]


class Changed:
    """Name documents that are new or changed (the `DigestSource` port): only what everybody in the place may read."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def items(
        self, spec: SourceSpec, *, since_ms: int, reader: Identity, place: Conversation
    ) -> list[Item]:
        """Return every document, by name; the mark is its content."""
        collection = None if spec.target == "*" else spec.target
        return [
            Item(
                id=hashed(spec.kind, one.collection, one.path),
                mark=one.sha256,
                title=one.title or one.name,
                url=safe_url(one.url) or safe_url(one.path),
                text=one.name if one.title and one.title != one.name else "",
                at=datetime.fromtimestamp(one.indexed_at_ms / 1000, UTC),
                group=spec.title or f"Documents: {one.collection}",
            )
            for one in await self._documents.documents(collection)
            if one.audience == PUBLIC or place.id in conversations_of(one.audience)
        ]
