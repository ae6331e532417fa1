"""Remember codes that link two accounts, and who has agreed to what; each step is one commit with its audit row.

    open ──claim──▶ claimed ──both agree──▶ linked
      └─ void ◀─ too old, too many wrong codes, another code      └─ refused ◀─ one of the two says no

A code lies here as a keyed hash only. It can be used once, by whoever comes first; every wrong code counts against all
open ones, so that no more than `MOST_GUESSES` are ever held against any code, from however many accounts they come.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from quarterdeck.core.access import Asker
from quarterdeck.core.errors import Busy
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.merging import Account, Higher, Merged, merge_in, new_id
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.tables import identities, links, people

MOST_GUESSES = 10
MOST_CODES = 5  # that one account may ask for in an hour
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

Outcome = Literal["claimed", "own", "same", "wrong", "agreed", "linked", "refused", "over", "stale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Show one of the two accounts and where it asked from."""

    identity: Identity
    name: str
    conversation: Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Show what came of a step; `merged` is there once the two are one person."""

    outcome: Outcome
    id: str = ""
    first: Side | None = None
    second: Side | None = None
    merged: Merged | None = None


class StoredLinks:
    """Read and write the `links` table."""

    def __init__(self, people: StoredPeople, audit: Audit, higher: Higher) -> None:
        self._people, self._audit, self._higher = people, audit, higher

    async def begin(self, asker: Asker, code_hash: str, *, link_id: str, now_ms: int, until_ms: int) -> None:
        """Keep a code; an earlier one of the same account is void from now on.

        Raises:
            Busy: this account asked for too many.
        """
        mine = links.c.from_identity == str(asker.identity)
        values = {
            "id": link_id,
            "state": "open",
            "code_hash": code_hash,
            "from_event": asker.event_id,
            "from_identity": str(asker.identity),
            "from_name": asker.name,
            "from_conversation": _place(asker.conversation),
            "created_at_ms": now_ms,
            "expires_at_ms": until_ms,
        }

        def job(connection: Connection) -> None:
            connection.execute(delete(links).where(links.c.expires_at_ms < now_ms - DAY_MS))
            connection.execute(
                delete(links).where(links.c.from_event == asker.event_id, links.c.state == "open")
            )
            recent = (
                select(func.count()).select_from(links).where(mine, links.c.created_at_ms > now_ms - HOUR_MS)
            )
            if connection.execute(recent).scalar_one() >= MOST_CODES:
                raise Busy(f"you asked for {MOST_CODES} codes within an hour", hint="try again later")
            connection.execute(
                update(links).where(mine, links.c.state == "open").values(state="void", code_hash=None)
            )
            connection.execute(insert(links), values)
            self._note(connection, asker, now_ms, what="begun", link=link_id)

        await self._people.write("link.begun", job)

    async def claim(self, asker: Asker, code_hash: str, *, now_ms: int, until_ms: int) -> Link:
        """Use a code up, or count a wrong one."""

        def job(connection: Connection) -> Link:
            again = connection.execute(select(links).where(links.c.to_event == asker.event_id)).one_or_none()
            if again is not None:
                return _link(again, "claimed" if again.state == "claimed" else "over")
            is_open = (links.c.state == "open") & (links.c.expires_at_ms > now_ms)
            row = connection.execute(
                select(links).where(is_open, links.c.code_hash == code_hash)
            ).one_or_none()
            if row is None:
                self._count_wrong(connection, asker, now_ms)
                return Link(outcome="wrong")
            if row.from_identity == str(asker.identity):
                return Link(outcome="own")
            first, second = _who(connection, row.from_identity), _who(connection, str(asker.identity))
            if first and first == second:
                return Link(outcome="same")
            values = {
                "state": "claimed",
                "code_hash": None,
                "to_event": asker.event_id,
                "to_identity": str(asker.identity),
                "to_name": asker.name,
                "to_conversation": _place(asker.conversation),
                "seen": f"{first}|{second}",
                "expires_at_ms": until_ms,
            }
            connection.execute(update(links).where(links.c.id == row.id).values(values))
            self._note(connection, asker, now_ms, what="claimed", link=row.id, of=row.from_identity)
            return _link(connection.execute(select(links).where(links.c.id == row.id)).one(), "claimed")

        return await self._people.write("link.claimed", job)

    async def answer(self, asker: Asker, link_id: str, *, agrees: bool, now_ms: int) -> Link:
        """Write down what one of the two says; when both have agreed they are one person.

        Raises:
            Denied: one of the two was revoked.
        """
        fresh_id = new_id()

        def job(connection: Connection) -> Link:
            row = connection.execute(select(links).where(links.c.id == link_id)).one_or_none()
            if row is None or str(asker.identity) not in (row.from_identity, row.to_identity):
                return Link(outcome="over")
            if row.state == "linked" and agrees:
                return _link(row, "linked")
            if row.state != "claimed" or row.expires_at_ms <= now_ms:
                return Link(outcome="over")
            if not agrees:
                return self._end(connection, asker, row, "refused", now_ms)
            side = "from_agreed" if row.from_identity == str(asker.identity) else "to_agreed"
            connection.execute(update(links).where(links.c.id == link_id).values({side: True}))
            self._note(connection, asker, now_ms, what="agreed", link=link_id)
            row = connection.execute(select(links).where(links.c.id == link_id)).one()
            if not (row.from_agreed and row.to_agreed):
                return _link(row, "agreed")
            if row.seen != f"{_who(connection, row.from_identity)}|{_who(connection, row.to_identity)}":
                return self._end(connection, asker, row, "stale", now_ms)
            return self._merge(connection, asker, row, fresh_id, now_ms)

        return await self._people.write("link.answered", job)

    def _merge(
        self, connection: Connection, asker: Asker, row: Row[*tuple[object, ...]], fresh_id: str, now_ms: int
    ) -> Link:
        first = Account(identity=row.from_identity, name=row.from_name, source="link")
        second = Account(identity=row.to_identity, name=row.to_name, source="link")
        merged = merge_in(connection, first, second, higher=self._higher, fresh_id=fresh_id, now_ms=now_ms)
        connection.execute(update(links).where(links.c.id == row.id).values(state="linked"))
        accounts = {"first": first.identity, "second": second.identity}
        became = {"person": merged.person_id, "gone": merged.gone_id, "dropped_role": merged.dropped_role}
        self._note(
            connection, asker, now_ms, what="linked", link=row.id, role=merged.role, **accounts, **became
        )
        return _link(row, "linked", merged)

    def _end(
        self,
        connection: Connection,
        asker: Asker,
        row: Row[*tuple[object, ...]],
        outcome: Outcome,
        now_ms: int,
    ) -> Link:
        state = "refused" if outcome == "refused" else "void"
        connection.execute(update(links).where(links.c.id == row.id).values(state=state))
        self._note(connection, asker, now_ms, what=outcome, link=row.id)
        return _link(row, outcome)

    def _count_wrong(self, connection: Connection, asker: Asker, now_ms: int) -> None:
        is_open = links.c.state == "open"
        connection.execute(update(links).where(is_open).values(guesses=links.c.guesses + 1))
        worn = update(links).where(is_open, links.c.guesses >= MOST_GUESSES)
        connection.execute(worn.values(state="void", code_hash=None))
        self._note(connection, asker, now_ms, what="wrong code")

    def _note(self, connection: Connection, asker: Asker, now_ms: int, **detail: object) -> None:
        content: Mapping[str, object] = {"event": asker.event_id, "identity": str(asker.identity), **detail}
        entry = self._audit.entry("link", content, person_id=asker.person.id)
        self._audit.append_in(connection, entry)


def _who(connection: Connection, identity: str) -> str:
    """Say who is behind an account, and with which role; empty for somebody who is not stored."""
    query = select(people.c.id, people.c.role).join(identities, identities.c.person_id == people.c.id)
    row = connection.execute(query.where(identities.c.identity == identity)).one_or_none()
    return "" if row is None else f"{row.id} {row.role}"


def _place(conversation: Conversation) -> str:
    return json.dumps([conversation.id, conversation.platform, conversation.kind])


def _link(row: Row[*tuple[object, ...]], outcome: Outcome, merged: Merged | None = None) -> Link:
    first = _side(row.from_identity, row.from_name, row.from_conversation)
    second = _side(row.to_identity, row.to_name, row.to_conversation)
    return Link(outcome=outcome, id=row.id, first=first, second=second, merged=merged)


def _side(identity: str, name: str, place: str) -> Side:
    conversation_id, platform, kind = json.loads(place)
    conversation = Conversation(id=conversation_id, platform=platform, kind=kind)
    return Side(identity=Identity.parse(identity), name=name, conversation=conversation)
