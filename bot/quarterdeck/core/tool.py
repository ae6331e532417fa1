"""Describe what a model may be offered to use, whoever brings it: a command, a workflow, the documents, a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from quarterdeck.core.command import Effect

if TYPE_CHECKING:
    from quarterdeck.core.message import Conversation
    from quarterdeck.core.person import Identity, Person
    from quarterdeck.core.reply import Citation, File


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """Hand a tool its checked arguments, for a person in a conversation; `key` is the same when it is tried again."""

    arguments: Mapping[str, object]
    person: Person
    identity: Identity
    conversation: Conversation
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """Hold what a tool said. `is_untrusted`: strangers may have written it."""

    text: str
    is_error: bool = False
    is_untrusted: bool = False
    files: tuple[File, ...] = ()
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """Offer one tool. `name` is namespaced (`command.ping`, `mcp.SERVER.TOOL`); policy rules match it.

    `schema` is the JSON Schema of its arguments, an object. `least_role` is the role that the person needs when no rule
    says otherwise. An `is_outward` one can carry words to places outside.
    """

    name: str
    summary: str
    schema: Mapping[str, object]
    run: Callable[[ToolUse], Awaitable[ToolResult]] = field(compare=False)
    effect: Effect = "read"
    least_role: str = "operator"
    is_outward: bool = False


class ToolSource(Protocol):
    """Bring tools."""

    async def tools(self) -> Sequence[Usable]:
        """Return those that are ready now; asking costs nothing outside this process."""
