"""Tell which documents may be shown: to one person alone, and to everybody who reads a conversation.

Asked anew for every question, so that what was taken from somebody is gone with their next question. A document is
readable for somebody who is of its audience and whom the policy allows its collection (`collection:NAME`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from quarterdeck.core.access import AccessRequest, Authoriser, People
from quarterdeck.core.audience import conversations_of, may_read
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.knowledge import PUBLIC, Scope
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import NO_ROLES, Identity, Person
from quarterdeck.core.value import dataclass

MEMBERS_S = 3.0  # how long a platform may take to say who reads along
MOST_MEMBERS = 1000  # of a conversation with more, nobody is asked: what is public is shown
SOMEBODY = Person(id="", name="", role="none")

MembersOf = Callable[[Conversation], Awaitable[frozenset[Identity] | None]]
"""Return who reads a conversation, None when that cannot be known."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """Hold what everybody here may read, and what the asker may read for themselves."""

    here: frozenset[Scope]
    own: frozenset[Scope]


class Rights(Protocol):
    """Know who may read what."""

    async def readable(
        self, scopes: Sequence[Scope], *, person: Person | None, conversation: Conversation | None
    ) -> Readable:
        """Return what may be shown; without a person only what is public."""


class Everything:
    """Let everything be read: for the operator at the command line, and where there is nobody to ask for."""

    async def readable(
        self, scopes: Sequence[Scope], *, person: Person | None, conversation: Conversation | None
    ) -> Readable:
        """Return all scopes."""
        return Readable(here=frozenset(scopes), own=frozenset(scopes))


class Readers:
    """Ask audience, policy and platforms."""

    def __init__(self, authoriser: Authoriser, people: People, members: MembersOf) -> None:
        self._authoriser, self._people, self._members = authoriser, people, members

    async def readable(
        self, scopes: Sequence[Scope], *, person: Person | None, conversation: Conversation | None
    ) -> Readable:
        """Return what the person may read, and what of it everybody in the conversation may read."""
        if person is None:
            public = await self._public(scopes, conversation)
            return Readable(here=public, own=public)
        look = _Look(self._authoriser, self._members, conversation)
        own = await look.scopes(scopes, person)
        if conversation is None or conversation.kind == "direct":
            return Readable(here=own, own=own)
        return Readable(here=await self._shared(own, look, conversation), own=own)

    async def _shared(
        self, own: frozenset[Scope], look: _Look, conversation: Conversation
    ) -> frozenset[Scope]:
        """Return what all members may read of what the asker may read."""
        members = await look.members(conversation)
        if members is None or len(members) > MOST_MEMBERS:
            said_here = frozenset(scope for scope in own if look.is_of_here(scope))
            return await self._public(sorted(own, key=lambda scope: scope.name), conversation) | said_here
        left = own
        for identity in sorted(members, key=str):
            if not left:
                break
            member = await self._people.person_of(identity)
            left = await look.scopes(left, member, identity)
        return left

    async def _public(self, scopes: Collection[Scope], conversation: Conversation | None) -> frozenset[Scope]:
        """Return what is open to anybody: a public audience, and no rule that closes the collection to strangers."""
        look = _Look(self._authoriser, self._members, conversation)
        return await look.scopes([scope for scope in scopes if scope.audience == PUBLIC], SOMEBODY)


class _Look:
    """Remember, for one question, who reads which conversation."""

    def __init__(self, authoriser: Authoriser, members: MembersOf, conversation: Conversation | None) -> None:
        self._authoriser, self._ask, self._conversation = authoriser, members, conversation
        self._members: dict[str, frozenset[Identity] | None] = {}

    async def scopes(
        self, scopes: Collection[Scope], person: Person, identity: Identity | None = None
    ) -> frozenset[Scope]:
        """Return those that the person may read."""
        allowed: dict[str, bool] = {}
        found = set()
        for scope in scopes:
            if scope.collection not in allowed:
                allowed[scope.collection] = await self._is_allowed(scope, person, identity)
            if allowed[scope.collection] and await self._is_of(scope, person):
                found.add(scope)
        return frozenset(found)

    async def members(self, conversation: Conversation) -> frozenset[Identity] | None:
        """Return who reads a conversation; None when the platform does not say, or not in time."""
        if conversation.id not in self._members:
            try:
                async with asyncio.timeout(MEMBERS_S):
                    self._members[conversation.id] = await self._ask(conversation)
            except (QuarterdeckError, TimeoutError) as error:
                log.info(
                    "Readers unknown", extra={"conversation": conversation.id, "error": repr(error)[:200]}
                )
                self._members[conversation.id] = None
        return self._members[conversation.id]

    def is_of_here(self, scope: Scope) -> bool:
        """Tell whether whoever reads this conversation is of the scope's audience."""
        return any(self._is_here(one) for one in conversations_of(scope.audience))

    async def _is_allowed(self, scope: Scope, person: Person, identity: Identity | None) -> bool:
        """Ask the policy. To strangers, whom it does not know, a public collection is open unless a rule denies it."""
        decision = await self._authoriser.authorise(
            AccessRequest(
                person=person if person.held() != NO_ROLES else _as_viewer(person),
                identity=identity or _account(person),
                action=f"collection:{scope.collection}",
                way="message",
                conversation=self._conversation,
                least_role="viewer",
                effect="read",
            )
        )
        return decision.allowed

    async def _is_of(self, scope: Scope, person: Person) -> bool:
        if may_read(scope.audience, person):
            return True
        named = conversations_of(scope.audience)
        if any(map(self._is_here, named)):
            return True
        for name in named:
            members = await self.members(Conversation(id=name, platform=name.partition(":")[0], kind="group"))
            if members and any(str(one) in person.identities for one in members):
                return True
        return False

    def _is_here(self, name: str) -> bool:
        here = self._conversation.id if self._conversation is not None else ""
        return here == name or here.startswith(f"{name}:")


def _as_viewer(person: Person) -> Person:
    """Return somebody without a role as the least that may ask, so that only rules about collections decide."""
    return Person(
        id=person.id, name=person.name, role="viewer", groups=person.groups, identities=person.identities
    )


def _account(person: Person) -> Identity:
    known = sorted(person.identities)
    return Identity.parse(known[0]) if known else Identity(platform="nobody", user_id="nobody")
