"""`/summarize`: sum up what was said here lately."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply

DAY_S = 86_400.0


async def summarize(call: Call) -> Reply:
    """Sum up the last day, or as far back as was asked."""
    back = call.options.get("last")
    back_s = back if isinstance(back, float) else DAY_S
    since_ms = call.services.clock.now_ms() - round(back_s * 1000)
    return await call.services.digests.summarize(call.conversation, since_ms=since_ms)


COMMAND = Command(
    name="summarize",
    summary="Sum up what was said here lately",
    handler=summarize,
    options=(
        Option(
            name="last",
            summary="How far back, such as 2h or 3d; a day unless said",
            kind="duration",
            positional=True,
        ),
    ),
    allow="operator",
    effect="read",
    examples=("/summarize", "/summarize 2h"),
    detail="By a capable model where one is connected, otherwise of the messages' own sentences.",
)
