"""`/workflows`: find a workflow."""

from __future__ import annotations

from quarterdeck.commands.run import runs_of
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Offered

SHOWN = 30


async def workflows(call: Call) -> Reply:
    """List those that this person may start."""
    found = await runs_of(call).offered(call.person, call.identity, call.text("words"))
    if not found:
        words = call.text("words").strip()
        about = f" with {words!r}" if words else " that you may start"
        return Reply(text=f"There is no workflow{about}.", status="not_found")
    lines = [_line(one) for one in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"… and {len(found) - SHOWN} more; `/workflows WORD` finds among them")
    return Reply(text="\n".join(lines))


def _line(one: Offered) -> str:
    inputs = "".join(f" {name}=…" for name in one.inputs)
    return f"- `/run {one.name}{inputs}`: {one.title}"


COMMAND = Command(
    name="workflows",
    summary="Find a workflow that you may start",
    handler=workflows,
    options=(Option(name="words", summary="Words that it has", kind="text", positional=True, rest=True),),
    allow="operator",
    effect="read",
    examples=("/workflows", "/workflows deploy"),
)
