"""Tell which person stands behind an account.

Owners from the settings, and the operating-system user who runs the bot, are owners whatever the database says;
so nobody is locked out of their own machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from quarterdeck.core.person import Identity, Person


class PeopleRows(Protocol):
    """Know the people who were granted a role."""

    async def find(self, identity: Identity) -> Person | None:
        """Return the person behind an account, or None."""


class Directory:
    """Look people up (the `People` port). `default_role` is what somebody never met has: none or viewer."""

    def __init__(
        self, rows: PeopleRows, *, owners: Mapping[Identity, str], default_role: str = "none"
    ) -> None:
        """`owners` gives each owner's account the name to call them, empty where none is known."""
        self._rows, self._owners, self._default_role = rows, dict(owners), default_role

    async def person_of(self, identity: Identity, name: str = "") -> Person:
        """Return the person; somebody never met gets the default role and is not stored."""
        found = await self._rows.find(identity)
        if identity in self._owners:
            known = found or Person(id=str(identity), name=name)
            return Person(id=known.id, name=known.name or name or self._owners[identity], role="owner")
        return found or Person(id=str(identity), name=name, role=self._default_role)
