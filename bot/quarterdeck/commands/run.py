"""`/run`: start a workflow."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import SetupError
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Runs, Starter
from quarterdeck.core.schedule import planned_at


async def run(call: Call) -> Reply:
    """Start it; the answer is the message that shows how it goes on. The clock shows failures alone."""
    runs, is_planned = runs_of(call), bool(planned_at(call.event_id))
    started = await runs.begin(
        call.text("workflow"),
        call.text("inputs"),
        Starter(
            person=call.person,
            identity=call.identity,
            conversation=call.conversation,
            key=call.event_id,
            shown_as="" if is_planned else call.event_id,
            trigger={"kind": "command", "text": call.text("inputs")},
            confirms=not is_planned,
            attachments=call.attachments,
        ),
    )
    if is_planned:
        return Reply(run_id=started.id, status="pending")
    return Reply(text=runs.describe(started), run_id=started.id, status="pending")


def runs_of(call: Call) -> Runs:
    """Return who runs workflows.

    Raises:
        SetupError: nobody does in this process.
    """
    if call.services.runs is None:
        raise SetupError(
            "nothing runs workflows in this process", hint="start the bot with `quarterdeck run`"
        )
    return call.services.runs


COMMAND = Command(
    name="run",
    summary="Start a workflow",
    handler=run,
    options=(
        Option(name="workflow", summary="Its name; /workflows lists them", required=True, positional=True),
        Option(name="inputs", summary="What it needs: name=value …", kind="text", positional=True, rest=True),
    ),
    allow="operator",
    effect="write",
    examples=("/run deploy service=api version=1.4.2", "/run standup"),
    detail="The run has your rights: each of its steps is checked when it runs. /runs shows and stops runs.",
)
