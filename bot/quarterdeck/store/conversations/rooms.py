"""Remember conversations whose screen is ours: the web door's (the `Rooms` port)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from quarterdeck.core.screen import Found, Item, ItemKind, Room, StoredFile
from quarterdeck.store.conversations import searching
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.conversations.searching import SHOWN
from quarterdeck.store.conversations.shown_files import forget_files_in
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import messages, notes, summaries, transcript
from quarterdeck.store.tables.web import web_files, web_rooms

_LAST = (
    select(func.coalesce(func.max(transcript.c.seq), 0))
    .where(transcript.c.conversation_id == web_rooms.c.id)
    .scalar_subquery()
)
_ROOM = select(web_rooms, _LAST.label("last_seq"))


class StoredRooms:
    """Read and write `web_rooms` and `web_files`, and what stands in `transcript` for them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, owner: str) -> Sequence[Room]:
        """Return somebody's conversations, the one that changed last first."""
        query = _ROOM.where(web_rooms.c.owner == owner).order_by(
            web_rooms.c.updated_at_ms.desc(), web_rooms.c.id
        )
        return [_room(row) for row in await self._store.read(lambda c: c.execute(query).all())]

    async def get(self, owner: str, name: str) -> Room | None:
        """Return one of somebody's conversations."""
        query = _ROOM.where(web_rooms.c.owner == owner, web_rooms.c.name == name)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _room(row)

    async def open(self, room: Room) -> Room:
        """Make the conversation unless it is there; returns what is there."""
        values = {name: getattr(room, name) for name in room.__slots__ if name != "last_seq"}

        def job(connection: Connection) -> Room:
            insert_new(connection, web_rooms, values)
            return _room(connection.execute(_ROOM.where(web_rooms.c.id == room.id)).one())

        return await self._store.write("room.opened", job)

    async def rename(self, owner: str, name: str, title: str) -> Room | None:
        """Change the title; None where there is no such conversation."""
        is_it = and_(web_rooms.c.owner == owner, web_rooms.c.name == name)

        def job(connection: Connection) -> Room | None:
            connection.execute(update(web_rooms).where(is_it).values(title=title))
            row = connection.execute(_ROOM.where(is_it)).one_or_none()
            return None if row is None else _room(row)

        return await self._store.write("room.renamed", job)

    async def remove(self, owner: str, name: str) -> bool:
        """Delete a conversation with all that stands in it."""
        is_it = and_(web_rooms.c.owner == owner, web_rooms.c.name == name)

        def job(connection: Connection) -> bool:
            room_id = connection.execute(select(web_rooms.c.id).where(is_it)).scalar_one_or_none()
            if room_id is None:
                return False
            here = transcript.c.conversation_id == room_id
            forget_files_in(connection, here)
            searching.take(connection, here)
            connection.execute(delete(transcript).where(here))
            connection.execute(delete(summaries).where(summaries.c.conversation_id == room_id))
            connection.execute(delete(notes).where(notes.c.scope == "conversation", notes.c.owner == room_id))
            said = update(messages).where(messages.c.conversation_id == room_id, messages.c.text != "")
            connection.execute(said.values(text=""))
            connection.execute(delete(web_rooms).where(is_it))
            searching.overwrite(connection)
            return True

        return await self._store.write("room.removed", job)

    async def add(
        self,
        conversation_id: str,
        kind: ItemKind,
        body: Mapping[str, object],
        *,
        key: str,
        cause: str,
        text: str,
        at_ms: int,
    ) -> tuple[Item, bool]:
        """Add an item; the same `key` twice is added once. Returns it, and whether it is new."""
        row = _row(conversation_id, kind, body, key=key, cause=cause, text=text, at_ms=at_ms)
        touched = update(web_rooms).where(web_rooms.c.id == conversation_id).values(updated_at_ms=at_ms)

        def job(connection: Connection) -> tuple[Item, bool]:
            is_new = insert_new(connection, transcript, row)
            item = _item(connection.execute(select(transcript).where(transcript.c.key == key)).one())
            if is_new:
                connection.execute(touched)
                searching.put(connection, item.seq)
            return item, is_new

        return await self._store.write("room.added", job)

    async def edit(
        self, conversation_id: str, target: int, body: Mapping[str, object], *, text: str, at_ms: int
    ) -> Item | None:
        """Add the new form of an item; None where the item is gone or has this form already."""
        key = uuid.uuid4().hex

        def job(connection: Connection) -> Item | None:
            old = _last_forms(connection, conversation_id, [target])
            if not old or old[0].body == body:
                return None
            row = _row(
                conversation_id,
                "edit",
                body,
                key=key,
                cause=old[0].cause,
                text="",
                at_ms=at_ms,
                target=target,
            )
            connection.execute(insert(transcript).values(**row))
            first = transcript.c.seq == target
            searching.take(connection, first)
            connection.execute(update(transcript).where(first).values(text=text))
            searching.put(connection, target)
            return _item(connection.execute(select(transcript).where(transcript.c.key == key)).one())

        return await self._store.write("room.edited", job)

    async def rewind(self, conversation_id: str, to: int, *, at_ms: int) -> Item | None:
        """Take back the item `to` and all after it; None where it is gone."""
        here, key = transcript.c.conversation_id == conversation_id, uuid.uuid4().hex

        def job(connection: Connection) -> Item | None:
            first = connection.execute(select(transcript).where(here, transcript.c.seq == to)).one_or_none()
            if first is None:
                return None
            later = connection.execute(select(transcript).where(here, transcript.c.seq >= to)).all()
            ids = [_message_id(row) for row in later]
            forgotten = update(messages).where(
                messages.c.conversation_id == conversation_id, messages.c.message_id.in_(ids)
            )
            connection.execute(forgotten.values(text="", deleted_at_ms=at_ms))
            row = _row(conversation_id, "rewind", {}, key=key, cause="", text="", at_ms=at_ms, target=to)
            connection.execute(insert(transcript).values(**row))
            gone = and_(here, transcript.c.seq >= to, transcript.c.kind != "rewind")
            searching.take(connection, gone)
            connection.execute(delete(transcript).where(gone))
            return _item(connection.execute(select(transcript).where(transcript.c.key == key)).one())

        return await self._store.write("room.rewound", job)

    async def since(self, conversation_id: str, after: int, limit: int = 500) -> Sequence[Item]:
        """Return what appeared after `after`, oldest first, as it appeared: edits and rewinds are items."""
        query = (
            select(transcript)
            .where(transcript.c.conversation_id == conversation_id, transcript.c.seq > after)
            .order_by(transcript.c.seq)
            .limit(limit)
        )
        return [_item(row) for row in await self._store.read(lambda c: c.execute(query).all())]

    async def page(self, conversation_id: str, before: int | None, limit: int) -> Sequence[Item]:
        """Return posts and what was said before `before`, oldest first, in their last form."""
        query = select(transcript.c.seq).where(
            transcript.c.conversation_id == conversation_id, transcript.c.kind.in_(SHOWN)
        )
        if before is not None:
            query = query.where(transcript.c.seq < before)
        query = query.order_by(transcript.c.seq.desc()).limit(limit)

        def job(connection: Connection) -> Sequence[Item]:
            return _last_forms(connection, conversation_id, connection.execute(query).scalars().all())

        return await self._store.read(job)

    async def item(self, conversation_id: str, seq: int) -> Item | None:
        """Return one post or thing said, in its last form."""
        found = await self._store.read(lambda connection: _last_forms(connection, conversation_id, [seq]))
        return found[0] if found else None

    async def search(self, owner: str, words: str, *, name: str = "", limit: int = 50) -> Sequence[Found]:
        """Return what holds all of `words`, the best first, in one conversation or all of somebody's."""

        def job(connection: Connection) -> list[Found]:
            hits = dict(searching.search(connection, owner, words, name, limit))
            places = select(transcript.c.seq, transcript.c.conversation_id).where(transcript.c.seq.in_(hits))
            where = {row.seq: row.conversation_id for row in connection.execute(places)}
            query = _ROOM.where(web_rooms.c.id.in_(set(where.values())))
            rooms = {row.id: _room(row) for row in connection.execute(query)}
            items = {
                item.seq: item
                for room_id in rooms
                for item in _last_forms(
                    connection, room_id, [seq for seq, place in where.items() if place == room_id]
                )
            }
            return [
                Found(room=rooms[where[seq]], item=items[seq], parts=searching.parts_of(snippet))
                for seq, snippet in hits.items()
            ]

        return await self._store.read(job)

    async def add_file(self, file: StoredFile) -> None:
        """Store a file; the same id twice is once."""
        values = {name: getattr(file, name) for name in file.__slots__}
        await self._store.write("file.kept", lambda connection: insert_new(connection, web_files, values))

    async def file(self, owner: str, file_id: str) -> StoredFile | None:
        """Return a file of somebody's."""
        query = select(web_files).where(web_files.c.id == file_id, web_files.c.owner == owner)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else StoredFile(**row._mapping)


