"""Check the settings that say who may use the bot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from quarterdeck.core.errors import SetupError
from quarterdeck.core.mailbox import domain_of
from quarterdeck.core.roles import Roles
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import IdentityText, refuse

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Included = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=str | list[str])
]


def _domain(value: object) -> object:
    found = domain_of(value) if isinstance(value, str) else ""
    if not found:
        raise refuse("is not a domain", "write it as it stands behind the @, such as example.com")
    return found


MailDomain = Annotated[str, BeforeValidator(_domain, json_schema_input_type=str)]


class EmailSettings(Section):
    """Make accounts that have proven the same mail address one person."""

    domains: tuple[MailDomain, ...] = ()
    """Domains whose addresses count, such as example.com; a sub-domain is another one. Empty: none."""
    most_role: RoleName = "operator"
    """Whoever holds more than this is never joined so: they use /link, which asks both accounts."""


class AccessSettings(Section):
    """Say who may use the bot."""

    owners: tuple[IdentityText, ...] = ()
    """Identities that are owners, such as slack:T1:U1."""
    default_role: Literal["none", "viewer"] = "none"
    """The role of people who were never granted one."""
    roles: dict[RoleName, Included] = Field(default_factory=dict)
    """Own roles by name, each with the roles that it includes: `releaser: operator`."""
    policy: Path | None = None
    """The file of your rules; policy.yaml in user_dir, where it is there, unless it is said."""
    directory: Path | None = None
    """A file that says which accounts belong to one person."""
    emails: EmailSettings = Field(default_factory=EmailSettings)

    @field_validator("roles")
    @classmethod
    def _roles_are_sound(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        try:
            Roles(value)
        except SetupError as error:
            raise refuse(error.message, error.hint) from error
        return value

    @model_validator(mode="after")
    def _most_role_exists(self) -> Self:
        roles, name = Roles(self.roles), self.emails.most_role
        if not roles.of(name):
            hint = did_you_mean(name, roles.names()) or f"write one of {', '.join(roles.names())}"
            raise refuse(f"{name!r} is no role", hint, key="emails.most_role")
        return self
