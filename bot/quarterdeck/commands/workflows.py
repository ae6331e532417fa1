"""`/workflows`: find a workflow."""

from __future__ import annotations

from quarterdeck.commands.run import runs_of
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Offered

SHOWN = 30


async def workflows(call: Call) -> Reply:
    """List those that this person may start, and those that an owner could switch on."""
    runs, words = runs_of(call), call.text("words").strip()
    found, off = await runs.offered(call.person, call.identity, words), runs.shelved(words)
    lines = [_line(one) for one in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"… and {len(found) - SHOWN} more; `/workflows WORD` finds among them")
    if not lines and not off:
        lines.append(f"There is no workflow{f' with {words!r}' if words else ' that you may start'}.")
    if off:
        lines += [*([""] if lines else []), "In the library, and not switched on:"]
        lines += [f"- `{one.name}`: {one.title}" for one in off[:SHOWN]]
        lines.append(f"\nAn owner switches one on: `quarterdeck workflow enable {off[0].name}`")
    return Reply(text="\n".join(lines), status="answered" if found or off else "not_found")


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
