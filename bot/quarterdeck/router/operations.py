"""Offer people, deliveries and running answers to the program's own verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.person import ROLES, Identity, Person
from quarterdeck.core.ports import Clock, Delivery, Json, Operation, Progress
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.deliveries import DeliveryDesk

LIST_LIMIT = 10_000


class Known(Protocol):
    """See a person with all their accounts."""

    @property
    def person(self) -> Person: ...
    @property
    def identities(self) -> tuple[str, ...]: ...


class PeopleRows(Protocol):
    """Give and take roles."""

    async def all(self) -> Sequence[Known]:
        """Return everybody, oldest first."""

    async def grant(self, identity: Identity, role: str, *, name: str = "", now_ms: int) -> Person:
        """Give the person behind `identity` the role; makes the person when they are new."""

    async def revoke(self, identity: Identity) -> Person | None:
        """Take the role from the person behind `identity`; None when nobody is there."""


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Add one row to the audit record."""


def operations(
    *,
    people: PeopleRows,
    deliveries: DeliveryDesk,
    record: Record,
    cancel: Callable[[str], bool],
    clock: Clock,
) -> list[Operation]:
    """Return `person.list|grant|revoke`, `delivery.list|retry` and `answer.cancel`."""
    desk = _PeopleDesk(people, record, clock)

    async def list_deliveries(parameters: Mapping[str, Json], progress: Progress) -> Json:
        limit = parameters.get("limit")
        limit = limit if isinstance(limit, int) and 0 < limit <= LIST_LIMIT else 200
        find = deliveries.pending if parameters.get("open") is True else deliveries.all
        return [_delivery(row) for row in await find(_text(parameters, "conversation") or None, limit)]

    async def retry(parameters: Mapping[str, Json], progress: Progress) -> Json:
        delivery_id = _text(parameters, "id")
        await record.append("delivery", {"what": "retry", "id": delivery_id})
        return _delivery(await deliveries.retry(delivery_id))

    async def cancel_answer(parameters: Mapping[str, Json], progress: Progress) -> Json:
        return {"cancelled": cancel(_text(parameters, "cause"))}

    handlers: dict[str, tuple[Callable[[Mapping[str, Json], Progress], Awaitable[Json]], str]] = {
        "person.list": (desk.list, "read"),
        "person.grant": (desk.grant, "write"),
        "person.revoke": (desk.revoke, "write"),
        "delivery.list": (list_deliveries, "read"),
        "delivery.retry": (retry, "write"),
        "answer.cancel": (cancel_answer, "write"),
    }
    return [
        Operation(name=name, handler=handler, effect=effect) for name, (handler, effect) in handlers.items()
    ]


class _PeopleDesk:
    """Give and take roles; what is done is on record before it is done."""

    def __init__(self, people: PeopleRows, record: Record, clock: Clock) -> None:
        self._people, self._record, self._clock = people, record, clock

    async def list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """List people with their accounts."""
        return [_person(known.person, known.identities) for known in await self._people.all()]

    async def grant(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Give a role."""
        identity, role = _identity(parameters), _text(parameters, "role")
        if role not in ROLES:
            raise UsageError(
                f"{role[:60]!r} is no role",
                hint=did_you_mean(role, ROLES) or f"write one of {', '.join(ROLES)}",
            )
        await self._record.append("role", {"what": "grant", "identity": str(identity), "role": role})
        name = _text(parameters, "name")[:200]
        person = await self._people.grant(identity, role, name=name, now_ms=self._clock.now_ms())
        return _person(person, (str(identity),))

    async def revoke(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Take a role."""
        identity = _identity(parameters)
        await self._record.append("role", {"what": "revoke", "identity": str(identity)})
        person = await self._people.revoke(identity)
        if person is None:
            raise NotFound(
                f"nobody is known as {identity}", hint="`quarterdeck person list` shows everybody who is"
            )
        return _person(person, (str(identity),))


def _identity(parameters: Mapping[str, Json]) -> Identity:
    """Read an identity that can only be the platform's own id: what looks alike is refused."""
    text = _text(parameters, "identity")
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > 400:
        raise UsageError(
            f"{text[:80]!a} is not an identity",
            hint="write platform:workspace:user with the platform's own ids, such as slack:T1:U1 or discord::42",
        )
    return Identity.parse(text)


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""


def _person(person: Person, identities: Sequence[str]) -> Json:
    return {"id": person.id, "name": person.name, "role": person.role, "identities": list(identities)}


def _delivery(row: Delivery) -> Json:
    return {
        "id": row.id,
        "conversation": row.conversation_id,
        "state": row.state,
        "attempts": row.attempts,
        "reason": row.reason,
        "created_at": datetime.fromtimestamp(row.created_at_ms / 1000, UTC).isoformat(),
    }
