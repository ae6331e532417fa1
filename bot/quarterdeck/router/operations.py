"""Offer deliveries and running answers to the program's own verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from quarterdeck.core.ports import Delivery, Json, Operation, Progress
from quarterdeck.router.delivery.deliveries import DeliveryDesk

LIST_LIMIT = 10_000


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Add one row to the audit record."""


def operations(
    *,
    deliveries: DeliveryDesk,
    record: Record,
    cancel: Callable[[str], bool],
) -> list[Operation]:
    """Return `delivery.list|retry` and `answer.cancel`."""

    async def list_deliveries(parameters: Mapping[str, Json], progress: Progress) -> Json:
        limit = parameters.get("limit")
        limit = limit if isinstance(limit, int) and 0 < limit <= LIST_LIMIT else 200
        place, state = _text(parameters, "conversation") or None, _text(parameters, "state")
        if state or parameters.get("open") is True:
            return [_delivery(row) for row in await deliveries.pending(place, limit, state=state)]
        return [_delivery(row) for row in await deliveries.all(place, limit)]

    async def retry(parameters: Mapping[str, Json], progress: Progress) -> Json:
        delivery_id, place = _text(parameters, "id"), _text(parameters, "conversation")
        if place:
            await record.append("delivery", {"what": "retry", "conversation": place})
            return {"conversation": place, "count": await deliveries.retry_all(place)}
        await record.append("delivery", {"what": "retry", "id": delivery_id})
        return _delivery(await deliveries.retry(delivery_id))

    async def cancel_answer(parameters: Mapping[str, Json], progress: Progress) -> Json:
        return {"cancelled": cancel(_text(parameters, "cause"))}

    handlers: dict[str, tuple[Callable[[Mapping[str, Json], Progress], Awaitable[Json]], str]] = {
        "delivery.list": (list_deliveries, "read"),
        "delivery.retry": (retry, "write"),
        "answer.cancel": (cancel_answer, "write"),
    }
    return [
        Operation(name=name, handler=handler, effect=effect) for name, (handler, effect) in handlers.items()
    ]


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""


def _delivery(row: Delivery) -> Json:
    return {
        "id": row.id,
        "conversation": row.conversation_id,
        "state": row.state,
        "attempts": row.attempts,
        "reason": row.reason,
        "created_at": datetime.fromtimestamp(row.created_at_ms / 1000, UTC).isoformat(),
    }
