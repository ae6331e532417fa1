"""Keep requests for approval and what approvers said; every step is one commit that one of many wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection, Row, bindparam, select, update

from quarterdeck.core.approval import Approval, ApprovalState, Vote
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import approval_votes, approvals

_BY_ID: Final = select(approvals).where(approvals.c.id == bindparam("wanted"))
_BY_EVENT: Final = select(approvals).where(approvals.c.event_key == bindparam("wanted"))
_OPEN: Final = (
    select(approvals).where(approvals.c.state.in_(("pending", "granted"))).order_by(approvals.c.asked_at_ms)
)
_VOTES: Final = (
    select(approval_votes)
    .where(approval_votes.c.approval_id == bindparam("of"))
    .order_by(approval_votes.c.at_ms)
)
_MOVE: Final = (
    update(approvals)
    .where(approvals.c.id == bindparam("wanted"), approvals.c.state == bindparam("frm"))
    .values(state=bindparam("to"))
)


class StoredApprovals:
    """Read and write requests."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, approval: Approval) -> Approval:
        """Keep a request; the one of the same event that is there already wins and is returned."""
        row = {
            "id": approval.id,
            "subject": approval.subject,
            "version": approval.version,
            "arguments": approval.arguments,
            "digest": approval.digest,
            "asker": str(approval.asker),
            "asker_id": approval.asker_id,
            "asker_name": approval.asker_name,
            "platform": approval.conversation.platform,
            "conversation_id": approval.conversation.id,
            "conversation_kind": approval.conversation.kind,
            "way": approval.way,
            "rule": approval.rule,
            "by": orjson.dumps(list(approval.by)).decode(),
            "quorum": approval.quorum,
            "state": approval.state,
            "asked_at_ms": approval.asked_at_ms,
            "expires_at_ms": approval.expires_at_ms,
            "event_key": approval.event_key,
        }

        def job(connection: Connection) -> Approval:
            insert_new(connection, approvals, row)
            return _read(connection, connection.execute(_BY_EVENT, {"wanted": approval.event_key}).one())

        return await self._store.write("approval.asked", job)

    async def get(self, approval_id: str) -> Approval | None:
        """Return a request with what was said on it."""

        def job(connection: Connection) -> Approval | None:
            row = connection.execute(_BY_ID, {"wanted": approval_id}).one_or_none()
            return None if row is None else _read(connection, row)

        return await self._store.read(job)

    async def open(self) -> Sequence[Approval]:
        """Return what is pending or granted, oldest first."""

        def job(connection: Connection) -> list[Approval]:
            return [_read(connection, row) for row in connection.execute(_OPEN).all()]

        return await self._store.read(job)

    async def vote(self, approval_id: str, vote: Vote, *, now_ms: int) -> tuple[Approval, bool]:
        """Count a word of somebody who has not spoken yet; True when it decided the request."""
        word = {
            "approval_id": approval_id,
            "person_id": vote.person_id,
            "identity": str(vote.identity),
            "name": vote.name,
            "agrees": vote.agrees,
            "comment": vote.comment,
            "at_ms": vote.at_ms,
        }

        def job(connection: Connection) -> tuple[Approval, bool]:
            found = _read(connection, connection.execute(_BY_ID, {"wanted": approval_id}).one())
            if found.state != "pending" or found.expires_at_ms <= now_ms:
                return found, False
            insert_new(connection, approval_votes, word)
            found = _read(connection, connection.execute(_BY_ID, {"wanted": approval_id}).one())
            state: ApprovalState = "pending"
            if any(not one.agrees for one in found.votes):
                state = "denied"
            elif sum(one.agrees for one in found.votes) >= found.quorum:
                state = "granted"
            if state == "pending":
                return found, False
            connection.execute(_MOVE, {"wanted": approval_id, "frm": "pending", "to": state})
            return _read(connection, connection.execute(_BY_ID, {"wanted": approval_id}).one()), True

        return await self._store.write("approval.voted", job)

    async def move(self, approval_id: str, frm: ApprovalState, to: ApprovalState) -> bool:
        """Change the state; False when it was another one by then."""
        asked = {"wanted": approval_id, "frm": frm, "to": to}

        def job(connection: Connection) -> bool:
            return connection.execute(_MOVE, asked).rowcount > 0

        return await self._store.write("approval.moved", job)


def _read(connection: Connection, row: Row[*tuple[Any, ...]]) -> Approval:
    votes = connection.execute(_VOTES, {"of": row.id}).all()
    return Approval(
        id=row.id,
        subject=row.subject,
        version=row.version,
        arguments=row.arguments,
        digest=row.digest,
        asker=Identity.parse(row.asker),
        asker_id=row.asker_id,
        asker_name=row.asker_name,
        conversation=Conversation(id=row.conversation_id, platform=row.platform, kind=row.conversation_kind),
        way=row.way,
        rule=row.rule,
        by=tuple(orjson.loads(row.by)),
        quorum=row.quorum,
        state=cast("ApprovalState", row.state),
        asked_at_ms=row.asked_at_ms,
        expires_at_ms=row.expires_at_ms,
        event_key=row.event_key,
        votes=tuple(
            Vote(
                person_id=one.person_id,
                identity=Identity.parse(one.identity),
                name=one.name,
                agrees=one.agrees,
                comment=one.comment,
                at_ms=one.at_ms,
            )
            for one in votes
        ),
    )
