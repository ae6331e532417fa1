"""Read in one go what a model is told of a conversation: it stands before the first word of every answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, cast

from sqlalchemy import Connection, bindparam, or_, select

from quarterdeck.core.memory import Note, Past, Scope
from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.person import Identity
from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.tables import conversations, messages, notes, summaries

_HERE: Final[Any] = bindparam("conversation_id")
_NOTES: Final = Prepared(
    select(notes.c.seq, notes.c.scope, notes.c.text, notes.c.by, notes.c.at_ms)
    .where(
        or_(
            (notes.c.scope == "person") & (notes.c.owner == bindparam("person_id")),
            (notes.c.scope == "conversation") & (notes.c.owner == _HERE),
        )
    )
    .order_by(notes.c.seq)
)
_SUMMARY: Final = Prepared(select(summaries.c.text).where(summaries.c.conversation_id == _HERE))
_PLACE: Final = Prepared(
    select(conversations.c.platform, conversations.c.kind).where(conversations.c.id == _HERE)
)
_SAID: Final = Prepared(
    select(
        messages.c.message_id, messages.c.author, messages.c.is_ours, messages.c.text, messages.c.sent_at_ms
    )
    .where(messages.c.conversation_id == _HERE, messages.c.deleted_at_ms.is_(None))
    .order_by(messages.c.sent_at_ms.desc(), messages.c.seq.desc())
    .limit(bindparam("most"))
)


def past_in(connection: Connection, *, person_id: str, conversation_id: str, most: int) -> Past:
    """Return notes, summary and the last `most` messages."""
    here = {"conversation_id": conversation_id}
    summary = _SUMMARY.row(connection, here)
    place = _PLACE.row(connection, here)
    said = [] if place is None else _SAID.rows(connection, {**here, "most": most})
    where = None if place is None else _conversation(conversation_id, *place)
    return Past(
        notes=tuple(_note(*row) for row in _NOTES.rows(connection, {**here, "person_id": person_id})),
        summary="" if summary is None else str(summary[0]),
        said=() if where is None else tuple(_message(where, *row) for row in reversed(said)),
    )


def _conversation(id_: str, platform: str, kind: str) -> Conversation:
    return Conversation(id=id_, platform=platform, kind=cast("ConversationKind", kind))


def _note(number: int, scope: str, text: str, by: str, at_ms: int) -> Note:
    return Note(number=number, scope=cast("Scope", scope), text=text, by=Identity.parse(by), at_ms=at_ms)


def _message(
    where: Conversation, id_: str, author: str, is_ours: object, text: str, sent_at_ms: int
) -> Message:
    return Message(
        id=id_,
        conversation=where,
        author=Identity.parse(author),
        text=text,
        sent_at=datetime.fromtimestamp(sent_at_ms / 1000, UTC),
        raw={"is_ours": bool(is_ours)},
    )
