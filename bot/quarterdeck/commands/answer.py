"""`/answer`: go on from an answer of `/ask`; the buttons below it are this."""

from __future__ import annotations

from typing import cast

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.knowledge import AnswerWish
from quarterdeck.core.reply import Reply


async def answer(call: Call) -> Reply:
    """Show sources or more, take a verdict, or answer in private."""
    return await call.services.knowledge.follow(
        call.text("id"),
        cast("AnswerWish", call.text("what")),
        person=call.person,
        identity=call.identity,
        conversation=call.conversation,
        said=call.text("text"),
    )


COMMAND = Command(
    name="answer",
    summary="See an answer's sources, hear more, say whether it helped",
    handler=answer,
    options=(
        Option(
            name="what",
            summary="What to do with the answer",
            kind="choice",
            choices=("sources", "more", "helpful", "wrong", "fuller"),
            required=True,
            positional=True,
        ),
        Option(
            name="id",
            summary="Which answer, as its buttons have it",
            required=True,
            positional=True,
            max_length=20,
        ),
        Option(name="text", summary="What would have been right", kind="text", max_length=2000),
    ),
    allow="viewer",
    is_quiet=True,
    effect="read",
    examples=("/answer sources 3f9a1c20b7de", "/answer wrong 3f9a1c20b7de --text 'It is ten minutes'"),
    detail=(
        "`sources` shows the passages that an answer cites, `more` further ones. `helpful` and `wrong` become cases "
        "that `quarterdeck knowledge eval --cases` asks again. `fuller` answers once more, for you alone, from "
        "documents that not everybody in the channel may read."
    ),
)
