"""Show that the bot is there."""

from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def ping(call: Call) -> Reply:
    """Answer at once."""
    return Reply(text="Pong.")


COMMAND = Command(
    name="ping",
    summary="See whether the bot is there",
    handler=ping,
    allow="viewer",
    lane="light",
    is_instant=True,
    examples=("/ping",),
)
