"""Start another workflow, which then runs by itself; a `call` step waits for one instead."""

from __future__ import annotations

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.declared import STRING, Declared, anything, mapped, shape, text
from quarterdeck_workflows.actions.kit.given import map_of, text_of
from quarterdeck_workflows.actions.kit.target import target_of


async def _start(call: ActionCall) -> Json:
    if call.services.workflows is None:
        raise SetupError(
            "nothing runs workflows in this process", hint="start the bot with `quarterdeck run`"
        )
    place = await target_of(call, "workflow.start")
    run_id = await call.services.workflows.start(
        text_of(call, "workflow"),
        map_of(call, "inputs"),
        key=call.key,
        person=call.person,
        identity=call.identity,
        conversation=place,
        files=call.folder,
    )
    return {"run_id": run_id}


ACTIONS = (
    Declared(
        ActionSpec(
            id="workflow.start",
            summary="Start another workflow and go on without waiting for it",
            input=shape(
                {"workflow": text("Its name", longest=100)},
                {
                    "inputs": mapped("Its inputs", anything("A value"), most=50),
                    "to": text(
                        "The conversation it runs in; the run's own", longest=400, format="conversation"
                    ),
                },
            ),
            output=shape({"run_id": STRING}),
            effect="write",
            idempotency="key",
        ),
        _start,
    ),
)
