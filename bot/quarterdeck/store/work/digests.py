"""Remember what each digest told which channel: the next one begins where the last delivered one ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, select

from quarterdeck.core.digest import Issue, Mark, Noted
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import (
    digest_definitions,
    digest_items,
    digest_marks,
    digest_readers,
    digests,
    outbox,
)

KEPT_MS = 400 * 86_400_000  # what was told longer ago may be told again


def _is_delivered() -> ColumnElement[bool]:
    """Tell that each part of the reply that an issue went out with was sent."""
    parts = outbox.alias()
    was_sent = exists().where(parts.c.cause == digests.c.key, parts.c.state == "sent")
    is_open = exists().where(parts.c.cause == digests.c.key, parts.c.state != "sent")
    return and_(was_sent, ~is_open)


class DigestRepository:
    """Read and write the tables of digests."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def delivered_up_to(self, conversation_id: str, name: str = "") -> int | None:
        """Return how far, in ms, the conversation's delivered digests reach; None before the first."""
        query = select(func.max(digests.c.up_to_ms)).where(
            digests.c.conversation_id == conversation_id, digests.c.name == name, _is_delivered()
        )

        def job(connection: Connection) -> int | None:
            up_to_ms: int | None = connection.execute(query).scalar_one()
            return up_to_ms

        return await self._store.read(job)

    async def issues(self, conversation_id: str, name: str) -> list[Issue]:
        """Return the delivered issues of a digest in a channel, newest first."""
        query = select(digests).where(
            digests.c.conversation_id == conversation_id, digests.c.name == name, _is_delivered()
        )

        def job(connection: Connection) -> list[Issue]:
            rows = connection.execute(
                query.order_by(digests.c.up_to_ms.desc(), digests.c.created_at_ms.desc())
            )
            return [
                Issue(key=row.key, up_to_ms=row.up_to_ms, failing=json.loads(row.failing)) for row in rows
            ]

        return await self._store.read(job)

    async def told(self, keys: Sequence[str]) -> dict[str, list[Noted]]:
        """Return what issues found, by key, in order of their numbers."""

        def job(connection: Connection) -> dict[str, list[Noted]]:
            found: dict[str, list[Noted]] = {key: [] for key in keys}
            for at in range(0, len(keys), 500):
                query = select(digest_items).where(digest_items.c.key.in_(keys[at : at + 500]))
                for row in connection.execute(query.order_by(digest_items.c.n)):
                    found[row.key].append(_noted(row))
            return found

        return await self._store.read(job)

    async def is_on_its_way(self, key: str) -> bool:
        """Tell whether an issue was handed to the outbox: then it stays as it was recorded."""
        query = select(outbox.c.seq).where(outbox.c.cause == key).limit(1)
        return await self._store.read(lambda connection: connection.execute(query).first() is not None)

    async def record(self, key: str, conversation_id: str, *, up_to_ms: int, now_ms: int) -> None:
        """Write down a digest that is about to be sent under `key`; composed again, the later one counts."""
        issue = Issue(key=key, up_to_ms=up_to_ms, failing={})
        await self.record_issue(issue, conversation_id, "", code="", items=(), now_ms=now_ms)

    async def record_issue(
        self, issue: Issue, conversation_id: str, name: str, *, code: str, items: Sequence[Noted], now_ms: int
    ) -> None:
        """Write down an issue with what it found, about to be sent; composed again, the later one counts."""
        values = {
            "up_to_ms": issue.up_to_ms,
            "created_at_ms": now_ms,
            "name": name,
            "failing": json.dumps(dict(issue.failing)),
            "code": code,
        }

        def job(connection: Connection) -> None:
            _upsert(
                connection, digests, {"key": issue.key, "conversation_id": conversation_id}, values, ["key"]
            )
            connection.execute(delete(digest_items).where(digest_items.c.key == issue.key))
            rows = [
                {
                    "key": issue.key,
                    "item": one.item,
                    "mark": one.mark,
                    "n": one.n,
                    "title": one.title,
                    "url": one.url,
                }
                for one in items
            ]
            if rows:
                connection.execute(digest_items.insert(), rows)
            old = select(digests.c.key).where(digests.c.created_at_ms < now_ms - KEPT_MS)
            connection.execute(delete(digest_items).where(digest_items.c.key.in_(old)))

        await self._store.write("digest.recorded", job)

    async def numbered(self, code: str, n: int) -> tuple[str, str, Noted] | None:
        """Return the name, the conversation and the item that a button stands for; None: there is none."""
        query = (
            select(digests.c.name, digests.c.conversation_id, digest_items)
            .join(digest_items, digest_items.c.key == digests.c.key)
            .where(digests.c.code == code, digest_items.c.n == n)
        )

        def job(connection: Connection) -> tuple[str, str, Noted] | None:
            row = connection.execute(query).first()
            return None if row is None else (row.name, row.conversation_id, _noted(row))

        return await self._store.read(job)

    async def mark(self, mark: Mark) -> None:
        """Write down what somebody said of an item; the last word counts. An empty kind takes it back."""
        key = {"name": mark.name, "conversation_id": mark.conversation_id, "item": mark.item}
        values = {"kind": mark.kind, "by": mark.by, "title": mark.title, "at_ms": mark.at_ms}

        def job(connection: Connection) -> None:
            if mark.kind:
                _upsert(connection, digest_marks, key, values, list(key))
            else:
                where = [digest_marks.c[name] == value for name, value in key.items()]
                connection.execute(delete(digest_marks).where(*where))

        await self._store.write("digest.marked", job)

    async def marks(self, name: str, conversation_id: str) -> list[Mark]:
        """Return what was said of items in a channel, the latest last."""
        query = select(digest_marks).where(
            digest_marks.c.name == name, digest_marks.c.conversation_id == conversation_id
        )
        rows = await self._store.read(
            lambda connection: connection.execute(query.order_by(digest_marks.c.at_ms)).all()
        )
        return [Mark(**row._mapping) for row in rows]

    async def define(
        self, name: str, owner: str, body: Mapping[str, object], *, version: int, now_ms: int
    ) -> bool:
        """Store a definition in place of its `version` (0: it is new); False: somebody was faster."""
        values = {"body": json.dumps(body), "owner": owner, "version": version + 1, "changed_at_ms": now_ms}

        def job(connection: Connection) -> bool:
            if version == 0:
                insert = inserting(connection.dialect.name, digest_definitions).values(name=name, **values)
                return connection.execute(insert.on_conflict_do_nothing()).rowcount == 1
            change = digest_definitions.update().where(
                digest_definitions.c.name == name, digest_definitions.c.version == version
            )
            return connection.execute(change.values(**values)).rowcount == 1

        return await self._store.write("digest.defined", job)

    async def definitions(self) -> list[tuple[str, str, Mapping[str, Any], int]]:
        """Return name, owner, body and version of all that were declared in conversations, by name."""
        query = select(digest_definitions).order_by(digest_definitions.c.name)
        rows = await self._store.read(lambda connection: connection.execute(query).all())
        return [(row.name, row.owner, json.loads(row.body), row.version) for row in rows]

    async def remove(self, name: str) -> bool:
        """Delete a definition; False: there is none. What it told stays known."""
        query = delete(digest_definitions).where(digest_definitions.c.name == name)
        return await self._store.write("digest.removed", lambda c: c.execute(query).rowcount == 1)

    async def reader(self, identity: str) -> tuple[str, str]:
        """Return the zone and quiet hours that a reader set, each empty when not."""
        query = select(digest_readers).where(digest_readers.c.identity == identity)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return ("", "") if row is None else (row.timezone, row.quiet)

    async def set_reader(self, identity: str, *, timezone: str, quiet: str) -> None:
        """Store a reader's zone and quiet hours."""
        values = {"timezone": timezone, "quiet": quiet}
        await self._store.write(
            "digest.reader_set",
            lambda c: _upsert(c, digest_readers, {"identity": identity}, values, ["identity"]),
        )


def _upsert(
    connection: Connection,
    table: Any,
    key: Mapping[str, object],
    values: Mapping[str, object],
    index: list[str],
) -> None:
    statement = inserting(connection.dialect.name, table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=index, set_=dict(values)))


def _noted(row: Any) -> Noted:
    return Noted(item=row.item, mark=row.mark, n=row.n, title=row.title, url=row.url)
