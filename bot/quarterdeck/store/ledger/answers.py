"""Keep what models answered, by what they were asked, word for word."""

from __future__ import annotations

import hashlib
from typing import Final

import orjson
from sqlalchemy import Connection, bindparam, delete, select

from quarterdeck.core.model import Connected, KeptAnswer, ModelRequest
from quarterdeck.store.database.upsert import upsert
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import answers

KEEP_MS: Final = 30 * 86_400_000
_FIND: Final = select(answers).where(answers.c.hash == bindparam("wanted"))
_SWEEP: Final = delete(answers).where(answers.c.at_ms < bindparam("before_ms"))
_CHANGED: Final = ("provider", "model", "text", "at_ms")


class StoredAnswers:
    """Remember answers for thirty days."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(
        self, request: ModelRequest, role: str, text: str, answered_by: Connected, now_ms: int
    ) -> None:
        """Remember the answer, in place of an older one."""
        row = {"hash": _hash(request, role), "provider": answered_by.provider, "model": answered_by.model}

        def job(connection: Connection) -> None:
            connection.execute(_SWEEP, {"before_ms": now_ms - KEEP_MS})
            keep = upsert(connection.dialect.name, answers, ("hash",), _CHANGED)
            connection.execute(keep, {**row, "text": text, "at_ms": now_ms})

        await self._store.write("answer.kept", job)

    async def find(self, request: ModelRequest, role: str) -> KeptAnswer | None:
        """Return the answer to the same messages in the same role, None when there was none."""
        asked = {"wanted": _hash(request, role)}
        row = await self._store.read(lambda connection: connection.execute(_FIND, asked).one_or_none())
        if row is None:
            return None
        return KeptAnswer(text=row.text, answered_by=Connected(provider=row.provider, model=row.model))


def _hash(request: ModelRequest, role: str) -> str:
    said = [[message.speaker, message.text] for message in request.messages]
    return hashlib.sha256(orjson.dumps([role, request.max_output_tokens, said])).hexdigest()
