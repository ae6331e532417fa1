"""Describe a call to a language model and what streams back, whatever the vendor's wire format."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Literal, Protocol

from quarterdeck.core.value import dataclass

Speaker = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "refusal", "content_filter"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

NO_TOOL, ANY_TOOL, FREE = "none", "required", "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """Hold a picture or file that goes to a model: its bytes, or where they lie on this machine."""

    media_type: str
    content: bytes | Path = field(repr=False)
    name: str = ""

    @property
    def is_image(self) -> bool:
        """Tell pictures from other files."""
        return self.media_type.startswith("image/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Offer the model something that it may ask for; `schema` is the JSON Schema of its arguments, an object."""

    name: str
    description: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """Hold what a model asks for: `arguments` is JSON as the model wrote it; `id` pairs it with its result.

    `mark` is the vendor's own sign on the call, which goes back with it in later turns.
    """

    id: str
    name: str
    arguments: str = "{}"
    mark: str = ""

    def values(self) -> Mapping[str, object]:
        """Return the arguments.

        Raises:
            ValueError: they are no JSON object.
        """
        try:
            found = json.loads(self.arguments or "{}")
        except RecursionError as error:
            raise ValueError("nested without end") from error
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoughts:
    """Hold what a vendor wants back word for word in later turns; only the wire format that wrote it reads it."""

    wire: str
    parts: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMessage:
    """Hold one turn of a chat with a model.

    `is_untrusted`: strangers may have written it, so what a model makes of it may not reach for write tools by itself.
    A user's turn may enclose files. The assistant's may ask for tools; then `thoughts` and `reasoning` are what its
    last delta said. A tool's turn is the result of the call `call_id`; `is_error` where it failed.
    """

    speaker: Speaker
    text: str
    enclosed: tuple[Enclosed, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    is_error: bool = False
    reasoning: str = ""
    thoughts: Thoughts | None = None
    is_untrusted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Ask a model. `model` is the vendor's id without our provider prefix; `max_output_tokens` bounds the answer.

    `tool_choice` is `auto`, `none`, `required` or the name of a tool; it is a wish where a vendor cannot be held to it.
    `unshown` are tools that are not sent along and may be called all the same.
    With `json_schema` the text of the answer is one JSON document.
    """

    model: str
    messages: tuple[ModelMessage, ...]
    max_output_tokens: int = 1024
    temperature: float | None = None
    json_schema: Mapping[str, object] | None = None
    tools: tuple[Tool, ...] = ()
    unshown: tuple[Tool, ...] = ()
    tool_choice: str = FREE
    effort: Effort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Count what a call used; None where the vendor did not say.

    `cached_tokens` are among the input tokens, `reasoning_tokens` among the output tokens; `microusd` is what the
    vendor says that the call cost.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    microusd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Hold the next piece of an answer. The last delta of a whole answer has `finish`; without it, it was cut off.

    Tool calls come whole and with the last delta only: of an answer that was cut off there are none. Where several
    models may answer, the last delta also names in `answered_by` the one that did.
    """

    text: str = ""
    reasoning: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    answered_by: Connected | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    thoughts: Thoughts | None = None


class Dialect(Protocol):
    """Speak one wire format for many providers."""

    def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Stream the answer; closing the iterator stops the vendor.

        Raises:
            ServiceError: mapped from the vendor's error; a stream that ends without `finish` raises `Unavailable`.
        """

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector a text, in order.

        Raises:
            ServiceError: as above.
        """

    async def models(self) -> list[str]:
        """List the model ids that the endpoint offers."""

    async def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Name the model that answers a role: `provider/model`, and how it is shown to people.

    `label` is what people are told below its answer: that it is the small built-in one, that its name changed.
    """

    provider: str
    model: str
    label: str = ""
    is_capable: bool = True

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """Hold an earlier answer."""

    text: str
    answered_by: Connected


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Say what is wanted beyond text: tools that the model may ask for, JSON of a schema, more or less thought."""

    tools: tuple[Tool, ...] = ()
    unshown: tuple[Tool, ...] = ()
    tool_choice: str = FREE
    json_schema: Mapping[str, object] | None = None
    effort: Effort | None = None
    temperature: float | None = None


class Models(Protocol):
    """Answer with whichever model the settings name for a role (`chat`, `fast`, …)."""

    async def connected(self, role: str = "chat") -> Connected | None:
        """Return the model that would answer now, or None when none is connected."""

    def complete(
        self,
        messages: Sequence[ModelMessage],
        *,
        role: str = "chat",
        max_output_tokens: int = 1024,
        person_id: str = "",
        conversation_id: str = "",
        workflow: str = "",
        wanted: Wanted = Wanted(),  # noqa: B008 - cannot be changed
    ) -> AsyncIterator[Delta]:
        """Stream an answer from the role's first model that works; usage is recorded for person and conversation.

        Tool calls are whole and fit their tools, JSON fits its schema, or the call fails; JSON comes in one piece.

        Raises:
            SetupError: no model is connected.
            OverBudget: a budget does not allow the call.
            ServiceError: every model of the role failed.
        """

    async def how_to_connect(self) -> str:
        """Say in CommonMark how to connect a model: the variable, the local server found, the built-in model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Show what one connected provider offers; `reason` says why its list could not be had."""

    provider: str
    models: tuple[str, ...] = ()
    reason: str = ""


class ModelChoices(Protocol):
    """Let a conversation have a model of its own."""

    async def offered(self) -> list[Offered]:
        """Return the models of every connected provider, their lists at most 15 minutes old."""

    async def chosen(self, conversation_id: str) -> Connected | None:
        """Return what was chosen for the conversation, None where the settings decide."""

    async def choose(self, conversation_id: str, name: str) -> Connected | None:
        """Let `provider/model` answer there from now on; an empty name leaves it to the settings again.

        Raises:
            NotFound: no such provider or model.
            SetupError: the provider is off.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """Record one model call."""

    at_ms: int
    provider: str
    model: str
    role: str
    person_id: str = ""
    conversation_id: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    microusd: int | None = None
    took_ms: int = 0
    outcome: str = "ok"
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    first_ms: int | None = None
    images: int | None = None
