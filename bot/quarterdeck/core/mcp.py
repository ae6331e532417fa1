"""Describe the MCP servers whose tools an operator lets the bot use, and ask for one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Literal, Protocol

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.command import Effect
    from quarterdeck.core.message import Conversation
    from quarterdeck.core.person import Identity, Person
    from quarterdeck.core.tool import ToolResult

ServerState = Literal["ready", "idle", "down", "off"]
"""`idle`: not spoken with since the bot started; `off`: its settings, or their file, forbid to use it."""

ToolState = Literal["approved", "new", "changed", "gone", "off", "unmarked", "refused"]
"""`unmarked`: the server says that it changes something, and the settings do not say how; `refused`: has no form that
could be offered; `off`: the settings switch it off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """Show one tool of a server. `digest` pins what it says of itself; `difference` is against what was approved.

    `claims` is what the server says of its effects: shown, and never believed.
    """

    server: str
    tool: str
    state: ToolState
    effect: Effect
    digest: str
    about: str = ""
    why: str = ""
    difference: str = ""
    claims: Mapping[str, object] = field(default_factory=dict)
    schema: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name that policy rules, models and people know it by."""
        return f"mcp.{self.server}.{self.tool}"


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """Show one server: how it does, what it speaks, and its tools. `digest` pins all those that wait for approval."""

    name: str
    kind: Literal["stdio", "http"]
    state: ServerState
    problem: str = ""
    fix: str = ""
    protocol: str = ""
    software: str = ""
    restarts: int = 0
    tools: tuple[McpTool, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpCall:
    """Ask for one tool with the rights of a person; `effect` is what the asker declared that it may do."""

    tool: str
    arguments: Mapping[str, object]
    effect: Effect
    person: Person
    identity: Identity
    conversation: Conversation
    progress: Callable[[str], Awaitable[None]] | None = None


class Mcp(Protocol):
    """Use the servers."""

    async def servers(self, *, ask: bool = False) -> Sequence[McpServer]:
        """Return all that are configured, by name; with `ask` each is spoken with first, within its time limit."""

    async def show(self, name: str, *, ask: bool = True) -> Sequence[McpTool]:
        """Return the tools of `SERVER`, or the one that `SERVER.TOOL` names; with or without `mcp.` before it.

        Raises:
            NotFound: there is no such server or tool.
        """

    async def approve(self, name: str, digest: str, *, person_id: str = "") -> Sequence[McpTool]:
        """Let models use a tool as it is now, or all of a server that wait; `digest` is of what was looked at.

        Raises:
            NotFound: there is no such server or tool.
            Conflict: what it says of itself is no longer what was looked at.
            ServiceError: the server cannot be asked.
        """

    async def call(self, call: McpCall) -> ToolResult:
        """Run a tool, if the person may.

        Raises:
            NotFound: there is no such tool, or it is not approved.
            Denied: the person may not, or the tool does more than was declared.
            ServiceError: the server failed.
        """
