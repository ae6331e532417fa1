"""Keep what can be picked by its number, where a platform has no buttons: the newest offer of each conversation."""

from __future__ import annotations

from typing import Final

import orjson
from sqlalchemy import Connection, bindparam, select

from quarterdeck.core.delivery import Offer
from quarterdeck.core.reply import Button
from quarterdeck.store.database.upsert import upsert
from quarterdeck.store.tables import offers

_GET: Final = select(offers).where(offers.c.conversation_id == bindparam("of"))
_CHANGED: Final = ("buttons", "expires_at_ms")


def offer_in(connection: Connection, offer: Offer) -> None:
    """Write an offer down, inside the commit that stores the reply that makes it."""
    buttons = [{"id": one.id, "label": one.label, "value": one.value} for one in offer.buttons]
    row = {
        "conversation_id": offer.conversation_id,
        "buttons": orjson.dumps(buttons).decode(),
        "expires_at_ms": offer.expires_at_ms,
    }
    connection.execute(upsert(connection.dialect.name, offers, ("conversation_id",), _CHANGED), row)


def offer_of(connection: Connection, conversation_id: str) -> Offer | None:
    """Return the newest offer of a conversation."""
    row = connection.execute(_GET, {"of": conversation_id}).one_or_none()
    if row is None:
        return None
    return Offer(
        conversation_id=row.conversation_id,
        buttons=tuple(Button(**one) for one in orjson.loads(row.buttons)),
        expires_at_ms=row.expires_at_ms,
    )
