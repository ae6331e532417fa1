"""Read and write files in the run's own folder."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import COUNT, FILE, STRING, Declared, one_of, shape, text
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import text_of

READ_BYTES: Final = 700_000  # base64 of it fits into a step's result
CODING: Final = one_of("base64 for what is no text", "text", "base64", default="text")


async def _read(call: ActionCall) -> Json:
    name, coding = text_of(call, "file"), text_of(call, "as", "text")
    content = await in_thread(folder_of(call).read, name, READ_BYTES)
    if coding == "base64":
        return {"content": base64.b64encode(content).decode(), "size_bytes": len(content)}
    try:
        return {"content": content.decode(), "size_bytes": len(content)}
    except UnicodeDecodeError as error:
        raise UsageError(f"{name!r} is no UTF-8 text", hint="read it with `as: base64`") from error


async def _write(call: ActionCall) -> Json:
    name, given = text_of(call, "file"), text_of(call, "content")
    try:
        is_coded = text_of(call, "as", "text") == "base64"
        content = base64.b64decode(given, validate=True) if is_coded else given.encode()
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        raise UsageError(
            "the content is not what `as` says", hint="give text, or base64 with `as: base64`"
        ) from error
    await in_thread(folder_of(call).write, name, content)
    return {"file": name, "size_bytes": len(content)}


ACTIONS = (
    Declared(
        ActionSpec(
            id="file.read",
            summary="Read a file of the run",
            input=shape({"file": FILE}, {"as": CODING}),
            output=shape({"content": STRING, "size_bytes": COUNT}),
            is_untrusted=True,
        ),
        _read,
    ),
    Declared(
        ActionSpec(
            id="file.write",
            summary="Write a file of the run, whole or not at all",
            input=shape(
                {"file": FILE, "content": text("What it is to hold", least=0, longest=2_000_000)},
                {"as": CODING},
            ),
            output=shape({"file": STRING, "size_bytes": COUNT}),
            effect="none",  # nobody sees it until another action shows it
        ),
        _write,
    ),
)
