"""Run an action: input checked before, output and its size after, within its time."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from quarterdeck.core.action import Action, ActionCall
from quarterdeck.core.errors import Rejected, Unavailable, Unknown, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.documents.json_schema import fault_in

RESULT_BYTES: Final = 1024 * 1024  # more belongs into a file of the run's folder
INPUT_BYTES: Final = 4 * 1024 * 1024


def check_input(action: Action, given: Json) -> None:
    """Hold an input to the action's schema.

    Raises:
        UsageError: names the place and what is wrong there.
    """
    fault = fault_in(given, action.spec.input)
    if fault:
        raise UsageError(
            f"{action.spec.id} cannot take this: {fault}",
            hint=f"docs/actions.md says what {action.spec.id} takes",
        )


async def perform(action: Action, call: ActionCall, *, timeout_s: float | None = None) -> Json:
    """Do it and return its result; `timeout_s` takes the place of the action's own.

    Raises:
        UsageError: the input does not fit.
        Unavailable: it took too long, and may be tried again; `Unknown` where it may have had its effect.
        Rejected: the result is too large, or is not what was declared.
        QuarterdeckError: as the action says.
    """
    check_input(action, dict(call.input))
    if _size(dict(call.input)) > INPUT_BYTES:
        raise UsageError(
            f"the input of {action.spec.id} is larger than {INPUT_BYTES} bytes",
            hint="keep it in a file of the run (file.write), and give the file's name",
        )
    spec = action.spec.meant(call.input)
    limit_s = spec.timeout_s if timeout_s is None else timeout_s
    deadline = asyncio.timeout(limit_s)
    try:
        async with deadline:
            result = await action.run(call)
    except TimeoutError as error:
        if not deadline.expired():
            raise Unavailable(f"{spec.id}: the other side took too long", service=spec.id) from error
        words, hint = f"{spec.id} took longer than {limit_s:g} s", "raise the step's timeout_s"
        if spec.idempotency == "none":
            raise Unknown(
                f"{words}; it may have been done", service=spec.id, hint="look there first"
            ) from error
        raise Unavailable(words, service=spec.id, hint=hint) from error
    _check_output(action, result)
    return result


def _check_output(action: Action, result: Json) -> None:
    id_ = action.spec.id
    if _size(result) > RESULT_BYTES:
        raise Rejected(
            f"the result of {id_} is larger than {RESULT_BYTES} bytes",
            service=id_,
            status=0,
            hint="ask for less, or have it written into a file of the run (save_as)",
        )
    if fault := fault_in(result, action.spec.output):
        raise Rejected(f"{id_} returned something else than it declares: {fault}", service=id_, status=0)


def _size(value: Json) -> int:
    try:
        return len(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError("this is no plain JSON", hint="use texts, numbers, lists and objects") from error
