"""Name the settings of one source of knowledge."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from quarterdeck.core.audience import spelled
from quarterdeck.core.errors import UsageError
from quarterdeck.core.sourcing import SourceKind, SourceOrder, parse_every
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import refuse

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(?:[^\n]*\S)?$")]
Place = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
PLACES: tuple[SourceKind, ...] = ("path", "git", "web", "sitemap", "feed", "channel")


def _every(text: str) -> str:
    try:
        parse_every(text)
    except UsageError as error:
        raise refuse(error.message, error.hint) from error
    return text


def _audience(text: str) -> str:
    try:
        return spelled([text]) if text else ""
    except UsageError as error:
        raise refuse(error.message, error.hint) from error


class SourceSettings(Section):
    """Read documents from one place, on a schedule, for those who may read them."""

    path: Place | None = None
    """A file or folder on this machine."""
    git: Place | None = None
    """A repository: https://…, or a path on this machine."""
    web: Place | None = None
    """A page."""
    sitemap: Place | None = None
    """The pages that a sitemap names, on its own host."""
    feed: Place | None = None
    """The entries of an RSS or Atom feed."""
    channel: Place | None = None
    """The id of a conversation: what is said there."""
    collection: Name = "documents"
    audience: Annotated[str, AfterValidator(_audience)] = ""
    """public, or role:NAME, group:NAME, person:ID, conversation:ID, joined by commas; empty is public, for a channel
    those who read it."""
    every: Annotated[str, AfterValidator(_every)] = "1h"
    """How often it is read: 15m, 6h, 1d, or never."""
    branch: str = ""
    """Of a repository; empty is its own default."""
    below: str = ""
    """Only what lies below this folder of a repository, or below this path of a site."""
    limit: int = Field(default=10_000, ge=1, le=10_000)
    """The most pages of a sitemap."""
    credential: str = ""
    """One of egress.credentials, for its own hosts."""

    @model_validator(mode="after")
    def _one_place(self) -> SourceSettings:
        given = [name for name in PLACES if getattr(self, name) is not None]
        if len(given) != 1:
            raise refuse("names no place, or several", f"write exactly one of {', '.join(PLACES)}")
        return self

    def order(self) -> SourceOrder:
        """Return what is to be added."""
        kind = next(name for name in PLACES if getattr(self, name) is not None)
        wanted = {
            "git": ("branch", "below", "credential"),
            "sitemap": ("below", "limit", "credential"),
            "web": ("credential",),
            "feed": ("credential",),
        }
        options = {name: getattr(self, name) for name in wanted.get(kind, ()) if getattr(self, name)}
        return SourceOrder(
            location=str(getattr(self, kind)),
            kind=kind,
            collection=self.collection,
            audience=self.audience,
            every_s=parse_every(self.every),
            options=options,
        )
