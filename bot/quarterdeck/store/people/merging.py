"""Make two accounts one person, or part them, inside another write.

Everything that names a person by id is in `OWNED` and moves along. The audit record does not: what was written stays
as it was written, and the row of the link itself names both ids.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sqlalchemy import Column, Connection, Row, delete, func, select, update

from quarterdeck.core.errors import Denied, NotFound
from quarterdeck.core.value import dataclass
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.tables import (
    api_tokens,
    approval_votes,
    approvals,
    budget_reservations,
    budget_spend,
    identities,
    knowledge_answers,
    knowledge_sources,
    notes,
    paused_answers,
    people,
    proven_addresses,
    usage,
    workflow_runs,
)

PARTED = "parted"
REVOKED = "none"  # a role that was taken away; empty: none was ever granted
OWNED: tuple[Column[str], ...] = (
    *(usage.c.person_id, api_tokens.c.person_id, identities.c.person_id),
    *(notes.c.owner, approvals.c.asker_id, knowledge_sources.c.owner, workflow_runs.c.owner),
    *(knowledge_answers.c.person_id, knowledge_answers.c.judge_id, paused_answers.c.person_id),
)

Higher = Callable[[str, str], str | None]
"""Return the role that includes the other, None where neither does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Name one account as it is to be stored; `source` says what tied it to its person."""

    identity: str
    name: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Say who the two are now; `gone_id` is empty when nobody was taken into another person.

    `dropped_role` is a role that was not kept, because neither of the two includes the other.
    """

    person_id: str
    gone_id: str = ""
    role: str = ""
    dropped_role: str = ""


def new_id() -> str:
    """Return an id that no person ever had: an account that is parted and comes again is somebody new."""
    return uuid.uuid4().hex


def person_id_in(connection: Connection, identity: str) -> str | None:
    """Return who an account belongs to, None when nobody stored."""
    query = select(identities.c.person_id).where(identities.c.identity == identity)
    return connection.execute(query).scalar_one_or_none()


def make_in(connection: Connection, account: Account, *, person_id: str, role: str = "", now_ms: int) -> None:
    """Store a new person with one account."""
    values = {
        "id": person_id,
        "name": account.name,
        "role": role,
        "is_service": False,
        "created_at_ms": now_ms,
    }
    insert_new(connection, people, values)
    add_in(connection, account, person_id=person_id, now_ms=now_ms)


def add_in(connection: Connection, account: Account, *, person_id: str, now_ms: int) -> None:
    """Give a person one more account."""
    values = {
        "identity": account.identity,
        "person_id": person_id,
        "name": account.name,
        "source": account.source,
        "created_at_ms": now_ms,
    }
    insert_new(connection, identities, values)


def merge_in(
    connection: Connection, one: Account, other: Account, *, higher: Higher, fresh_id: str, now_ms: int
) -> Merged:
    """Make the people behind two accounts one; `fresh_id` is for when neither is stored.

    Roles that were granted are kept, the higher one; nobody gets a role that nobody granted to one of the two.

    Raises:
        Denied: one of them was revoked, and would come back through the other.
    """
    first, second = (_row(connection, account.identity) for account in (one, other))
    if first is not None and second is not None and first.id == second.id:
        return Merged(person_id=first.id, role=first.role)
    if REVOKED in {row.role for row in (first, second) if row is not None}:
        raise Denied(
            "one of the two accounts was revoked",
            hint="an owner decides: `quarterdeck person grant IDENTITY ROLE`",
        )
    if first is None and second is None:
        make_in(connection, one, person_id=fresh_id, now_ms=now_ms)
    survivor, gone = _older(first, second)
    person_id = survivor.id if survivor is not None else fresh_id
    for account, row in ((one, first), (other, second)):
        if row is None:
            add_in(connection, account, person_id=person_id, now_ms=now_ms)
            _own(connection, account.identity, person_id)  # what they did before they were stored
    if survivor is None or gone is None:
        return Merged(person_id=person_id, role=survivor.role if survivor is not None else "")
    return _absorb(connection, survivor, gone, higher)


