"""`/deny`: refuse what somebody asked to have approved."""

from __future__ import annotations

from dataclasses import replace

from quarterdeck.commands.approve import OPTIONS, voter_of
from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Reply


async def deny(call: Call) -> Reply:
    """Refuse; one word of an approver is enough."""
    return await call.services.approvals.vote(
        call.text("request"), voter_of(call), agrees=False, comment=call.text("comment")
    )


COMMAND = Command(
    name="deny",
    summary="Refuse what somebody asked to have approved",
    handler=deny,
    options=(replace(OPTIONS[0], required=True), *OPTIONS[1:]),
    allow="operator",
    effect="write",
    lane="light",
    examples=("/deny k3m9qa not on a Friday",),
    detail="One approver who refuses is enough; nothing is done then.",
)
