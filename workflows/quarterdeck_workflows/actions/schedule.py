"""Keep standing orders: what the run's person may do on the clock, they may have done by it."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.ports import Json
from quarterdeck.core.schedule import Schedule
from quarterdeck_workflows.actions.kit.declared import BOOLEAN, STRING, Declared, flag, one_of, shape, text
from quarterdeck_workflows.actions.kit.given import flag_of, text_of
from quarterdeck_workflows.actions.kit.target import target_of

NEXT: Final = 5
ID: Final = text("Its id, as schedule.add and schedule.list say it", longest=60)
SHOWN: Final = shape(
    {
        "id": STRING,
        "trigger": STRING,
        "timezone": STRING,
        "what": STRING,
        "conversation": STRING,
        "misfire": STRING,
        "paused": BOOLEAN,
        "next": {"type": "array", "items": STRING},
    }
)
TO: Final = text(
    "The conversation's id; the run's own where it is left out", longest=400, format="conversation"
)


def _shown(call: ActionCall, one: Schedule) -> Json:
    coming = [] if one.paused else call.services.schedules.preview(one.trigger, one.timezone, NEXT)
    return {
        "id": one.id,
        "trigger": one.trigger,
        "timezone": one.timezone,
        "what": one.what,
        "conversation": one.conversation.id,
        "misfire": one.misfire,
        "paused": one.paused,
        "next": [at.isoformat() for at in coming],
    }


async def _add(call: ActionCall) -> Json:
    place = await target_of(call, "schedule.add")
    stored = await call.services.schedules.add(
        key=call.key,
        trigger=text_of(call, "trigger"),
        timezone=text_of(call, "timezone"),
        what=text_of(call, "what"),
        conversation=place,
        owner=call.identity,
        misfire=text_of(call, "misfire", "once"),
    )
    return _shown(call, stored)


async def _list(call: ActionCall) -> Json:
    place = await target_of(call, "schedule.list", effect="read")
    return {"schedules": [_shown(call, one) for one in await call.services.schedules.all(place.id)]}


async def _pause(call: ActionCall) -> Json:
    id_, paused = text_of(call, "id"), flag_of(call, "paused", default=True)
    return _shown(call, await call.services.schedules.pause(id_, paused=paused))


async def _remove(call: ActionCall) -> Json:
    return _shown(call, await call.services.schedules.remove(text_of(call, "id")))


async def _run(call: ActionCall) -> Json:
    return _shown(call, await call.services.schedules.run(text_of(call, "id"), key=call.key))


ACTIONS = (
    Declared(
        ActionSpec(
            id="schedule.add",
            summary="Have a command run at planned times",
            input=shape(
                {
                    "trigger": text("When, as `/schedule` takes it: `0 9 * * mon-fri`", longest=400),
                    "what": text("A command line, such as /digest", longest=2_000),
                },
                {
                    "timezone": text("Such as Europe/Berlin; the default of the settings", longest=80),
                    "to": TO,
                    "misfire": one_of("What becomes of missed times", "skip", "once", "ask", default="once"),
                },
            ),
            output=SHOWN,
            effect="write",
            idempotency="key",
        ),
        _add,
    ),
    Declared(
        ActionSpec(
            id="schedule.list",
            summary="Show the schedules of a conversation",
            input=shape({}, {"to": TO}),
            output=shape({"schedules": {"type": "array", "items": SHOWN}}),
        ),
        _list,
    ),
    Declared(
        ActionSpec(
            id="schedule.pause",
            summary="Stop a schedule from firing, or let it go on",
            input=shape({"id": ID}, {"paused": flag("false: let it go on", default=True)}),
            output=SHOWN,
            effect="write",
            idempotency="key",
        ),
        _pause,
    ),
    Declared(
        ActionSpec(
            id="schedule.remove",
            summary="Delete a schedule",
            input=shape({"id": ID}),
            output=SHOWN,
            effect="destructive",
            idempotency="none",
        ),
        _remove,
    ),
    Declared(
        ActionSpec(
            id="schedule.run",
            summary="Fire a schedule now, beside its plan",
            input=shape({"id": ID}),
            output=SHOWN,
            effect="write",
            idempotency="key",
        ),
        _run,
    ),
)
