"""Remember which mail address was proven to be an account's, and join accounts by it; each step is one commit.

    (nothing) ──proved──▶ proven ──joined──▶ linked
                            └──────┬────────────┴──▶ changed   another address, or none any more
                                   └── parted ◀── taken from its person, by whomever

An account that is `parted` or `changed` is never joined by its address again: people use /link, owners
`quarterdeck person link`. The audit row of a join is in the commit of the join.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from sqlalchemy import Connection, select, update

from quarterdeck.core.errors import Denied
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.database.upsert import upsert
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.merging import Account, Higher, merge_in, new_id, part_in, person_id_in
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.tables import identities, proven_addresses

EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hold what is known of one account's address."""

    identity: str
    address: str
    state: str


class StoredAddresses:
    """Read and write the `proven_addresses` table."""

    def __init__(self, store: Store, people: StoredPeople, audit: Audit, higher: Higher) -> None:
        self._store, self._people = store, people
        self._audit, self._higher = audit, higher

    async def about(self, identity: Identity, address: str) -> tuple[Proof | None, Sequence[Proof]]:
        """Return what is known of an account, and the other accounts that proved the same address."""

        def job(connection: Connection) -> tuple[Proof | None, Sequence[Proof]]:
            rows = connection.execute(
                select(proven_addresses).where(
                    (proven_addresses.c.identity == str(identity))
                    | ((proven_addresses.c.address == address) & (proven_addresses.c.address != ""))
                )
            ).all()
            proofs = [Proof(identity=row.identity, address=row.address, state=row.state) for row in rows]
            own = next((one for one in proofs if one.identity == str(identity)), None)
            return own, [one for one in proofs if one is not own]

        return await self._store.read(job)

    async def linked(self, accounts: Collection[str]) -> Mapping[str, str]:
        """Return the addresses by which some of these accounts were joined, by account."""
        query = select(proven_addresses).where(
            proven_addresses.c.identity.in_(accounts), proven_addresses.c.state == "linked"
        )
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return {row.identity: row.address for row in rows}

    async def prove(self, identity: Identity, address: str, *, now_ms: int) -> None:
        """Write down what was proven of an account that is with nobody by its address."""
        row: dict[str, object] = {
            "identity": str(identity),
            "address": address,
            "state": "proven",
            "at_ms": now_ms,
        }
        await self._people.write(
            "address.proven", lambda connection: insert_new(connection, proven_addresses, row)
        )

    async def lose(self, identity: Identity, *, now_ms: int) -> bool:
        """Write down that an account has another address now, or none; returns whether that parted it from somebody."""

        def job(connection: Connection) -> bool:
            mine = proven_addresses.c.identity == str(identity)
            state = connection.execute(select(proven_addresses.c.state).where(mine)).scalar_one_or_none()
            if state == "linked":
                with suppress(Denied):  # the others have gone already
                    part_in(connection, str(identity))
            change = update(proven_addresses).where(mine)
            connection.execute(change.values(state="changed", at_ms=now_ms))
            detail = {"what": "address lost", "account": str(identity), "parted": state == "linked"}
            self._audit.append_in(connection, self._audit.entry("link", detail))
            return state == "linked"

        return await self._people.write("address.lost", job)

    async def join(
        self,
        identity: Identity,
        other: Identity,
        address: str,
        *,
        seen: Mapping[Identity, str],
        now_ms: int,
    ) -> bool:
        """Make the people behind two accounts one, if both are who they were `seen` to be; False when they are not.

        Raises:
            Denied: one of the two was revoked, or the directory ties each to somebody else.
        """
        fresh_id = new_id()

        def job(connection: Connection) -> bool:
            for one, person_id in seen.items():
                if (person_id_in(connection, str(one)) or str(one)) != person_id:
                    return False
            _refuse_two_entries(connection, tuple(seen.values()))
            first, second = (Account(identity=str(one), source=EMAIL) for one in (other, identity))
            merged = merge_in(
                connection, first, second, higher=self._higher, fresh_id=fresh_id, now_ms=now_ms
            )
            for one in (identity, other):
                row = {"identity": str(one), "address": address, "state": "linked", "at_ms": now_ms}
                changed = ("address", "state", "at_ms")
                connection.execute(
                    upsert(connection.dialect.name, proven_addresses, ("identity",), changed), row
                )
            detail = {
                "what": "linked by e-mail",
                "first": str(other),
                "second": str(identity),
                "address": address,
                "person": merged.person_id,
                "gone": merged.gone_id,
                "role": merged.role,
                "dropped_role": merged.dropped_role,
            }
            self._audit.append_in(connection, self._audit.entry("link", detail, person_id=merged.person_id))
            return True

        return await self._people.write("address.joined", job)


def _refuse_two_entries(connection: Connection, people_ids: Sequence[str]) -> None:
    """Leave apart whom the directory keeps apart."""
    query = select(identities.c.person_id).where(
        identities.c.person_id.in_(people_ids), identities.c.source.like("directory:%")
    )
    if len({*connection.execute(query).scalars()}) > 1:
        raise Denied("the directory says that they are two people")