def part_in(connection: Connection, identity: str) -> str:
    """Take an account from its person, and return whose it was; from then on it is a stranger's.

    Raises:
        NotFound: nobody has this account.
        Denied: it is their only one.
    """
    person_id = person_id_in(connection, identity)
    if person_id is None:
        raise NotFound(
            f"nobody is known as {identity}", hint="`quarterdeck person list` shows everybody who is"
        )
    query = select(func.count()).select_from(identities).where(identities.c.person_id == person_id)
    if connection.execute(query).scalar_one() == 1:
        raise Denied(
            f"{identity} is the only account of this person",
            hint="`quarterdeck person revoke` takes the role away instead",
        )
    connection.execute(delete(identities).where(identities.c.identity == identity))
    keep_apart_in(connection, identity)
    return person_id


def keep_apart_in(connection: Connection, identity: str) -> None:
    """Never join this account with anybody by its mail address again: it was parted from somebody."""
    row: dict[str, object] = {"identity": identity, "address": "", "state": PARTED, "at_ms": 0}
    if not insert_new(connection, proven_addresses, row):
        mine = proven_addresses.c.identity == identity
        connection.execute(update(proven_addresses).where(mine).values(state=PARTED))


def _row(connection: Connection, identity: str) -> Row[*tuple[object, ...]] | None:
    query = select(people).join(identities, identities.c.person_id == people.c.id)
    return connection.execute(query.where(identities.c.identity == identity)).one_or_none()


def _older(
    first: Row[*tuple[object, ...]] | None, second: Row[*tuple[object, ...]] | None
) -> tuple[Row[*tuple[object, ...]] | None, Row[*tuple[object, ...]] | None]:
    if first is None or second is None:
        return first or second, None
    pair = sorted((first, second), key=lambda row: (row.created_at_ms, row.id))
    return pair[0], pair[1]


def _absorb(
    connection: Connection, survivor: Row[*tuple[object, ...]], gone: Row[*tuple[object, ...]], higher: Higher
) -> Merged:
    role = _together(survivor.role, gone.role, higher)
    _own(connection, gone.id, survivor.id)
    connection.execute(delete(people).where(people.c.id == gone.id))
    values = {"role": role, "name": survivor.name or gone.name}
    connection.execute(update(people).where(people.c.id == survivor.id).values(values))
    dropped = gone.role if gone.role and higher(role, gone.role) != role else ""
    return Merged(person_id=survivor.id, gone_id=gone.id, role=role, dropped_role=dropped)


def _together(role: str, other: str, higher: Higher) -> str:
    if not role or not other:
        return role or other
    return higher(role, other) or role


def _own(connection: Connection, old_id: str, new_id: str) -> None:
    for column in OWNED:
        connection.execute(update(column.table).where(column == old_id).values({column.name: new_id}))
    _own_votes(connection, old_id, new_id)
    _own_spending(connection, f"person:{old_id}", f"person:{new_id}")


def _own_votes(connection: Connection, old_id: str, new_id: str) -> None:
    """Make what two people said on a request the word of one; the older word of the two stays."""
    theirs = select(approval_votes.c.approval_id).where(approval_votes.c.person_id == new_id)
    both = approval_votes.c.approval_id.in_(theirs.scalar_subquery())
    connection.execute(delete(approval_votes).where(approval_votes.c.person_id == old_id, both))
    mine = approval_votes.c.person_id == old_id
    connection.execute(update(approval_votes).where(mine).values(person_id=new_id))


def _own_spending(connection: Connection, old_key: str, new_key: str) -> None:
    """Add up what the two have spent of each budget; neither gets a fresh purse by linking."""
    for row in connection.execute(select(budget_spend).where(budget_spend.c.key == old_key)).all():
        names = {"budget": row.budget, "key": new_key, "period": row.period}
        nothing = {"microusd": 0, "tokens": 0, "extra_microusd": 0}
        insert_new(connection, budget_spend, {**names, **nothing})
        purse = [budget_spend.c[name] == value for name, value in names.items()]
        connection.execute(
            update(budget_spend)
            .where(*purse)
            .values(
                microusd=budget_spend.c.microusd + row.microusd,
                tokens=budget_spend.c.tokens + row.tokens,
                extra_microusd=budget_spend.c.extra_microusd + row.extra_microusd,
            )
        )
    connection.execute(delete(budget_spend).where(budget_spend.c.key == old_key))
    aside = budget_reservations.c.key == old_key
    connection.execute(update(budget_reservations).where(aside).values(key=new_key))
