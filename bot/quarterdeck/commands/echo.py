"""Give back what was typed, byte for byte: shows what a platform does to text."""

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply


async def echo(call: Call) -> Reply:
    """Return the text as it came."""
    return Reply(text=call.text("text"), is_literal=True)


COMMAND = Command(
    name="echo",
    summary="Give back what you type, byte for byte",
    handler=echo,
    options=(
        Option(name="text", summary="Anything", kind="text", required=True, positional=True, rest=True),
    ),
    allow="viewer",
    lane="light",
    is_instant=True,
    examples=("/echo hello",),
)
