"""Check the settings that say who may use the bot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator

from quarterdeck.core.errors import SetupError
from quarterdeck.core.roles import Roles
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import IdentityText, refuse

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Included = Annotated[
    tuple[str, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=str | list[str])
]


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

    @field_validator("roles")
    @classmethod
    def _roles_are_sound(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        try:
            Roles(value)
        except SetupError as error:
            raise refuse(error.message, error.hint) from error
        return value
