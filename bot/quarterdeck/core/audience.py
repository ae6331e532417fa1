"""Say who may read a document: everybody, or members that are named; written one way only.

A member is `role:NAME` (that role or more), `group:NAME` (of the policy), `person:ID`, an account
(`slack:T1:U1`), or `conversation:ID`: whoever reads that conversation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from quarterdeck.core.errors import UsageError
from quarterdeck.core.knowledge import PUBLIC
from quarterdeck.core.person import Identity, Person

ROLE, GROUP, PERSON, CONVERSATION = "role:", "group:", "person:", "conversation:"
SEPARATOR = ", "
LONGEST_MEMBER = 420  # characters
NOBODY_ELSE: frozenset[str] = frozenset()


def spelled(members: Iterable[str]) -> str:
    """Return the one spelling of an audience: sorted, each member once; no members are `public`.

    Raises:
        UsageError: a member has no such form, or `public` stands beside others.
    """
    found = sorted({one.strip() for text in members for one in text.split(",")} - {""})
    if not found or found == [PUBLIC]:
        return PUBLIC
    for one in found:
        _check(one)
    return SEPARATOR.join(found)


def members_of(audience: str) -> tuple[str, ...]:
    """Return the members of a spelled audience; none for `public`."""
    return () if audience == PUBLIC else tuple(audience.split(SEPARATOR))


def conversations_of(audience: str) -> frozenset[str]:
    """Return the conversations whose readers an audience names."""
    return frozenset(
        one.removeprefix(CONVERSATION) for one in members_of(audience) if one.startswith(CONVERSATION)
    )


def may_read(audience: str, person: Person, conversations: Collection[str] = NOBODY_ELSE) -> bool:
    """Tell whether a person is of an audience; `conversations` are those of it that they are known to read."""
    return audience == PUBLIC or any(_is(one, person, conversations) for one in members_of(audience))


def _is(member: str, person: Person, conversations: Collection[str]) -> bool:
    if member.startswith(ROLE):
        return person.has_role(member.removeprefix(ROLE))
    if member.startswith(GROUP):
        return member.removeprefix(GROUP) in person.groups
    if member.startswith(PERSON):
        return member.removeprefix(PERSON) == person.id
    if member.startswith(CONVERSATION):
        return member.removeprefix(CONVERSATION) in conversations
    return member in person.identities


def _check(member: str) -> None:
    hint = "write public, role:operator, group:leads, conversation:ID, person:ID or an account such as slack:T1:U1"
    kind, colon, name = member.partition(":")
    if member == PUBLIC:
        raise UsageError("public stands for everybody: it has nobody beside it", hint=hint)
    if not colon or not name or " " in member or not member.isprintable() or len(member) > LONGEST_MEMBER:
        raise UsageError(f"{member[:80]!r} names no readers", hint=hint)
    if f"{kind}:" not in (ROLE, GROUP, PERSON, CONVERSATION):
        Identity.written(member)
