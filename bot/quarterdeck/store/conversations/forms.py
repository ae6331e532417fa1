"""Keep forms that wait for values (the `FormRows` port)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, delete, select

from quarterdeck.core.form import Form
from quarterdeck.core.message import Attachment, Conversation, ConversationKind
from quarterdeck.core.person import Identity
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import forms

KEPT_MS: Final = 86_400_000  # after it expired: what was half done in a crash may still ask for it

_ATTACHMENTS: Final = TypeAdapter(tuple[Attachment, ...])
_GET: Final = select(forms).where(forms.c.id == bindparam("wanted"))
_ALL: Final = select(forms).order_by(forms.c.created_at_ms, forms.c.id)
_SWEEP: Final = delete(forms).where(forms.c.expires_at_ms < bindparam("before_ms"))


class StoredForms:
    """Read and write the table `forms`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, form: Form) -> None:
        """Write the form down, in place of what was known of it; drops those that expired a day ago."""
        values = _values(form)

        def write(connection: Connection) -> None:
            insert = inserting(connection.dialect.name, forms)
            connection.execute(_SWEEP, {"before_ms": form.created_at_ms - KEPT_MS})
            connection.execute(
                insert.values(values).on_conflict_do_update(index_elements=["id"], set_=values)
            )

        await self._store.write("form.kept", write)

    async def get(self, form_id: str) -> Form | None:
        """Return a form, ended or not."""

        def job(connection: Connection) -> Form | None:
            row = connection.execute(_GET, {"wanted": form_id}).one_or_none()
            return _form(row) if row else None

        return await self._store.read(job)

    async def all(self) -> Sequence[Form]:
        """Return every form that is kept, oldest first."""

        def job(connection: Connection) -> list[Form]:
            return [_form(row) for row in connection.execute(_ALL)]

        return await self._store.read(job)


def _values(form: Form) -> dict[str, object]:
    return {
        "id": form.id,
        "command": form.command,
        "identity": str(form.identity),
        "platform": form.conversation.platform,
        "conversation_id": form.conversation.id,
        "conversation_kind": form.conversation.kind,
        "asking": orjson.dumps(form.asking).decode(),
        "is_native": form.is_native,
        "given": orjson.dumps(dict(form.given)).decode(),
        "attachments": _ATTACHMENTS.dump_json(form.attachments).decode(),
        "last_event": form.last_event,
        "created_at_ms": form.created_at_ms,
        "expires_at_ms": form.expires_at_ms,
        "is_ended": form.is_ended,
    }


def _form(row: Row[*tuple[object, ...]]) -> Form:
    return Form(
        id=row.id,
        command=row.command,
        identity=Identity.parse(row.identity),
        conversation=Conversation(
            id=row.conversation_id,
            platform=row.platform,
            kind=cast(ConversationKind, row.conversation_kind),
        ),
        asking=tuple(orjson.loads(row.asking)),
        is_native=row.is_native,
        given=orjson.loads(row.given),
        attachments=_ATTACHMENTS.validate_json(row.attachments),
        last_event=row.last_event,
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.expires_at_ms,
        is_ended=row.is_ended,
    )
