"""Say who somebody is: a person, and the platform accounts that are proven to be theirs."""

from __future__ import annotations

from dataclasses import field
from types import MappingProxyType

from quarterdeck.core.errors import UsageError
from quarterdeck.core.value import dataclass

ROLES = ("viewer", "operator", "editor", "admin", "owner")
"""From the least to the most; each includes the ones before it. `none` stands for no role at all."""

LADDER = MappingProxyType({role: frozenset(ROLES[: at + 1]) for at, role in enumerate(ROLES)})
"""The roles that each role includes, itself among them."""

NO_ROLES: frozenset[str] = frozenset()
LONGEST_IDENTITY = 400  # characters, as the tables have it


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

    @classmethod
    def written(cls, text: str) -> Identity:
        """Read an identity that people wrote down: in settings, a policy, on a command line.

        It can only be the platform's own id, so what merely looks like one (other scripts, invisible signs, spaces) is
        refused rather than kept as an account that nobody has.

        Raises:
            UsageError: `text` is no identity.
        """
        if not text.isascii() or not text.isprintable() or " " in text or len(text) > LONGEST_IDENTITY:
            raise UsageError(
                f"{text[:80]!a} is not an identity",
                hint="write platform:workspace:user with the platform's own ids, such as slack:T1:U1 or discord::42",
            )
        return cls.parse(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Stand for one human, or one named service principal, whatever account they write from.

    `role` is one of `ROLES`, an own role of the settings, or `none`. A person who was never met has the id of their
    identity. `roles` are all that their role and their groups include; empty: what `role` alone does. `groups` are the
    policy's groups that they are in now, `identities` the accounts that are theirs, as text.
    """

    id: str
    name: str
    role: str = "none"
    is_service: bool = False
    roles: frozenset[str] = field(default=frozenset(), compare=False)
    groups: frozenset[str] = field(default=frozenset(), compare=False)
    identities: frozenset[str] = field(default=frozenset(), compare=False)

    def held(self) -> frozenset[str]:
        """Return every role that this person has, those included in another among them."""
        return self.roles or LADDER.get(self.role, NO_ROLES)

    def has_role(self, least: str) -> bool:
        """Tell whether this person's role is `least` or more."""
        return least in self.held()
