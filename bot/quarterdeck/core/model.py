"""Describe a call to a language model and what streams back, whatever the vendor's wire format."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Speaker = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "tool_calls", "refusal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMessage:
    """Hold one turn of a chat with a model."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Ask a model. `model` is the vendor's id without our provider prefix; `max_output_tokens` bounds the answer."""

    model: str
    messages: tuple[ModelMessage, ...]
    max_output_tokens: int = 1024
    temperature: float | None = None
    json_schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Count what a call used; None where the vendor did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Hold the next piece of an answer. The last delta of a whole answer has `finish`; without it, it was cut off.

    Where several models may answer, the last delta also names in `answered_by` the one that did.
    """

    text: str = ""
    reasoning: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    answered_by: Connected | None = None


class Dialect(Protocol):
    """Speak one wire format for many providers."""

    def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Stream the answer.

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

    `label` is empty for capable models; the built-in model's answers are marked with it.
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
    ) -> AsyncIterator[Delta]:
        """Stream an answer from the role's first model that works; usage is recorded for person and conversation.

        Raises:
            SetupError: no model is connected.
            OverBudget: a budget does not allow the call.
            ServiceError: every model of the role failed.
        """

    async def how_to_connect(self) -> str:
        """Say in CommonMark how to connect a model: the variable, the local server found, the built-in model."""


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
    extra: Mapping[str, object] = field(default_factory=dict)
