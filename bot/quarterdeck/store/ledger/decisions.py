"""Find what the authoriser decided, in the audit rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from quarterdeck.core.access import Considered, Refusal
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import audit

LOOK_BACK = 500  # decisions of one person


class StoredDecisions:
    """Read decisions (the `Decisions` port)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def last_refusal(self, person_id: str) -> Refusal | None:
        """Return the newest refusal of this person among their last decisions, or None."""
        query = (
            select(audit.c.detail, audit.c.at_ms)
            .where(audit.c.kind == "decision", audit.c.person_id == person_id)
            .order_by(audit.c.seq.desc())
            .limit(LOOK_BACK)
        )

        def job(connection: Connection) -> Refusal | None:
            for row in connection.execute(query):
                detail = json.loads(row.detail)
                if not detail["allowed"]:
                    return Refusal(
                        action=detail["action"],
                        way=detail["way"],
                        rule=detail["rule"],
                        at=datetime.fromtimestamp(row.at_ms / 1000, UTC),
                        trace=tuple(Considered(**one) for one in detail.get("trace", ())),
                        approvers=tuple(detail.get("approvers", ())),
                    )
            return None

        return await self._store.read(job)
