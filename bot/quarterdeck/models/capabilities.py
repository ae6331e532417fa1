"""Say what a provider's endpoint understands and how it says things, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
ReasoningOut = Literal["reasoning_content", "reasoning", "think-tags", "content-parts", "none"]
JsonOutput = Literal["schema", "object", "none"]
StreamUsage = Literal["include_usage", "always", "none"]


class Row(BaseModel):
    """Refuse unknown keys and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Capabilities(Row):
    """Hold one provider's ways; the defaults are those of most OpenAI-compatible servers."""

    max_tokens_field: MaxTokensField = "max_tokens"
    """Which field bounds the answer."""
    reasoning_out: ReasoningOut = "none"
    """Where thoughts come, apart from the answer."""
    replay_reasoning: Literal["never", "with-tools", "always"] = "never"
    """When thoughts must be sent back in later turns."""
    json_output: JsonOutput = Field(default="schema", alias="json")
    """Whether an answer can be held to a JSON Schema, to JSON at all, or not."""
    tool_choice: Literal["full", "no-forced", "no-forced-when-thinking", "none"] = "full"
    """Whether a tool can be demanded."""
    stream_usage: StreamUsage = "include_usage"
    """How the count of tokens of a streamed answer is had."""
    sampling: Literal["ok", "never", "not-when-reasoning"] = "ok"
    """Whether temperature is accepted; when it may be refused, it is left out."""
    vision: Literal["url", "data-uri", "none"] = "none"
    """How pictures may be sent."""
    embeddings: bool = False
    """Whether there is an embeddings endpoint."""
    models_endpoint: bool = True
    """Whether GET /models lists what there is."""
    drop: tuple[str, ...] = ()
    """Request fields that are refused and therefore left out."""
    extra_body: dict[str, object] = Field(default_factory=dict)
    """Request fields that are always sent."""
