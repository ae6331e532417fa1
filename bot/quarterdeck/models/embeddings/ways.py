"""Say how a provider's endpoint for embeddings is asked, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from quarterdeck.models.providers.capabilities import Row


class EmbedWays(Row):
    """Describe how vectors are asked for; the defaults are those of most OpenAI-compatible servers."""

    dialect: Literal["openai", "gemini", "ollama"] = "openai"
    """The wire format."""
    encoding: Literal["base64", "float", "none"] = "none"
    """How vectors are asked to be written; `none` where the field is refused. Both forms are read."""
    batch: int = Field(default=64, ge=1, le=2048)
    """The most texts of one call."""
    batch_tokens: int = Field(default=16_000, ge=256, le=1_000_000)
    """The most tokens of one call, all texts together."""
    text_tokens: int = Field(default=8_000, ge=128, le=100_000)
    """The most tokens of one text; what is longer is cut there."""
    question: dict[str, object] = Field(default_factory=dict)
    """Fields that are sent with a question."""
    passage: dict[str, object] = Field(default_factory=dict)
    """Fields that are sent with passages of documents."""
