"""Declare digests: what they gather, where they go, when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import IdentityText, Zone

DigestName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
QuietHours = Annotated[str, StringConstraints(pattern=r"^(\d{1,2}:\d{2}-\d{1,2}:\d{2})?$")]
Path = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Target = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class SourceSettings(Section):
    """Name one source of a digest: exactly one of the first five."""

    conversation: Target | None = None
    """A conversation's id."""
    workflow: Target | None = None
    """A workflow's name, or *."""
    knowledge: Target | None = None
    """A collection of documents, or *."""
    feed: Target | None = None
    """The address of an RSS or Atom feed."""
    json_list: Target | None = Field(default=None, alias="json")
    """The address of a JSON document."""
    title: str = Field(default="", max_length=80)
    """What readers know it by."""
    credential: str = Field(default="", max_length=100)
    """One of egress.credentials, for feed and json."""
    paths: dict[Literal["items", "id", "title", "url", "text", "at"], Path] = Field(default_factory=dict)
    """JMESPath expressions of a json source."""


class DigestSettings(Section):
    """Declare one digest."""

    title: str = Field(default="", max_length=100)
    sources: tuple[SourceSettings, ...] = Field(min_length=1, max_length=30)
    to: tuple[Target, ...] = Field(default=(), max_length=50)
    """Conversations that it goes to, by id."""
    readers: tuple[IdentityText, ...] = Field(default=(), max_length=50)
    """People who get it directly, by their own clock."""
    at: str = Field(default="", max_length=400)
    """When: plain words, a cron line or an interval; empty: by /schedule, or when somebody sends it."""
    timezone: Zone | None = None
    """By whose clock; schedule.default_timezone unless it is said."""
    quiet: QuietHours = ""
    """Hours in which nothing is posted: 22:00-07:00. It comes when they end."""
    empty: Literal["silence", "line"] = "silence"
    """What an issue without news is."""
    carry: int = Field(default=0, ge=0, le=10)
    """In how many more issues an item is named that nobody has seen to."""
    most: int = Field(default=20, ge=1, le=50)
    """Items of one issue."""
    summary: Literal["auto", "never"] = "auto"
    """auto: a capable model words it, where one is connected."""
