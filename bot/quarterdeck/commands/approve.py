"""`/approve`: agree to what somebody asked for; without a name, see what waits for you."""

from __future__ import annotations

from quarterdeck.core.approval import Approval, Voter
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply


async def approve(call: Call) -> Reply:
    """Agree, or list."""
    if not call.text("request"):
        pending = await call.services.approvals.pending(call.person)
        return Reply(text="\n".join(map(_line, pending)) or "Nothing waits for your approval.")
    return await call.services.approvals.vote(
        call.text("request"), voter_of(call), agrees=True, comment=call.text("comment")
    )


def voter_of(call: Call) -> Voter:
    """Say who speaks."""
    return Voter(
        person=call.person, identity=call.identity, event_id=call.event_id, digest=call.text("digest")
    )


def _line(approval: Approval) -> str:
    what = approval.subject.replace("command:", "/", 1)
    return f"- `/approve {approval.id}`: {approval.asker_name or approval.asker} wants `{what}` `{approval.arguments}`"


OPTIONS = (
    Option(name="request", summary="Which one, such as k3m9qa", positional=True, max_length=20),
    Option(name="digest", summary="What the card stood for; buttons fill it in", max_length=64),
    Option(name="comment", summary="Why; everybody sees it", kind="text", positional=True, rest=True),
)

COMMAND = Command(
    name="approve",
    summary="Agree to what somebody asked for, or see what waits for you",
    handler=approve,
    options=OPTIONS,
    allow="operator",
    effect="write",
    lane="light",
    examples=("/approve", "/approve k3m9qa looks good"),
    detail="Who may approve is in the policy's rule; nobody approves what they asked for themselves.",
)
