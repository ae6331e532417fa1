"""Check that the maker of a schedule may have done what it does."""

from __future__ import annotations

from quarterdeck.core.command import Command
from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import AccessRequest, Authoriser, Commands, People
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass

LONGEST_LINE = 2000  # characters of a command line


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Bundle what it takes to know whether somebody may run a command."""

    commands: Commands
    people: People
    authoriser: Authoriser


async def checked_line(rights: Rights, line: str, owner: Identity, conversation: Conversation) -> str:
    """Return the command line of a schedule, if its owner may have one of its command run there.

    Raises:
        UsageError: it is no line of one command, or of one that schedules do not run.
        Denied: the owner may not run it.
    """
    line = line.strip()
    if not line.startswith("/") or len(line) > LONGEST_LINE or "\n" in line:
        raise UsageError(
            "a schedule does one command line, which begins with a slash",
            hint=f"such as /digest; at most {LONGEST_LINE} characters, no line break",
        )
    name = line[1:].partition(" ")[0].lower()
    command = rights.commands.get(name)
    if command is None:
        known = [command.name for command in rights.commands.all()]
        raise UsageError(f"there is no command /{name}", hint=did_you_mean(name, known) or "see /help")
    if command.name == "schedule":
        raise UsageError("a schedule cannot change schedules", hint="give another command")
    await _refuse_unless_allowed(rights, command, owner, conversation)
    return line


async def _refuse_unless_allowed(
    rights: Rights, command: Command, owner: Identity, conversation: Conversation
) -> None:
    request = AccessRequest(
        person=await rights.people.person_of(owner),
        identity=owner,
        action=f"command:{command.name}",
        way="schedule",
        conversation=conversation,
        least_role=command.allow,
        effect=command.effect,
        arguments=None,  # each fire is asked again, with them
    )
    decision = await rights.authoriser.authorise(request)
    if not decision.allowed:
        raise Denied(
            decision.reason or f"you may not run /{command.name}",
            hint="a schedule runs with the rights of whoever made it",
        )
