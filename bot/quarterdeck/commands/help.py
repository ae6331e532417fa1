"""List what the person may run, or explain one command."""

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.help import help_for
from quarterdeck.core.ports import AccessRequest
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import did_you_mean


async def help_(call: Call) -> Reply:
    """Show every command that this person may run; with a name, that one in full."""
    permitted = [command for command in call.services.commands.all() if await _may(call, command)]
    name = call.text("command").removeprefix("/").lower()
    if name:
        known = {command.name: command for command in permitted}
        if name not in known:
            raise UsageError(
                f"there is no command /{name[:60]}", hint=did_you_mean(name, known) or "/help lists all"
            )
        return help_for(known[name])
    lines = "\n".join(f"- `/{command.name}` {command.summary}" for command in permitted)
    return Reply(
        text=f"{lines}\n\n`/help COMMAND` explains one of them. Plain text is a conversation with me."
    )


async def _may(call: Call, command: Command) -> bool:
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action=f"command:{command.name}",
            way="message",
            conversation=call.conversation,
            least_role=command.allow,
            effect=command.effect,
        )
    )
    return decision.allowed


COMMAND = Command(
    name="help",
    summary="List the commands that you may use, or explain one",
    handler=help_,
    options=(Option(name="command", summary="The command to explain", positional=True),),
    allow="viewer",
    lane="light",
    examples=("/help", "/help ask"),
)
