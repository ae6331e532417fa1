"""Count things over all runs of a workflow: what came before, how often, and what was done about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec, Tallies, Tally
from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.declared import COUNT, Declared, anything, number, shape, text
from quarterdeck_workflows.actions.kit.given import number_of, text_of

NAME: Final = text("What is counted; each workflow has its own names", longest=1_000)
MONTH_S: Final = 31 * 86_400.0
MOMENT: Final = {"type": ["string", "null"], "description": "RFC 3339"}
COUNTED: Final = shape(
    {"count": COUNT, "first_at": MOMENT, "last_at": MOMENT, "value": anything("What was noted")}
)


async def _add(call: ActionCall) -> Json:
    within_s = number_of(call, "within_s", 3600.0)
    return _shown(
        await _tallies(call).add(call.workflow, text_of(call, "name"), key=call.key, within_s=within_s)
    )


async def _put(call: ActionCall) -> Json:
    return _shown(await _tallies(call).put(call.workflow, text_of(call, "name"), call.input["value"]))


async def _clear(call: ActionCall) -> Json:
    return _shown(await _tallies(call).clear(call.workflow, text_of(call, "name"), key=call.key))


def _tallies(call: ActionCall) -> Tallies:
    if call.services.tallies is None:
        raise SetupError("nothing counts in this process", hint="start the bot with `quarterdeck run`")
    return call.services.tallies


def _shown(tally: Tally) -> Json:
    return {
        "count": tally.count,
        "first_at": _moment(tally.first_at_ms),
        "last_at": _moment(tally.last_at_ms),
        "value": tally.value,
    }


def _moment(ms: int) -> str | None:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else None


ACTIONS = (
    Declared(
        ActionSpec(
            id="tally.add",
            summary="Count one more, over all runs of the workflow",
            input=shape(
                {"name": NAME},
                {"within_s": number("Begin anew after so many seconds without one", 1, MONTH_S, 3600.0)},
            ),
            output=COUNTED,
            effect="write",
            idempotency="key",
        ),
        _add,
    ),
    Declared(
        ActionSpec(
            id="tally.clear",
            summary="Count from nothing again, and say what there was",
            input=shape({"name": NAME}),
            output=COUNTED,
            effect="write",
            idempotency="key",
        ),
        _clear,
    ),
    Declared(
        ActionSpec(
            id="tally.put",
            summary="Note something beside a count, such as the message about it",
            input=shape({"name": NAME, "value": anything("What")}),
            output=COUNTED,
            effect="write",
            idempotency="key",
        ),
        _put,
    ),
)
