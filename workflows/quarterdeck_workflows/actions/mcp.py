"""Use a tool of an MCP server that an owner approved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from quarterdeck.core.action import ActionCall, ActionSpec, Idempotency
from quarterdeck.core.command import Effect
from quarterdeck.core.errors import NotFound, Rejected
from quarterdeck.core.mcp import McpCall
from quarterdeck.core.ports import Json
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import STRING, Declared, mapped, one_of, shape, text
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import map_of, text_of

TOOL: Final = r"^(mcp\.)?[a-z0-9][a-z0-9_-]{0,31}\.[A-Za-z0-9_.-]{1,64}$"


async def _call(call: ActionCall) -> Json:
    if call.services.mcp is None:
        raise NotFound("there are no MCP servers here", hint="name one in mcp.servers of the settings")
    result = await call.services.mcp.call(
        McpCall(
            tool=text_of(call, "tool"),
            arguments=map_of(call, "arguments"),
            effect=cast("Effect", text_of(call, "effect", "read")),
            person=call.person,
            identity=call.identity,
            conversation=call.conversation,
            progress=call.progress,
        )
    )
    if result.is_error:
        raise Rejected(f"the tool failed: {result.text[:500]}", service=text_of(call, "tool"), status=0)
    folder, files = folder_of(call), list[Json]()
    for file in result.files:
        content = await in_thread(Path(file.path).read_bytes)
        await in_thread(folder.write, file.name, content)
        files.append(file.name)
    return {"text": result.text, "files": files}


def _meaning(given: Mapping[str, Json]) -> tuple[Effect, Idempotency]:
    effect = cast("Effect", given.get("effect", "read"))
    return effect, "pure" if effect == "read" else "none"


ACTIONS = (
    Declared(
        ActionSpec(
            id="mcp.call",
            summary="Use a tool of an MCP server that an owner approved",
            input=shape(
                {"tool": text("SERVER.TOOL, as `quarterdeck mcp list` names it", longest=110, pattern=TOOL)},
                {
                    "arguments": mapped("What the tool takes, by name", {}, most=200),
                    "effect": one_of(
                        "What the tool may do; no less than the settings mark it as",
                        "read",
                        "write",
                        "destructive",
                        default="read",
                    ),
                },
            ),
            output=shape({"text": STRING, "files": {"type": "array", "items": STRING}}),
            effect="destructive",
            idempotency="none",
            is_untrusted=True,
            timeout_s=120.0,
            meaning=_meaning,
        ),
        _call,
    ),
)
