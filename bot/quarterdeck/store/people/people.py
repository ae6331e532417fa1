"""Remember people, the accounts that are theirs, and their roles.

Every event asks who wrote it, so everybody is kept in memory. This process alone writes these tables, and only through
`write` here: while a change is under way and after it, memory is empty until it was read anew. What an answer to a
change says therefore holds for every event from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection, Row, delete, select, update

from quarterdeck.core.errors import Denied
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.value import dataclass
from quarterdeck.store.engine import Store
from quarterdeck.store.people.merging import (
    REVOKED,
    Account,
    Higher,
    Merged,
    keep_apart_in,
    make_in,
    merge_in,
    new_id,
    part_in,
    person_id_in,
)
from quarterdeck.store.tables import identities, people

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """Hold a person with all their accounts."""

    person: Person
    identities: tuple[str, ...]


class StoredPeople:
    """Read and write the `people` and `identities` tables."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._book: Mapping[str, PersonRow] | None = None
        self._changing, self._version = 0, 0
        self._writes: set[asyncio.Task[object]] = set()

    async def known(self, identity: Identity) -> PersonRow | None:
        """Return who is behind an account, or None; from memory."""
        book = self._book if self._book is not None else await self._read()
        return book.get(str(identity))

    async def find(self, identity: Identity) -> Person | None:
        """Return the person behind an account, or None."""
        known = await self.known(identity)
        return None if known is None else known.person

    async def all(self) -> list[PersonRow]:
        """Return everybody, oldest first."""
        book = self._book if self._book is not None else await self._read()
        return list({row.person.id: row for row in book.values()}.values())

    async def grant(
        self, identity: Identity, role: str, *, name: str = "", is_service: bool = False, now_ms: int
    ) -> Person:
        """Give the person behind `identity` the role; makes the person when they are new."""
        fresh_id, account = new_id(), Account(identity=str(identity), name=name)

        def job(connection: Connection) -> Person:
            person_id = person_id_in(connection, account.identity)
            if person_id is None:
                person_id = fresh_id
                make_in(connection, account, person_id=person_id, now_ms=now_ms)
            values = {"role": role} | ({"is_service": True} if is_service else {})
            connection.execute(update(people).where(people.c.id == person_id).values(values))
            return _person(connection.execute(select(people).where(people.c.id == person_id)).one())

        return await self.write("person.granted", job)

    async def revoke(self, identity: Identity) -> Person | None:
        """Take the role from the person behind `identity`; None when nobody is there."""

        def job(connection: Connection) -> Person | None:
            person_id = person_id_in(connection, str(identity))
            if person_id is None:
                return None
            connection.execute(update(people).where(people.c.id == person_id).values(role=REVOKED))
            return _person(connection.execute(select(people).where(people.c.id == person_id)).one())

        return await self.write("person.revoked", job)

    async def link(self, one: Identity, other: Identity, *, higher: Higher, now_ms: int) -> Merged:
        """Make the people behind two accounts one.

        Raises:
            Denied: one of them was revoked.
        """
        accounts = [Account(identity=str(identity), source="link") for identity in (one, other)]
        fresh_id = new_id()

        def job(connection: Connection) -> Merged:
            return merge_in(connection, *accounts, higher=higher, fresh_id=fresh_id, now_ms=now_ms)

        return await self.write("person.linked", job)

    async def unlink(self, identity: Identity, *, of: str | None = None) -> str:
        """Take an account from its person, and return whose it was; `of` is whose it must be.

        Raises:
            NotFound: nobody has it.
            Denied: it is the only one, or somebody else's.
        """

        def job(connection: Connection) -> str:
            if of is not None and person_id_in(connection, str(identity)) != of:
                raise Denied(f"{identity} is not an account of yours", hint="/whoami lists them")
            return part_in(connection, str(identity))

        return await self.write("person.unlinked", job)

    async def sync(
        self, entries: Mapping[str, tuple[str, Sequence[str]]], *, higher: Higher, now_ms: int
    ) -> dict[str, str]:
        """Make the accounts of each entry (name, identities) one person; return why one could not be, by key.

        Accounts that an earlier directory tied to a person, and this one does not, are strangers' from then on.
        """
        wanted = {identity: key for key, (_, accounts) in entries.items() for identity in accounts}
        fresh_ids = {key: new_id() for key in entries}

        def job(connection: Connection) -> dict[str, str]:
            _part_from_directory(connection, wanted)
            problems = {}
            for key, (name, accounts) in entries.items():
                tied = [Account(identity=one, name=name, source=f"directory:{key}") for one in accounts]
                savepoint = connection.begin_nested()
                try:
                    _tie(connection, tied, higher=higher, fresh_id=fresh_ids[key], now_ms=now_ms)
                except Denied as error:
                    savepoint.rollback()
                    problems[key] = error.message
                else:
                    savepoint.commit()
            return problems

        return await self.write("person.synced", job)

    async def write(self, point: str, job: Callable[[Connection], T]) -> T:
        """Run a job that changes people, and forget what was in memory; goes on when the caller is cancelled."""
        task = asyncio.ensure_future(self._write(point, job))
        self._writes.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _write(self, point: str, job: Callable[[Connection], T]) -> T:
        self._changing += 1
        self._book = None
        try:
            return await self._store.write(point, job)
        finally:
            self._changing -= 1
            self._version += 1

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else need

    async def _read(self) -> Mapping[str, PersonRow]:
        """Read everybody, and keep that unless somebody is, or was meanwhile, being changed."""
        version = self._version
        book = await self._store.read(_book)
        if not self._changing and version == self._version:
            self._book = book
        return book


def _book(connection: Connection) -> Mapping[str, PersonRow]:
    accounts: dict[str, list[str]] = {}
    for row in connection.execute(select(identities).order_by(identities.c.created_at_ms)):
        accounts.setdefault(row.person_id, []).append(row.identity)
    rows = connection.execute(select(people).order_by(people.c.created_at_ms, people.c.id))
    found = [PersonRow(person=_person(row), identities=tuple(accounts.get(row.id, ()))) for row in rows]
    return {identity: row for row in found for identity in row.identities}


def _part_from_directory(connection: Connection, wanted: Mapping[str, str]) -> None:
    """Take away what the directory gave and gives no more, or gives to somebody else now."""
    tied = select(identities.c.identity, identities.c.source).where(identities.c.source.like("directory:%"))
    for row in connection.execute(tied).all():
        if row.source != f"directory:{wanted.get(row.identity)}":
            connection.execute(delete(identities).where(identities.c.identity == row.identity))
            keep_apart_in(connection, row.identity)


def _tie(
    connection: Connection, accounts: Sequence[Account], *, higher: Higher, fresh_id: str, now_ms: int
) -> None:
    """Make all accounts the person's of the first one, which stays theirs whatever a later directory says."""
    first = replace(accounts[0], source="")
    if person_id_in(connection, first.identity) is None and len(accounts) == 1:
        make_in(connection, first, person_id=fresh_id, now_ms=now_ms)
    for other in accounts[1:]:
        merge_in(connection, first, other, higher=higher, fresh_id=fresh_id, now_ms=now_ms)
        source = update(identities).where(identities.c.identity == other.identity).values(source=other.source)
        connection.execute(source)


def _person(row: Row[*tuple[object, ...]]) -> Person:
    return Person(id=row.id, name=row.name, role=row.role, is_service=row.is_service)
