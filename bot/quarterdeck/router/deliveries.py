"""Show what did not arrive, and send it again when a person says so (the `Deliveries` port)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quarterdeck.core.delivery import Outgoing
from quarterdeck.core.errors import NotFound
from quarterdeck.core.ports import Delivery
from quarterdeck.router.outbox import Outbox

UNSENT = ("waiting", "sending", "unknown", "dead")


class DeliveryRows(Protocol):
    """Show and reopen outgoing parts."""

    async def deliveries(
        self, *, conversation_id: str | None = None, states: Sequence[str] = (), limit: int = 200
    ) -> list[Delivery]:
        """Return parts, newest first; without `states`, in every state."""

    async def one(self, row_id: str) -> Outgoing | None:
        """Return one part, or None."""

    async def reopen(self, row_id: str) -> Outgoing:
        """Put an unknown or dead part back to wait.

        Raises:
            NotFound: no such part, or it is not at its end.
        """


class DeliveryDesk:
    """Look through the outgoing parts, and hand one to the outbox again."""

    def __init__(self, rows: DeliveryRows, outbox: Outbox) -> None:
        self._rows, self._outbox = rows, outbox

    async def pending(self, conversation_id: str | None = None, limit: int = 200) -> list[Delivery]:
        """Return what is not sent: waiting, sending, unknown, dead; newest first."""
        return await self._rows.deliveries(conversation_id=conversation_id, states=UNSENT, limit=limit)

    async def all(self, conversation_id: str | None = None, limit: int = 200) -> list[Delivery]:
        """Return parts in every state, newest first."""
        return await self._rows.deliveries(conversation_id=conversation_id, limit=limit)

    async def retry(self, delivery_id: str) -> Delivery:
        """Put an unknown or dead delivery back to waiting, and send it when its turn comes.

        Raises:
            NotFound: no such delivery, it is not at its end, or its platform is not connected.
        """
        row = await self._rows.one(delivery_id)
        if row is None:
            raise NotFound(
                f"there is no delivery {delivery_id[:200]!r}",
                hint="`/delivery` and `quarterdeck delivery list` show their ids",
            )
        self._outbox.adapter(row.conversation.platform)
        again = await self._rows.reopen(delivery_id)
        self._outbox.requeue(again)
        return Delivery(
            id=again.id,
            conversation_id=again.conversation.id,
            state=again.state,
            attempts=again.attempts,
            reason="",
            created_at_ms=again.created_at_ms,
            text=again.text,
        )
