"""Tell people how the bot knows them."""

from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def whoami(call: Call) -> Reply:
    """Name the account, the person and the role."""
    name = f"**{call.person.name}**, " if call.person.name else ""
    return Reply(
        text=f"You are {name}role **{call.person.role}**, writing as `{call.identity}`.",
        private_to=call.identity,
    )


COMMAND = Command(
    name="whoami",
    summary="See how the bot knows you: account, name, role",
    handler=whoami,
    allow="viewer",
    lane="light",
    needs=("private",),
    examples=("/whoami",),
)
