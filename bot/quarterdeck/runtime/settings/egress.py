"""Name the settings of what goes out, and comes in, at the wish of workflows: requests, credentials, media."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import HostName, Network, Secret, refuse

CredentialName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]


class CredentialSettings(Section):
    """Let requests carry a secret to hosts of its own; workflows name it and never see it."""

    secret: Secret
    """What is sent or signed with: env:NAME or secret:NAME."""
    hosts: tuple[HostName, ...] = Field(min_length=1)
    """Where it may go: exact host names, and nowhere else."""
    use: Literal["bearer", "basic", "header", "signature", "address"] = "bearer"
    """bearer and basic (USER:PASSWORD): the header Authorization. header: as it is, in the header named below.
    signature: a Standard Webhooks key (whsec_…). address: the whole address is the secret (a Slack or Discord webhook).
    """
    header: HeaderName | None = None
    """The header's name, where use is header."""

    @model_validator(mode="after")
    def _fits(self) -> CredentialSettings:
        if (self.use == "header") != (self.header is not None):
            raise refuse(
                "use: header and header: NAME belong together", "write both, or neither", key="header"
            )
        return self


class EgressSettings(Section):
    """Bound what the bot fetches from addresses that people or documents name."""

    allow_private: tuple[Network, ...] = ()
    """Networks that may be reached although they are private or special."""
    allow_http: bool = False
    """Allow http:// besides https://."""
    max_bytes: int = Field(default=10 * 1024 * 1024, ge=1024, le=1024**3)
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    credentials: dict[CredentialName, CredentialSettings] = Field(default_factory=dict)
    """Secrets that workflows may have sent to their own hosts, by the names that workflows use."""


class MediaSettings(Section):
    """Bound which videos and pictures workflows read."""

    folders: tuple[Path, ...] = ()
    """Folders whose videos and pictures workflows may read, besides the files of their own run; absolute."""

    @field_validator("folders")
    @classmethod
    def _are_absolute(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        found = tuple(one.expanduser() for one in value)
        if not all(one.is_absolute() and one != Path(one.anchor) for one in found):
            raise refuse("must be whole paths, and none of them /", "write /srv/recordings, or ~/recordings")
        return found
