"""Use the team's documents: search them, have them answer, add to them."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.audience import spelled
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import (
    COUNT,
    FILE,
    STRING,
    Declared,
    listed,
    shape,
    text,
    whole,
)
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import text_of, texts_of, whole_of

COLLECTION: Final = text("A collection", longest=100)
FOUND: Final = shape(
    {
        "document": STRING,
        "collection": STRING,
        "heading": STRING,
        "text": STRING,
        "url": STRING,
        "score": {"type": "number"},
    }
)
CITED: Final = shape(
    {"n": {"type": "integer", "minimum": 1}, "document": STRING, "heading": STRING, "url": STRING}
)
CONTENT_BYTES: Final = 10 * 1024 * 1024


async def _search(call: ActionCall) -> Json:
    found = await call.services.knowledge.search(
        text_of(call, "query"),
        limit=whole_of(call, "limit", 8),
        collections=texts_of(call, "collections"),
        person=call.person,
        conversation=call.conversation,
    )
    return {
        "passages": [
            {
                "document": one.document,
                "collection": one.collection,
                "heading": one.heading,
                "text": one.text,
                "url": one.url,
                "score": float(one.score),
            }
            for one in found
        ]
    }


async def _answer(call: ActionCall) -> Json:
    reply = await call.services.knowledge.ask(
        text_of(call, "question"), person=call.person, conversation=call.conversation
    )
    whole_reply = await _finished(reply)
    cited: list[Json] = [
        {"n": one.n, "document": one.document, "heading": one.heading, "url": one.url}
        for one in whole_reply.citations
    ]
    return {"text": whole_reply.text, "status": whole_reply.status, "citations": cited}


async def _finished(reply: Reply) -> Reply:
    """Return the answer as it is when it has been written."""
    if reply.stream is None:
        return reply
    pieces = []
    async for piece in reply.stream:
        if isinstance(piece, Reply):
            return piece
        pieces.append(piece)
    return Reply(text="".join(pieces), status=reply.status)


async def _add(call: ActionCall) -> Json:
    words, file = text_of(call, "text"), text_of(call, "file")
    if bool(words) == bool(file):
        raise UsageError("knowledge.add takes a text or a file", hint="give one of `text` and `file`")
    content = words.encode(errors="replace")
    if file:
        content = await in_thread(folder_of(call).read, file, CONTENT_BYTES)
    done = await call.services.knowledge.add(
        text_of(call, "name"),
        content,
        collection=text_of(call, "collection", "documents"),
        audience=spelled(texts_of(call, "audience") or (f"conversation:{call.conversation.id}",)),
    )
    return dict(done)


ACTIONS = (
    Declared(
        ActionSpec(
            id="knowledge.search",
            summary="Find the passages of the documents that fit best",
            input=shape(
                {"query": text("What to look for", longest=2_000)},
                {
                    "limit": whole("How many passages at the most", 1, 50, 8),
                    "collections": listed("Only in these collections", COLLECTION, most=50),
                },
            ),
            output=shape({"passages": {"type": "array", "items": FOUND}}),
            is_untrusted=True,
        ),
        _search,
    ),
    Declared(
        ActionSpec(
            id="knowledge.answer",
            summary="Answer a question from the documents, with citations, or say that it is not found",
            input=shape({"question": text("The question", longest=2_000)}),
            output=shape(
                {
                    "text": STRING,
                    "status": {"enum": ["answered", "not_found", "denied", "error", "pending"]},
                    "citations": {"type": "array", "items": CITED},
                }
            ),
            is_untrusted=True,
            timeout_s=180.0,
        ),
        _answer,
    ),
    Declared(
        ActionSpec(
            id="knowledge.add",
            summary="Add a document, or replace the one of the same name",
            input=shape(
                {"name": text("Its name, such as postmortem-41.md", longest=120)},
                {
                    "text": text("Markdown"),
                    "file": FILE,
                    "collection": COLLECTION,
                    "audience": listed(
                        "Readers: public, role:NAME, group:NAME, conversation:ID; those of the run's conversation",
                        text("Readers", longest=420),
                        most=20,
                    ),
                },
            ),
            output=shape({"added": COUNT, "changed": COUNT, "unchanged": COUNT, "chunks": COUNT}),
            effect="write",
            idempotency="key",
            timeout_s=300.0,
        ),
        _add,
    ),
)
