"""Say what a provider's endpoint understands and how it says things, as data."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from quarterdeck.core.model import Effort

MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
ReasoningOut = Literal["reasoning_content", "reasoning", "think-tags", "content-parts", "none"]
JsonOutput = Literal["schema", "object", "none"]
StreamUsage = Literal["include_usage", "always", "none"]
ToolChoice = Literal["full", "no-forced", "no-forced-when-thinking", "none"]

EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)


class Row(BaseModel):
    """Refuse unknown keys and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Family(Row):
    """Say what is different for some of a provider's models."""

    models: tuple[str, ...]
    """Their ids, `*` stands for any characters."""
    ways: dict[str, object]
    """The capabilities that differ, named as in the record itself."""


class Capabilities(Row):
    """Hold one provider's ways; the defaults are those of most OpenAI-compatible servers."""

    max_tokens_field: MaxTokensField = "max_tokens"
    """Which field bounds the answer."""
    reasoning_out: ReasoningOut = "none"
    """Where thoughts come, apart from the answer."""
    reasoning_in: dict[Effort, dict[str, object]] = Field(default_factory=dict)
    """What the request says for each effort that there is; another one that is asked for becomes the nearest."""
    thinks: bool = False
    """Whether it thinks unless told not to."""
    replay_reasoning: Literal["never", "with-tools", "always"] = "never"
    """When thoughts must be sent back in later turns."""
    replay_field: Literal["reasoning_content", "reasoning_details"] = "reasoning_content"
    """How thoughts are sent back: as text, or as the parts that came."""
    json_output: JsonOutput = Field(default="schema", alias="json")
    """Whether an answer can be held to a JSON Schema, to JSON at all, or not."""
    json_streams: bool = True
    """Whether an answer that is held to JSON can be streamed."""
    closed_schemas: bool = False
    """Whether every object of a schema must say `additionalProperties: false`."""
    tools: bool = True
    """Whether tools can be offered."""
    tool_choice: ToolChoice = "full"
    """Whether a tool can be demanded."""
    stream_usage: StreamUsage = "include_usage"
    """How the count of tokens of a streamed answer is had."""
    sampling: Literal["ok", "never", "not-when-reasoning"] = "ok"
    """Whether temperature is accepted; when it may be refused, it is left out."""
    vision: Literal["url", "data-uri", "none"] = "none"
    """How pictures may be sent; they always go as data, never by address."""
    files: bool = False
    """Whether other files than pictures may be sent."""
    system_messages: Literal["one", "many"] = "one"
    """Whether instructions may stand in several messages; they are joined into the first anyway."""
    embeddings: bool = False
    """Whether there is an embeddings endpoint."""
    models_endpoint: bool = True
    """Whether GET /models lists what there is."""
    drop: tuple[str, ...] = ()
    """Request fields that are refused and therefore left out."""
    extra_body: dict[str, object] = Field(default_factory=dict)
    """Request fields that are always sent."""
    families: tuple[Family, ...] = ()
    """Models that differ from all this; the first entry that fits is used."""
    _of: dict[str, Capabilities] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _families_are_right(self) -> Capabilities:
        for family in self.families:
            self._with(family.ways)
        return self

    def of(self, model: str) -> Capabilities:
        """Return the ways of one model."""
        if not self.families:
            return self
        known = self._of.get(model)
        if known is None:
            found = (one for one in self.families if any(fnmatchcase(model, name) for name in one.models))
            family = next(found, None)
            known = self._of[model] = self if family is None else self._with(family.ways)
        return known

    def _with(self, ways: Mapping[str, object]) -> Capabilities:
        """Return these with some changed.

        Raises:
            ValueError: there is no such capability or value.
        """
        before = self.model_dump(by_alias=True, exclude={"families"})
        return Capabilities.model_validate({**before, **ways})

    def effort_of(self, asked: Effort | None) -> Effort | None:
        """Return the effort that comes nearest to what is asked for, of those there are; the lower of two."""
        if asked is None or not self.reasoning_in:
            return None
        wanted = EFFORTS.index(asked)
        return min(self.reasoning_in, key=lambda one: (abs(EFFORTS.index(one) - wanted), EFFORTS.index(one)))

    def is_thinking(self, asked: Effort | None) -> bool:
        """Tell whether the model will think, asked for this much."""
        effort = self.effort_of(asked)
        return self.thinks if effort is None else effort != "none"
