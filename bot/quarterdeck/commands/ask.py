"""`/ask`: answer a question from the team's documents, with the places it comes from."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply


async def ask(call: Call) -> Reply:
    """Answer with citations, or say that nothing was found."""
    return await call.services.knowledge.ask(
        call.text("question"), person=call.person, conversation=call.conversation
    )


COMMAND = Command(
    name="ask",
    summary="Answer a question from the team's documents",
    handler=ask,
    options=(
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
    examples=("/ask how do I rotate the staging certificate?",),
    detail=(
        "Every claim has the number of the document that it comes from. With a capable model the answer is written "
        "from the documents only, without one their best sentences are quoted. What the documents do not say is "
        "answered with `Not found`."
    ),
)
