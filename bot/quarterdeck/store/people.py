"""Remember people, the accounts that are theirs, and their roles."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, select, update

from quarterdeck.core.person import Identity, Person
from quarterdeck.store.engine import Store
from quarterdeck.store.history import insert_new
from quarterdeck.store.tables import identities, people

_BY_IDENTITY = (
    select(people)
    .join(identities, identities.c.person_id == people.c.id)
    .where(identities.c.identity == bindparam("of"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """Hold a person with all their accounts."""

    person: Person
    identities: tuple[str, ...]


class StoredPeople:
    """Read and write the `people` and `identities` tables."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, identity: Identity) -> Person | None:
        """Return the person behind an account, or None."""
        row = await self._store.read(lambda c: c.execute(_BY_IDENTITY, {"of": str(identity)}).one_or_none())
        return None if row is None else _person(row)

    async def grant(self, identity: Identity, role: str, *, name: str = "", now_ms: int) -> Person:
        """Give the person behind `identity` the role; makes the person when they are new."""

        def job(connection: Connection) -> Person:
            person_id = connection.execute(
                select(identities.c.person_id).where(identities.c.identity == str(identity))
            ).scalar_one_or_none()
            if person_id is None:
                person_id = uuid.uuid5(uuid.NAMESPACE_URL, f"quarterdeck:{identity}").hex
                insert_new(
                    connection,
                    people,
                    {"id": person_id, "name": name, "role": role, "created_at_ms": now_ms},
                )
                insert_new(
                    connection,
                    identities,
                    {
                        "identity": str(identity),
                        "person_id": person_id,
                        "name": name,
                        "created_at_ms": now_ms,
                    },
                )
            connection.execute(update(people).where(people.c.id == person_id).values(role=role))
            return _person(connection.execute(select(people).where(people.c.id == person_id)).one())

        return await self._store.write("person.granted", job)

    async def revoke(self, identity: Identity) -> Person | None:
        """Take the role from the person behind `identity`; None when nobody is there."""

        def job(connection: Connection) -> Person | None:
            person_id = connection.execute(
                select(identities.c.person_id).where(identities.c.identity == str(identity))
            ).scalar_one_or_none()
            if person_id is None:
                return None
            connection.execute(update(people).where(people.c.id == person_id).values(role="none"))
            return _person(connection.execute(select(people).where(people.c.id == person_id)).one())

        return await self._store.write("person.revoked", job)

    async def all(self) -> list[PersonRow]:
        """Return everybody, oldest first."""

        def job(connection: Connection) -> list[PersonRow]:
            accounts: dict[str, list[str]] = {}
            for row in connection.execute(select(identities).order_by(identities.c.created_at_ms)):
                accounts.setdefault(row.person_id, []).append(row.identity)
            rows = connection.execute(select(people).order_by(people.c.created_at_ms, people.c.id))
            return [
                PersonRow(person=_person(row), identities=tuple(accounts.get(row.id, ()))) for row in rows
            ]

        return await self._store.read(job)


def _person(row: Row[*tuple[object, ...]]) -> Person:
    return Person(id=row.id, name=row.name, role=row.role, is_service=row.is_service)
