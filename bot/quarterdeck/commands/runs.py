"""`/runs`: see the runs here, stop one, go on with one, decide about a held step."""

from __future__ import annotations

from typing import cast

from quarterdeck.commands.run import runs_of
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Denied
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Decision, RunOf, Runs
from quarterdeck.core.timeline import may_handle

ACTIONS = ("show", "cancel", "resume", "confirm", "retry", "skip", "fail")


async def runs(call: Call) -> Reply:
    """Do what the second word says with the run that the first one names."""
    engine, wanted = runs_of(call), call.text("run")
    if not wanted:
        found = await engine.of_conversation(call.conversation.id)
        lines = [
            f"- `{one.id}`: {one.state}, at {one.step or 'its start'}{_link(engine, one)}" for one in found
        ]
        return Reply(text="\n".join(lines) or "No runs here yet. `/workflows` shows what can be run.")
    run = await engine.get(wanted)
    action = call.text("action") or "show"
    if action == "show":
        if run.conversation.id != call.conversation.id:
            await _may(call, run)
        return Reply(text=engine.describe(run), run_id=run.id)
    await _may(call, run)
    by = call.person.name or str(call.identity)
    if action == "cancel":
        run = await engine.cancel(run.id, by=by)
    else:
        word = "retry" if action == "resume" else action
        run = await engine.resume(run.id, by=by, decision=cast("Decision", word))
    return Reply(text=f"`{run.id}`: {run.message or run.state}", run_id=run.id)


def _link(engine: Runs, run: RunOf) -> str:
    page = engine.page(run)
    return f" · [Timeline]({page})" if page else ""


async def _may(call: Call, run: RunOf) -> None:
    """Let people deal with their own runs; those of others need an admin's rights.

    Raises:
        Denied: they may not.
    """
    decision = await may_handle(
        call.services.authoriser,
        run,
        person=call.person,
        identity=call.identity,
        way="message",
        conversation=call.conversation,
    )
    if not decision.allowed:
        raise Denied(decision.reason or "That run is somebody else's.")


COMMAND = Command(
    name="runs",
    summary="See runs of workflows; stop one, go on with one",
    handler=runs,
    options=(
        Option(name="run", summary="Its id, or the beginning of it", positional=True, max_length=400),
        Option(
            name="action",
            summary="What to do with it",
            kind="choice",
            choices=ACTIONS,
            positional=True,
        ),
    ),
    allow="operator",
    effect="write",
    is_urgent=True,
    examples=("/runs", "/runs deploy-1f2e3d4c5b", "/runs deploy-1f2e3d4c5b cancel"),
    detail=(
        "`confirm` says yes to the plan of a run that waits for it. "
        "`resume` goes on with a failed run at the step that failed. Where a crash left a step of which nobody knows "
        "whether it was done, `retry` does it again, `skip` goes on without it, `fail` ends the run."
    ),
)
