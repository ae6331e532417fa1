"""List what the person may run here, explain one command, or find commands by words."""

from quarterdeck.core.access import may
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.help import help_for, search, usage
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import did_you_mean

FOUND_AT_MOST = 5


async def help_(call: Call) -> Reply:
    """Show every command that this person may run here; with a name that one in full, with words what fits them."""
    permitted = [command for command in call.services.commands.all() if await _may(call, command)]
    wanted = call.text("command").strip()
    if not wanted:
        return _listed(permitted)
    known = {command.name: command for command in permitted}
    name = wanted.removeprefix("/").lower()
    if name in known:
        return help_for(known[name])
    found = search(permitted, wanted)[:FOUND_AT_MOST]
    if not found:
        what = f"command /{name[:60]}" if " " not in name else f"command for {wanted[:60]!r}"
        raise UsageError(f"there is no {what}", hint=did_you_mean(name, known) or "/help lists all")
    return Reply(text="\n\n".join([*map(_with_example, found), "`/help COMMAND` explains one of them."]))


def _listed(commands: list[Command]) -> Reply:
    lines = "\n".join(f"- `/{command.name}` {command.summary}" for command in commands)
    return Reply(
        text=f"{lines}\n\n`/help COMMAND` explains one of them, `/help WORDS` finds the one for what you want. "
        "Plain text is a conversation with me."
    )


def _with_example(command: Command) -> str:
    example = command.examples[0] if command.examples else usage(command)
    return f"- `/{command.name}` {command.summary}, such as `{example}`"


async def _may(call: Call, command: Command) -> bool:
    return await may(
        call.services.authoriser,
        command,
        person=call.person,
        identity=call.identity,
        conversation=call.conversation,
    )


COMMAND = Command(
    name="help",
    summary="List the commands that you may use, or explain one",
    handler=help_,
    options=(
        Option(
            name="command",
            summary="A command's name, or words for what you want to do",
            positional=True,
            rest=True,
            max_length=200,
        ),
    ),
    allow="viewer",
    lane="light",
    examples=("/help", "/help ask", "/help something every morning"),
    detail="Shows what you may run where you ask. Every command also explains itself: `/ask --help`.",
)
