"""Show what did not arrive, and send it again when a person says so (the `Deliveries` port)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quarterdeck.core.delivery import Outgoing
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.ports import Delivery
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.delivery.outbox import Outbox

UNSENT = ("waiting", "sending", "unknown", "dead")
STATES = (*UNSENT, "sent")


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

    async def reopen_all(self, conversation_id: str) -> Sequence[Outgoing]:
        """Put every dead part of a conversation back to wait; returns them, oldest first."""


class DeliveryDesk:
    """Look through the outgoing parts, and hand one to the outbox again."""

    def __init__(self, rows: DeliveryRows, outbox: Outbox) -> None:
        self._rows, self._outbox = rows, outbox

    async def pending(
        self, conversation_id: str | None = None, limit: int = 200, *, state: str = ""
    ) -> list[Delivery]:
        """Return what is not sent: waiting, sending, unknown, dead, or what is in this `state`; newest first.

        Raises:
            UsageError: there is no such state.
        """
        if state and state not in STATES:
            hint = did_you_mean(state, STATES) or f"write one of {', '.join(STATES)}"
            raise UsageError(f"no delivery is {state[:60]!r}", hint=hint)
        states = (state,) if state else UNSENT
        return await self._rows.deliveries(conversation_id=conversation_id, states=states, limit=limit)

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
        return _shown(again)

    async def retry_all(self, conversation_id: str) -> int:
        """Put every dead delivery of a conversation back to waiting, oldest first; returns how many.

        Unknown ones are left: whether they arrived is to be looked at one by one.

        Raises:
            NotFound: there is none, or its platform is not connected.
        """
        dead = await self._rows.deliveries(conversation_id=conversation_id, states=("dead",), limit=1)
        if not dead:
            raise NotFound(
                f"nothing is dead in {conversation_id[:200]!r}",
                hint="`/delivery` and `quarterdeck delivery list` show what is where",
            )
        row = await self._rows.one(dead[0].id)
        if row is not None:
            self._outbox.adapter(row.conversation.platform)
        again = await self._rows.reopen_all(conversation_id)
        for one in again:
            self._outbox.requeue(one)
        return len(again)


def _shown(again: Outgoing) -> Delivery:
    return Delivery(
        id=again.id,
        conversation_id=again.conversation.id,
        state=again.state,
        attempts=again.attempts,
        reason="",
        created_at_ms=again.created_at_ms,
        text=again.text,
    )
