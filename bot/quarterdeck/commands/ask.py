"""`/ask`: answer a question from the team's documents, with the places it comes from."""

from __future__ import annotations

from datetime import datetime

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.knowledge import Filters
from quarterdeck.core.reply import Reply


async def ask(call: Call) -> Reply:
    """Answer with citations, or say that nothing was found."""
    return await call.services.knowledge.ask(
        call.text("question"),
        person=call.person,
        conversation=call.conversation,
        filters=Filters(
            collections=_names(call.text("collection")),
            sources=_names(call.text("source")),
            path=call.text("path"),
            since_ms=_ms(call.options.get("since")),
            until_ms=_ms(call.options.get("until")),
        ),
        key=call.event_id,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _ms(moment: object) -> int | None:
    return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else None


COMMAND = Command(
    name="ask",
    summary="Answer a question from the team's documents",
    handler=ask,
    options=(
        Option(name="collection", summary="Only in these collections, joined by commas", max_length=300),
        Option(name="source", summary="Only from these sources, by id or location", max_length=1000),
        Option(name="path", summary="Only in documents whose name begins so; * is anything", max_length=300),
        Option(name="since", summary="Only in documents changed since then", kind="datetime"),
        Option(name="until", summary="Only in documents changed until then", kind="datetime"),
        Option(
            name="question",
            summary="What you want to know",
            kind="text",
            required=True,
            positional=True,
            rest=True,
            max_length=2000,
        ),
    ),
    allow="viewer",
    effect="read",
    examples=(
        "/ask how do I rotate the staging certificate?",
        "/ask --collection handbook --since 2026-01-01T00:00 when are reviews written?",
    ),
    detail=(
        "Every claim has the number of the document that it comes from. With a capable model the answer is written "
        "from the documents only and held to them sentence by sentence; without one their best sentences are quoted. "
        "What the documents do not say is answered with `Not found`. In a channel only documents are used that "
        "everybody there may read; a button offers the fuller answer to you alone. A question may follow on your "
        "last one: `/ask and for production?`."
    ),
)
