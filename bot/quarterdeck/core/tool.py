"""Describe what a model may be offered to use, whoever brings it: a command, a workflow, the documents, a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from quarterdeck.core.command import Effect
from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.message import Conversation
    from quarterdeck.core.model import Connected, Finish, ModelMessage
    from quarterdeck.core.person import Identity, Person
    from quarterdeck.core.reply import Citation, File, Reply


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
    says otherwise. An `is_outward` one can carry words to places outside. `requires` are actions that the person must
    be allowed besides (`command:deploy`); `accept` returns the arguments as they will be run and shown to who
    approves, or raises a UserError.
    """

    name: str
    summary: str
    schema: Mapping[str, object]
    run: Callable[[ToolUse], Awaitable[ToolResult]] = field(compare=False)
    effect: Effect = "read"
    least_role: str = "operator"
    is_outward: bool = False
    requires: tuple[str, ...] = ()
    accept: Callable[[ToolUse], Mapping[str, object]] = field(
        default=lambda use: use.arguments, compare=False
    )


class ToolSource(Protocol):
    """Bring tools."""

    async def tools(self) -> Sequence[Usable]:
        """Return those that are ready now; asking costs nothing outside this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Say for whom a model answers, where, and to which event; what it uses, it uses with the rights of `person`."""

    person: Person
    identity: Identity
    conversation: Conversation
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Show one tool that a person may let a model use. `asks`: who must agree each time, empty where nobody must."""

    name: str
    summary: str
    effect: Effect
    asks: tuple[str, ...] = ()
    is_outward: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Hold a whole answer: the words of all rounds, what the last one ended with, and what was used for it.

    `waiting` are the approvals that tools wait for, `stopped` says which bound ended the use of tools.
    """

    text: str
    finish: Finish | None
    answered_by: Connected | None
    used: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    stopped: str = ""
    citations: tuple[Citation, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Hold an answer that ended while its calls wait for approval, so that its model can go on from there.

    `turns` are those after `question`: what the model asked for and was told. `waiting` gives for each approval which
    turn is to hold the result. What was tainted stays so; `calls` counts on.
    """

    id: str
    question: str
    turns: tuple[ModelMessage, ...]
    waiting: Mapping[str, int]
    citations: tuple[Citation, ...] = ()
    is_tainted: bool = False
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Hold what an approved call said, and the answer that its model can go on with now."""

    reply: Reply
    paused: Paused | None = None


class Tools(Protocol):
    """Let models use tools, as far as the person who asks may."""

    async def offered(self, talk: Talk) -> list[Offer]:
        """Return what a model would be offered now for this person here, by name."""

    def answer(
        self,
        talk: Talk,
        turns: Sequence[ModelMessage],
        connected: Connected,
        *,
        max_output_tokens: int,
        paused: Paused | None = None,
    ) -> AsyncIterator[str | Answered]:
        """Stream a model's answer; between its rounds the tools that it asks for run. The last item is the whole.

        With `paused` it goes on with that answer; `turns` then end with its question.

        Raises:
            QuarterdeckError: the model's, as `Models.complete` says; nothing of an answer that was cut off was run.
        """

    async def carry_out(self, approval_id: str, talk: Talk) -> Carried:
        """Run the tool call that was approved, once, as its asker, and return what it said.

        Asked again by the same event after a crash, it says what the call said then, or that nobody knows.

        Raises:
            Denied: it was not approved, was done already, or is no longer what was approved.
        """
