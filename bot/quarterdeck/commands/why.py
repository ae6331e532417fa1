"""Explain the last refusal."""

from collections.abc import Sequence

from quarterdeck.core.access import Considered, Refusal
from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def why(call: Call) -> Reply:
    """Show the decision that refused this person last: what they wanted, which rule said no, whom to ask."""
    refusal = await call.services.decisions.last_refusal(call.person.id)
    if refusal is None:
        return Reply(text="Nothing was refused to you.", private_to=call.identity)
    what = refusal.action.replace("command:", "/")
    lines = [
        f"Refused: `{what}` by {refusal.way}, {refusal.at:%Y-%m-%d %H:%M} UTC.",
        f"Rule: {refusal.rule}. You are {call.person.role} now.",
    ]
    if refusal.trace:
        lines += ["", "Rules that were tried, in order:", *map(_tried, refusal.trace), ""]
    lines.append(_whom(refusal, await call.services.people.stewards()))
    return Reply(text="\n".join(lines), private_to=call.identity)


def _tried(one: Considered) -> str:
    sign = "decides" if one.fits else "does not fit"
    return f"- {one.rule}: {sign}, {one.why}"


def _whom(refusal: Refusal, stewards: Sequence[str]) -> str:
    """Say who can help: those who approve, where the rule asks for an approval; otherwise owners and admins."""
    if refusal.approvers:
        return f"Ask for approval: {' or '.join(_named(one) for one in refusal.approvers)}."
    names = ", ".join(stewards) or "the people who run this bot"
    return f"Who can change that: {names}. They write `quarterdeck person grant IDENTITY ROLE`, or a rule."


def _named(approver: str) -> str:
    kind, _, name = approver.partition(":")
    return f"somebody with the role {name}" if kind == "role" else f"somebody in the group {name}"


COMMAND = Command(
    name="why",
    summary="See why your last command was refused, and who can change that",
    handler=why,
    allow="viewer",
    lane="light",
    needs=("private",),
    examples=("/why",),
)
