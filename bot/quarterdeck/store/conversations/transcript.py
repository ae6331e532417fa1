"""Keep the screen of platforms whose screen is ours, the console and the web page: what was posted, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, select

from quarterdeck.core.value import dataclass
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import transcript

_BY_KEY = select(transcript).where(transcript.c.key == bindparam("of"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Hold one posted part. `seq` grows with every post, `cause` is the key of the event that it answers."""

    seq: int
    cause: str
    body: Mapping[str, object]
    at_ms: int


class Transcript:
    """Read and write the `transcript` table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(
        self, conversation_id: str, body: Mapping[str, object], *, key: str, cause: str, at_ms: int
    ) -> tuple[Post, bool]:
        """Post `body`; the same `key` twice is posted once. Returns the post and whether it is new."""

        def job(connection: Connection) -> tuple[Post, bool]:
            is_new = insert_new(
                connection,
                transcript,
                {
                    "key": key,
                    "conversation_id": conversation_id,
                    "cause": cause,
                    "body": json.dumps(body, ensure_ascii=False),
                    "at_ms": at_ms,
                },
            )
            row = connection.execute(_BY_KEY, {"of": key}).one()
            return _post(row.seq, row.cause, row.body, row.at_ms), is_new

        return await self._store.write("transcript.appended", job)

    async def since(self, conversation_id: str, after: int, limit: int = 500) -> Sequence[Post]:
        """Return what was posted after `after`, oldest first."""
        query = (
            select(transcript)
            .where(transcript.c.conversation_id == conversation_id, transcript.c.seq > after)
            .order_by(transcript.c.seq)
            .limit(limit)
        )
        return [
            _post(row.seq, row.cause, row.body, row.at_ms)
            for row in await self._store.read(lambda connection: connection.execute(query).all())
        ]

    async def latest(self, conversation_id: str, limit: int = 50) -> Sequence[Post]:
        """Return the last posts, newest first."""
        query = (
            select(transcript)
            .where(transcript.c.conversation_id == conversation_id)
            .order_by(transcript.c.seq.desc())
            .limit(limit)
        )
        return [
            _post(row.seq, row.cause, row.body, row.at_ms)
            for row in await self._store.read(lambda connection: connection.execute(query).all())
        ]


def _post(seq: int, cause: str, body: str, at_ms: int) -> Post:
    return Post(seq=seq, cause=cause, body=json.loads(body), at_ms=at_ms)
