"""Explain the last refusal."""

from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def why(call: Call) -> Reply:
    """Show the decision that refused this person last: what they wanted, and which rule said no."""
    refusal = await call.services.decisions.last_refusal(call.person.id)
    if refusal is None:
        return Reply(text="Nothing was refused to you.", private_to=call.identity)
    text = (
        f"Refused: `{refusal.action.replace('command:', '/')}` by {refusal.way}, {refusal.at:%Y-%m-%d %H:%M} UTC.\n"
        f"Rule: {refusal.rule}. You are {call.person.role} now.\n"
        "An owner can change that: `quarterdeck person grant IDENTITY ROLE`."
    )
    return Reply(text=text, private_to=call.identity)


COMMAND = Command(
    name="why",
    summary="See why your last command was refused, and who can change that",
    handler=why,
    allow="viewer",
    lane="light",
    needs=("private",),
    examples=("/why",),
)
