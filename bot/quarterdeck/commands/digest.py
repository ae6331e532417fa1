"""`/digest`: sum up what was said here since the last digest."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def digest(call: Call) -> Reply:
    """Answer with a digest of this conversation."""
    return await call.services.digests.compose(call.conversation, key=call.event_id)


COMMAND = Command(
    name="digest",
    summary="Sum up what was said here since the last digest",
    handler=digest,
    allow="operator",
    effect="read",
    examples=("/digest", '/schedule add "0 9 * * mon-fri" Europe/Berlin /digest'),
    detail=(
        "The first digest of a conversation looks back 24 hours; each later one begins where the last delivered "
        "one ended. With a capable model it is a summary, otherwise it is made of the messages' own sentences, "
        "questions and links."
    ),
)