def _last_forms(connection: Connection, conversation_id: str, seqs: Iterable[int]) -> list[Item]:
    wanted = list(seqs)
    rows = connection.execute(
        select(transcript)
        .where(
            transcript.c.conversation_id == conversation_id,
            or_(
                and_(transcript.c.seq.in_(wanted), transcript.c.kind.in_(SHOWN)),
                and_(transcript.c.target.in_(wanted), transcript.c.kind == "edit"),
            ),
        )
        .order_by(transcript.c.seq)
    ).all()
    forms = {row.seq: _item(row) for row in rows if row.kind != "edit"}
    for row in rows:
        if row.kind == "edit" and row.target in forms:
            first = forms[row.target]
            forms[row.target] = Item(
                seq=first.seq,
                kind=first.kind,
                cause=first.cause,
                body=json.loads(row.body),
                at_ms=first.at_ms,
                is_edited=True,
            )
    return [forms[seq] for seq in sorted(forms)]


def _row(
    conversation_id: str,
    kind: ItemKind,
    body: Mapping[str, object],
    *,
    key: str,
    cause: str,
    text: str,
    at_ms: int,
    target: int | None = None,
) -> dict[str, object]:
    return {
        "key": key,
        "conversation_id": conversation_id,
        "cause": cause,
        "body": json.dumps(body, ensure_ascii=False),
        "at_ms": at_ms,
        "kind": kind,
        "target": target,
        "text": text,
    }


def _message_id(row: Row[*tuple[Any, ...]]) -> str:
    """Return under which id the history knows it: what people say by its event, ours by its number."""
    return str(row.cause.rpartition(":")[2]) if row.kind == "said" else f"post-{row.seq}"


def _item(row: Row[*tuple[Any, ...]]) -> Item:
    return Item(
        seq=row.seq,
        kind=row.kind,
        target=row.target,
        cause=row.cause,
        body=json.loads(row.body),
        at_ms=row.at_ms,
    )


def _room(row: Row[*tuple[Any, ...]]) -> Room:
    return Room(**{name: getattr(row, name) for name in Room.__slots__})
