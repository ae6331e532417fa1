"""State prices of models and limits of what may be spent on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from quarterdeck.runtime.settings.section import Section

BudgetSelector = Annotated[
    str, StringConstraints(pattern=r"^(person|role|conversation|provider|workflow):\S+$")
]


class PriceSettings(Section):
    """State what a model costs, in US dollars: for a million tokens, or for a picture."""

    input: float | None = Field(default=None, ge=0.0)
    output: float | None = Field(default=None, ge=0.0)
    image: float | None = Field(default=None, ge=0.0)
    """For each picture that it draws."""

    @model_validator(mode="after")
    def _says_a_price(self) -> PriceSettings:
        if (self.input is None) != (self.output is None) or (self.image is None and self.input is None):
            raise ValueError("a price needs input and output, or image")
        return self


class BudgetSettings(Section):
    """Limit what model calls may cost."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[a-z0-9_-]+$")
    only: tuple[BudgetSelector, ...] = ()
    """For whom: person:ID, role:NAME, conversation:ID, provider:ID, workflow:NAME; everybody when empty."""
    each: Literal["nobody", "person", "role", "conversation", "provider", "workflow"] = "nobody"
    """Counted apart for each of these; nobody counts all together."""
    per: Literal["day", "month"] = "day"
    """The period, in schedule.default_timezone."""
    usd: float | None = Field(default=None, ge=0.0)
    """US dollars in a period."""
    tokens: int | None = Field(default=None, ge=0)
    """Tokens in a period, in and out."""
    at_limit: tuple[Literal["cheaper", "cached", "ask", "refuse"], ...] = ("refuse",)
    """What happens then, in order: the models of the role fast, an earlier answer, `/budget more`, a refusal."""

    @model_validator(mode="after")
    def _limits_something(self) -> BudgetSettings:
        if self.usd is None and self.tokens is None:
            raise ValueError("a budget needs usd or tokens")
        return self
