"""Reshape data between steps."""

from __future__ import annotations

import json
from typing import cast

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import FILE, Declared, anything, shape, text
from quarterdeck_workflows.actions.kit.folder import RunFolder, folder_of
from quarterdeck_workflows.actions.kit.given import text_of
from quarterdeck_workflows.actions.kit.query import LONGEST, search

FILE_BYTES = 4 * 1024 * 1024


async def _transform(call: ActionCall) -> Json:
    file = text_of(call, "file")
    if bool(file) == ("value" in call.input):
        raise UsageError("data.transform takes a value or a file", hint="give one of `value` and `file`")
    value = await in_thread(_parsed, folder_of(call), file) if file else call.input["value"]
    return {"result": await in_thread(search, text_of(call, "query"), value)}


def _parsed(folder: RunFolder, name: str) -> Json:
    """Return the JSON, or the JSON Lines as a list, that a file holds."""
    content = folder.read(name, FILE_BYTES)
    try:
        if name.endswith(".jsonl"):
            return [json.loads(line) for line in content.splitlines() if line.strip()]
        return cast("Json", json.loads(content))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{name!r} is no JSON", hint="write it with file.write, http.request or media.extract"
        ) from error


ACTIONS = (
    Declared(
        ActionSpec(
            id="data.transform",
            summary="Reshape data with a JMESPath expression",
            input=shape(
                {"query": text("The expression, such as items[?state=='open'].name", longest=LONGEST)},
                {"value": anything("The data"), "file": FILE},
            ),
            output=shape({"result": anything("What the expression makes of it")}),
            timeout_s=30.0,
        ),
        _transform,
    ),
)
