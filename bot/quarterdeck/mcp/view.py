"""Say how a tool stands: what was approved, what the server says now, and what the settings make of it."""

from __future__ import annotations

from typing import Final, cast

from quarterdeck.core.command import Effect
from quarterdeck.core.mcp import McpTool, ToolState
from quarterdeck.mcp.definition import Definition, difference
from quarterdeck.mcp.server import Server

STATES: Final = ("approved", "new", "changed")
WORDS: Final[dict[ToolState, str]] = {
    "approved": "it is approved",
    "new": "no owner has approved it yet",
    "changed": "it changed since an owner approved it",
    "gone": "the server does not offer it any more",
    "off": "the settings switch it off",
    "unmarked": "the server says that it changes something, and the settings do not mark it",
    "refused": "it has no form that can be offered",
}


def stated(state: ToolState) -> str:
    """Return it in words."""
    return WORDS[state]


def effect_of(server: Server, tool: str) -> Effect:
    """Return what the operator says that a tool does; reading, where they say nothing."""
    mark = server.settings.tools.get(tool, "read")
    return cast("Effect", "read" if mark == "off" else mark)


def state_of(server: Server, tool: str, pin: Definition | None) -> ToolState:
    """Say whether a tool may be offered: the first reason against it."""
    now = server.seen.get(tool)
    if server.was_asked and now is None:
        return "gone"
    known = now or pin
    if known is None:
        return "new"
    if known.fault:
        return "refused"
    mark = server.settings.tools.get(tool)
    if mark == "off":
        return "off"
    if mark is None and known.says_it_writes:
        return "unmarked"
    if pin is None:
        return "new"
    if pin.digest != known.digest or pin.origin != server.origin:
        return "changed"
    return "approved"


def shown_tool(server: Server, tool: str, pin: Definition | None) -> McpTool:
    """Return a tool as people are shown it; one of the two definitions is there."""
    known = server.seen.get(tool) or pin
    assert known is not None
    state = state_of(server, tool, pin)
    why = known.fault if state == "refused" else "" if state == "approved" else WORDS[state]
    if state == "unmarked":
        why += f": set mcp.servers.{server.name}.tools: {{{tool}: write}}, or destructive, or read"
    return McpTool(
        server=server.name,
        tool=tool,
        state=state,
        effect=effect_of(server, tool),
        digest=known.digest,
        about=known.about,
        why=why,
        difference=difference(pin, known) if pin is not None and state == "changed" else "",
        claims=known.claims,
        schema=known.schema,
    )
