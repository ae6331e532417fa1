"""Keep notes and summaries, and forget what people said wherever it stands.

Forgetting empties the text of messages and of delivered replies; the rows that say that something happened stay,
without words (events lose theirs as soon as they are handled). SQLite overwrites freed pages (`secure_delete`);
backups keep the words until they are rotated.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Row,
    Update,
    bindparam,
    delete,
    insert,
    or_,
    select,
    true,
    update,
)

from quarterdeck.core.memory import Forgotten, Note, Past, Scope
from quarterdeck.core.person import Identity
from quarterdeck.store.conversations.past import past_in
from quarterdeck.store.conversations.searching import empty
from quarterdeck.store.conversations.shown_files import forget_files
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import (
    answers,
    conversations,
    identities,
    knowledge_answers,
    messages,
    notes,
    outbox,
    paused_answers,
    summaries,
    transcript,
)
from quarterdeck.store.tables.web import web_files
from quarterdeck.store.work.paused import forget_paused

EMPTY: Final = "{}"
_MINE: Final = or_(
    (notes.c.scope == "person") & (notes.c.owner == bindparam("person_id")),
    (notes.c.scope == "conversation") & (notes.c.owner == bindparam("conversation_id")),
)
_NOTES: Final = select(notes).where(_MINE).order_by(notes.c.seq)
_NOTE: Final = select(notes).where(_MINE, notes.c.seq == bindparam("number"))
_SUMMARY: Final = select(summaries).where(summaries.c.conversation_id == bindparam("of"))


class StoredNotes:
    """Remember and forget."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def notes(self, *, person_id: str, conversation_id: str) -> list[Note]:
        """Return the person's notes and the conversation's, oldest first."""
        asked = {"person_id": person_id, "conversation_id": conversation_id}
        rows = await self._store.read(lambda connection: connection.execute(_NOTES, asked).all())
        return [_note(row) for row in rows]

    async def add_note(
        self, text: str, *, scope: Scope, person_id: str, conversation_id: str, by: Identity, now_ms: int
    ) -> Note:
        """Write a note down."""
        owner = person_id if scope == "person" else conversation_id
        values = {"scope": scope, "owner": owner, "text": text, "by": str(by), "at_ms": now_ms}

        def job(connection: Connection) -> int:
            key = connection.execute(insert(notes).values(**values)).inserted_primary_key
            assert key is not None
            return int(key[0])

        number = await self._store.write("note.kept", job)
        return Note(number=number, scope=scope, text=text, by=by, at_ms=now_ms)

    async def remove_note(self, number: int, *, person_id: str, conversation_id: str) -> Note | None:
        """Delete one note of the person or of the conversation; None when none of them has this number."""
        asked = {"person_id": person_id, "conversation_id": conversation_id, "number": number}

        def job(connection: Connection) -> Note | None:
            row = connection.execute(_NOTE, asked).one_or_none()
            if row is None:
                return None
            connection.execute(delete(notes).where(notes.c.seq == number))
            return _note(row)

        return await self._store.write("note.forgotten", job)

    async def past(self, *, person_id: str, conversation_id: str, most: int) -> Past:
        """Return what a model is told of a conversation: notes, summary, the last `most` messages."""
        asked = {"person_id": person_id, "conversation_id": conversation_id}
        return await self._store.read(lambda connection: past_in(connection, **asked, most=most))

    async def summarised(self, conversation_id: str) -> tuple[str, int]:
        """Return the summary and up to when it reaches, in ms; empty and 0 where there is none."""
        asked = {"of": conversation_id}
        row = await self._store.read(lambda connection: connection.execute(_SUMMARY, asked).one_or_none())
        return ("", 0) if row is None else (str(row.text), int(row.up_to_ms))

    async def fold(
        self, conversation_id: str, text: str, *, since_ms: int, up_to_ms: int, now_ms: int
    ) -> None:
        """Replace the summary that reaches up to `since_ms`; when it has changed meanwhile, nothing is done."""
        row = {"conversation_id": conversation_id, "text": text, "up_to_ms": up_to_ms, "at_ms": now_ms}

        def job(connection: Connection) -> None:
            found = connection.execute(_SUMMARY, {"of": conversation_id}).one_or_none()
            if (found.up_to_ms if found else 0) != since_ms:
                return
            statement = inserting(connection.dialect.name, summaries).values(**row)
            connection.execute(statement.on_conflict_do_update(index_elements=["conversation_id"], set_=row))

        await self._store.write("summary.folded", job)

    async def forget_person(self, person_id: str) -> Forgotten:
        """Delete what a person wrote anywhere, from every account of theirs, and their notes."""

        def job(connection: Connection) -> Forgotten:
            known = connection.execute(
                select(identities.c.identity).where(identities.c.person_id == person_id)
            ).scalars()
            accounts = [*known] or [person_id]
            written = select(messages.c.conversation_id).where(messages.c.author.in_(accounts)).distinct()
            places = [*connection.execute(written).scalars()]
            alone = select(conversations.c.id).where(
                conversations.c.id.in_(places), conversations.c.kind == "direct"
            )
            connection.execute(delete(summaries).where(summaries.c.conversation_id.in_(places)))
            _empty_replies(connection, outbox.c.conversation_id.in_(alone))
            empty(connection, transcript.c.conversation_id.in_(alone))
            forget_files(connection, web_files.c.owner.in_([person_id, *accounts]))
            asked = knowledge_answers.c.person_id.in_([person_id, *accounts])
            connection.execute(delete(knowledge_answers).where(asked))
            read_along = paused_answers.c.conversation_id.in_(
                places
            )  # what they wrote may stand in any of these
            forget_paused(connection, read_along | paused_answers.c.person_id.in_([person_id, *accounts]))
            theirs = messages.c.author.in_(accounts) | messages.c.conversation_id.in_(alone)
            return Forgotten(
                messages=_empty_messages(connection, theirs),
                notes=_count(
                    connection, delete(notes).where(notes.c.scope == "person", notes.c.owner == person_id)
                ),
                answers=_count(connection, delete(answers)),
            )

        return await self._store.write("memory.wiped", job)

    async def forget_conversation(self, conversation_id: str) -> Forgotten:
        """Delete what was said in a conversation, by anybody and by the bot, and its notes."""

        def job(connection: Connection) -> Forgotten:
            connection.execute(delete(summaries).where(summaries.c.conversation_id == conversation_id))
            _empty_replies(connection, outbox.c.conversation_id == conversation_id)
            empty(connection, transcript.c.conversation_id == conversation_id)
            asked = knowledge_answers.c.conversation_id == conversation_id
            connection.execute(delete(knowledge_answers).where(asked))
            forget_paused(connection, paused_answers.c.conversation_id == conversation_id)
            here = (notes.c.scope == "conversation") & (notes.c.owner == conversation_id)
            return Forgotten(
                messages=_empty_messages(connection, messages.c.conversation_id == conversation_id),
                notes=_count(connection, delete(notes).where(here)),
                answers=_count(connection, delete(answers)),
            )

        return await self._store.write("memory.wiped", job)

    async def forget_everything(self) -> Forgotten:
        """Delete what was said anywhere, and all notes."""

        def job(connection: Connection) -> Forgotten:
            connection.execute(delete(summaries))
            _empty_replies(connection, true())
            empty(connection, true())
            forget_files(connection, true())
            connection.execute(delete(knowledge_answers))
            forget_paused(connection, true())
            return Forgotten(
                messages=_empty_messages(connection, true()),
                notes=_count(connection, delete(notes)),
                answers=_count(connection, delete(answers)),
            )

        return await self._store.write("memory.wiped", job)


def _note(row: Row[*tuple[Any, ...]]) -> Note:
    return Note(number=row.seq, scope=row.scope, text=row.text, by=Identity.parse(row.by), at_ms=row.at_ms)


def _empty_messages(connection: Connection, which: ColumnElement[bool]) -> int:
    return _count(connection, update(messages).where(which, messages.c.text != "").values(text=""))


def _empty_replies(connection: Connection, which: ColumnElement[bool]) -> None:
    connection.execute(update(outbox).where(which, outbox.c.state == "sent").values(body=EMPTY, text=""))


def _count(connection: Connection, statement: Update | Delete) -> int:
    return int(connection.execute(statement).rowcount)
