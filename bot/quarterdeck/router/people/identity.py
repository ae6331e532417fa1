"""Tell which person stands behind an account, and what they are now: their roles and groups.

Owners from the settings, and the operating-system user who runs the bot, are owners whatever the database says;
so nobody is locked out of their own machine. All of a person's accounts share what one of them has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from quarterdeck.core.person import ROLES, Identity, Person
from quarterdeck.core.roles import NOBODY, Roles
from quarterdeck.router.policy.groups import NONE, GroupMap, Platforms

SERVICES = frozenset(("hook", "workflow"))
"""The platforms of service principals: `hook::NAME` is the webhook, `workflow::NAME` the workflow of that name.

They are nobody until granted.
"""

STEWARDS_SHOWN = 5
MOST_KEPT = 10_000
NOBODY_GROUPED = GroupMap()


class Known(Protocol):
    """See a stored person with all their accounts."""

    @property
    def person(self) -> Person: ...
    @property
    def identities(self) -> tuple[str, ...]: ...


class PeopleRows(Protocol):
    """Know the people who were granted a role, or whose accounts were linked."""

    async def known(self, identity: Identity) -> Known | None:
        """Return who is behind an account, or None; from memory."""

    async def all(self) -> Sequence[Known]:
        """Return everybody, oldest first."""


class Directory:
    """Look people up (the `People` port). `default_role` is what somebody never granted one has: none or viewer."""

    def __init__(
        self,
        rows: PeopleRows,
        *,
        owners: Mapping[Identity, str],
        default_role: str = NOBODY,
        roles: Roles | None = None,
        groups: Callable[[], GroupMap] = lambda: NOBODY_GROUPED,
        platforms: Platforms | None = None,
    ) -> None:
        """`owners` gives each owner's account the name to call them; `groups` returns the present policy's."""
        self._rows, self._default_role = rows, default_role
        self._owners = {str(identity): name for identity, name in owners.items()}
        self._roles, self._groups, self._platforms = roles or Roles(), groups, platforms
        self._kept: dict[
            tuple[str, str], tuple[Known | None, Person]
        ] = {}  # without groups, while the row is the same

    async def person_of(
        self, identity: Identity, name: str = "", groups: frozenset[str] | None = None
    ) -> Person:
        """Return the person; somebody never met gets the default role and is not stored.

        `groups` are the platform's groups that an event proves the account to be in.
        """
        known = await self._rows.known(identity)
        own = str(identity)
        kept = self._kept.get((own, name))
        if kept is not None and kept[0] is known and not self._groups().by_name:
            return kept[1]
        person = await self._resolve(known, identity, own, name, groups)
        if not person.groups:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[own, name] = (known, person)
        return person

    async def _resolve(
        self, known: Known | None, identity: Identity, own: str, name: str, groups: frozenset[str] | None
    ) -> Person:
        person = known.person if known is not None else Person(id=own, name=name, role="")
        accounts = known.identities if known is not None else (own,)
        is_revoked = person.role == NOBODY  # what an admin took away, no group gives back
        inside = NONE if is_revoked else await self._groups_of(person, accounts, own, groups)
        is_service = person.is_service or identity.platform in SERVICES
        role = self._role(person.role, accounts, is_service=is_service)
        given = self._groups().roles(inside) if inside else ()
        for other in given:
            role = self._roles.higher(role, other) or role
        return Person(
            id=person.id,
            name=person.name or name or self._owners.get(own, ""),
            role=role,
            is_service=is_service,
            roles=self._roles.together((role, *given)) if given else self._roles.of(role),
            groups=inside,
            identities=frozenset(accounts),
        )

    async def stewards(self) -> tuple[str, ...]:
        """Name those who can change what others may do: owners and admins."""
        found = [known.person for known in await self._rows.all()]
        named = [one.name for one in found if one.name and "admin" in self._roles.of(one.role)]
        return tuple(dict.fromkeys([*filter(None, self._owners.values()), *named]))[:STEWARDS_SHOWN]

    def _role(self, granted: str, accounts: Sequence[str], *, is_service: bool) -> str:
        """Return the role of a person without their groups; an empty `granted` was never granted or taken."""
        if any(account in self._owners for account in accounts):
            return ROLES[-1]
        return granted or (NOBODY if is_service else self._default_role)

    async def _groups_of(
        self, person: Person, accounts: Sequence[str], own: str, proven: frozenset[str] | None
    ) -> frozenset[str]:
        policy_groups = self._groups()
        if not policy_groups.by_name:
            return NONE
        outer: set[str] = set(proven or ())
        for account in accounts:
            if self._platforms is None or account.partition(":")[0] not in policy_groups.asks_platforms:
                continue
            said = await self._platforms.groups_of(account)
            outer |= _not_about(proven, said) if account == own and proven is not None else said
        return policy_groups.of((*accounts, person.id), outer)


def _not_about(proven: frozenset[str], said: frozenset[str]) -> set[str]:
    """Return what the platform said of workspaces that the event, which is newer, says nothing of."""
    workspaces = {group.rpartition(":")[0] for group in proven}
    return {group for group in said if group.rpartition(":")[0] not in workspaces}
