"""`/cancel`: stop what is being answered here."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command
from quarterdeck.core.ports import AccessRequest, UnderWay
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import OVER


async def cancel(call: Call) -> Reply:
    """Stop the person's own answers here; an admin stops everybody's."""
    answering = call.services.answering
    stopped, kept = [], 0
    for one in answering.under_way(call.conversation.id):
        if one.key == call.event_id:
            continue
        if await _may(call, one) and answering.cancel(one.key):
            stopped.append(f"`/{one.command}`")
        else:
            kept += 1
    if not stopped:
        stopped = await _stop_runs(call)
    if stopped:
        return Reply(text=f"Stopped {', '.join(stopped)}.")
    return Reply(text="What runs here is somebody else's." if kept else "Nothing is being answered here.")


async def _stop_runs(call: Call) -> list[str]:
    """Stop the person's own runs of workflows here; `/runs ID cancel` stops one of several, and those of others."""
    runs, stopped = call.services.runs, list[str]()
    if runs is None:
        return stopped
    for run in await runs.of_conversation(call.conversation.id):
        if run.state not in OVER and run.identity == call.identity:
            await runs.cancel(run.id, by=call.person.name or str(call.identity))
            stopped.append(f"run `{run.id}`")
    return stopped


async def _may(call: Call, one: UnderWay) -> bool:
    if one.actor == call.identity:
        return True
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action="action:cancel.others",
            way="message",
            conversation=call.conversation,
            least_role="admin",
            effect="write",
        )
    )
    return decision.allowed


COMMAND = Command(
    name="cancel",
    summary="Stop what is being answered here",
    handler=cancel,
    allow="operator",
    effect="write",
    lane="light",
    is_urgent=True,
    examples=("/cancel",),
    detail=(
        "Stops what you asked for yourself; admins stop everybody's. Where nothing is being answered, your own runs of "
        "workflows here are stopped; `/runs ID cancel` stops one of them."
    ),
)
