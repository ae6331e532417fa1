"""Say who somebody is: a person, and the platform accounts that are proven to be theirs."""

from __future__ import annotations

from dataclasses import dataclass

from quarterdeck.core.errors import UsageError

ROLES = ("viewer", "operator", "editor", "admin", "owner")
"""From the least to the most; each includes the ones before it. `none` stands for no role at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Name one account by its platform's immutable ids, never by a display name.

    `workspace` is empty where the platform has none (Discord, Telegram, web, console).
    """

    platform: str
    workspace: str = ""
    user_id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.workspace}:{self.user_id}"

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read `platform:workspace:user`.

        Raises:
            UsageError: `text` has another form; names (`@anna`) are never identities.
        """
        parts = text.split(":", 2)
        if len(parts) != 3 or not parts[0] or not parts[2] or parts[2].startswith("@"):
            raise UsageError(
                f"{text!r} is not an identity",
                hint="write platform:workspace:user with the platform's own ids, such as slack:T1:U1 or discord::42",
            )
        return cls(platform=parts[0], workspace=parts[1], user_id=parts[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Stand for one human, or one named service principal, whatever account they write from.

    `role` is one of `ROLES` or `none`. A person who was never met has the id of their identity.
    """

    id: str
    name: str
    role: str = "none"
    is_service: bool = False

    def has_role(self, least: str) -> bool:
        """Tell whether this person's role is `least` or more."""
        if self.role not in ROLES:
            return False
        return ROLES.index(self.role) >= ROLES.index(least)
