"""Keep the record of who did what, so that nobody can change it unnoticed.

Rows are only ever added. Each carries a hash over its content and the hash of the row before, and the count
and hash of the last one stand in `facts`, written in the same transaction: a row that was changed, taken out,
put in or moved shows, and so does an end that was cut off. (Whoever can write the file can of course redo the
whole chain: keep the daily export elsewhere.) No text reaches the record before it went through redaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypedDict, cast

import orjson
from sqlalchemy import Connection, Row, Select, bindparam, insert, or_, select

from quarterdeck.core.approval import ORIGIN
from quarterdeck.core.delivery import AuditEntry
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.value import dataclass
from quarterdeck.store import facts
from quarterdeck.store.database import transaction
from quarterdeck.store.database.prepared import Prepared
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import audit, inbox, outbox

HEAD: Final = "audit.head"
START: Final = "0" * 64
DELIVERED: Final = "audit.delivered"
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_quoted: Final = json.encoder.encode_basestring_ascii
PAGE: Final = 5_000  # rows a read, so that no read lasts long
PROBLEMS_SHOWN: Final = 20

_INSERT: Final = Prepared(
    insert(audit), columns=("seq", "at_ms", "kind", "person_id", "detail", "previous", "hash")
)
_PAGE: Final = (
    select(audit).where(audit.c.seq > bindparam("after")).order_by(audit.c.seq).limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Say how many rows were looked at and what is wrong with the chain, first things first."""

    rows: int
    problems: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Name a message on its platform, the part of a reply that it is, and the event that it answers."""

    event: str
    delivery: str
    message: str


_Chain = tuple["_Chain | None", Delivered]


class _Content(TypedDict):
    """Hold what a row's hash is taken over, in this order."""

    previous: str
    seq: int
    at_ms: int
    kind: str
    person_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Head:
    """Say how many rows the chain has, and the hash of the last one."""

    count: int
    hash: str

    def __str__(self) -> str:
        return f"{self.count} {self.hash}"

    @classmethod
    def read(cls, connection: Connection) -> _Head:
        count, _, last = (facts.get_in(connection, HEAD) or f"0 {START}").partition(" ")
        return cls(int(count), last)


class Audit:
    """Add to the record, check it and give it out. `clean` masks the secrets in a text."""

    def __init__(self, store: Store, clock: Clock, clean: Callable[[str], str]) -> None:
        self._store, self._clock, self._clean = store, clock, clean

    def entry(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> AuditEntry:
        """Return an entry of now; `kind` is the noun (`command`, `secret`), `detail` what was done."""
        return AuditEntry(at_ms=self._clock.now_ms(), kind=kind, person_id=person_id, detail=detail)

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Add one row in a commit that nothing else depends on."""
        entry = self.entry(kind, detail, person_id=person_id)
        await self._store.write("audit.recorded", lambda connection: self.append_in(connection, entry))

    def append_in(self, connection: Connection, entry: AuditEntry) -> None:
        """Add one row inside another write, in the job of that write: both are kept, or neither."""
        head = self._head_in(connection)
        content: _Content = {
            "previous": head.hash,
            "seq": head.count + 1,
            "at_ms": entry.at_ms,
            "kind": entry.kind,
            "person_id": self._clean(entry.person_id),
            "detail": self._written(entry.detail),
        }
        hashed = _hash(content)
        _INSERT.run(connection, {**content, "hash": hashed})
        transaction.scratch(connection).values[HEAD] = _Head(head.count + 1, hashed)

    def delivered_in(self, connection: Connection, one: Delivered) -> None:
        """Say which message came of an event: one row for all that were sent within a commit."""
        self._head_in(connection)
        values = transaction.scratch(connection).values
        values[DELIVERED] = (values.get(DELIVERED), one)  # a chain, newest first: nothing is copied for each

    def _head_in(self, connection: Connection) -> _Head:
        """Return the end of the chain so far; it is written down right before the commit."""
        present = transaction.scratch(connection)
        head = present.values.get(HEAD)
        if not isinstance(head, _Head):
            head = present.values[HEAD] = _Head.read(connection)
            present.before_commit[HEAD] = self._finish
        return head

    def _finish(self, connection: Connection, _: object) -> None:
        values = transaction.scratch(connection).values
        messages = list[dict[str, str]]()
        chain = cast("_Chain | None", values.get(DELIVERED))
        while chain is not None:
            chain, one = chain
            messages.append({"delivery": one.delivery, "event": one.event, "message": one.message})
        if messages:
            messages.reverse()
            self.append_in(connection, self.entry("delivered", {"messages": messages}))
        facts.set_in(connection, HEAD, str(values[HEAD]))

    async def rows(self, *, after: int = 0, limit: int = PAGE) -> list[dict[str, Json]]:
        """Return rows after number `after`, oldest first, as they are exported."""

        def job(connection: Connection) -> list[dict[str, Json]]:
            return [_exported(row) for row in connection.execute(_PAGE, {"after": after, "most": limit})]

        return await self._store.read(job)

    async def chain(self, event_key: str) -> dict[str, Json]:
        """Return all that is known of one event: as it came, what the record says of it, what was sent for it.

        Its rows stand in the record under its own key; what was raised on its behalf stands under `KEY~…`, and what
        was approved under the key of our own event that carried it out.
        """
        platform, _, rest = event_key.partition(":")
        workspace, _, event_id = rest.partition(":")
        came = select(inbox).filter_by(platform=platform, workspace=workspace, event_id=event_id)

        def job(connection: Connection) -> dict[str, Json]:
            event = connection.execute(came).one_or_none()
            rows = _rows_about(connection, [event_key])
            approved = dict.fromkeys(
                f"{platform}::{ORIGIN}-{row['detail']['approval']}" for row in rows if row["kind"] == ORIGIN
            )
            keys = [event_key, *approved]
            if approved:
                rows = _rows_about(connection, keys)
            return {
                "event": None if event is None else _event(event),
                "rows": rows,
                "deliveries": [_delivery(row) for row in connection.execute(_sent_for(keys))],
            }

        return await self._store.read(job)

    async def verify(self) -> Verdict:
        """Follow the chain from its first row to its head."""
        checked, problems = _Checked(), list[str]()
        is_more = True
        while is_more:
            before = checked

            def job(connection: Connection, before: _Checked = before) -> tuple[_Checked, list[str]]:
                return _check_page(connection, before)

            checked, found = await self._store.read(job)
            problems += found
            is_more = checked.rows - before.rows == PAGE
        return Verdict(rows=checked.rows, problems=tuple(problems[:PROBLEMS_SHOWN]))

    def _written(self, detail: Mapping[str, object]) -> str:
        """Return the canonical form without secrets; where there are none, which is the rule, it is read once."""
        plain = canonical(detail)
        return plain if self._clean(plain) == plain else canonical(self._cleaned(detail))

    def _cleaned(self, value: object) -> object:
        match value:
            case str():
                return self._clean(value)
            case Mapping():
                return {self._clean(str(name)): self._cleaned(held) for name, held in value.items()}
            case list() | tuple():
                return [self._cleaned(held) for held in value]
            case _:
                return value


def canonical(value: object) -> str:
    """Write JSON the one way: keys sorted, no spaces, ASCII only (what a message holds may be no valid UTF-8)."""
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:  # half a character, or a number of more than 64 bits
        return _ENCODER.encode(value)
    text = written.decode()
    return text if text.isascii() and "\x7f" not in text else _ENCODER.encode(value)


def _hash(content: _Content) -> str:
    previous, person, detail = map(_quoted, (content["previous"], content["person_id"], content["detail"]))
    text = f"[{previous},{content['seq']},{content['at_ms']},{_quoted(content['kind'])},{person},{detail}]"
    return hashlib.sha256(
        text.encode("ascii")
    ).hexdigest()  # of `canonical` of the values, in a tenth of its time


@dataclass(frozen=True, slots=True)
class _Checked:
    """Say where the check stands: rows seen, number and hash of the last one."""

    rows: int = 0
    number: int = 0
    hash: str = START


def _check_page(connection: Connection, before: _Checked) -> tuple[_Checked, list[str]]:
    rows = connection.execute(_PAGE, {"after": before.number, "most": PAGE}).all()
    checked, problems = before, list[str]()
    for row in rows:
        problems += _problems(row, checked)
        checked = _Checked(checked.rows + 1, row.seq, row.hash)
    if len(rows) < PAGE:
        problems += _problems_of_end(_Head.read(connection), checked)
    return checked, problems


def _problems(row: Row[*tuple[object, ...]], before: _Checked) -> Iterator[str]:
    content = cast("_Content", {name: row._mapping[name] for name in _Content.__annotations__})
    if row.seq != before.number + 1:
        first, last = before.number + 1, row.seq - 1
        yield f"rows {first} to {last} are missing" if last > first else f"row {last} is missing"
    elif row.previous != before.hash:
        yield f"row {row.seq} does not follow from row {before.number}"
    if row.hash != _hash(content):
        yield f"row {row.seq} was changed"


def _problems_of_end(head: _Head, last: _Checked) -> Iterator[str]:
    if head.count > last.number:
        yield f"the end is cut off: {head.count} rows were written, the last one here is {last.number}"
    elif head.count < last.number:
        yield f"rows after {head.count} were not written by this program"
    elif head.hash != last.hash:
        yield f"row {last.number} is not the last one that was written"


def _rows_about(connection: Connection, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows that stand under these events, oldest first."""
    exact = [f'"event":{canonical(key)}' for key in keys]
    names = [*exact, *(f"{name[:-1]}~" for name in exact)]
    is_about = or_(*(audit.c.detail.contains(name, autoescape=True) for name in names))  # in any case
    about = select(audit).where(is_about).order_by(audit.c.seq).limit(PAGE)
    return [
        _only(_exported(row), keys)
        for row in connection.execute(about)
        if any(name in row.detail for name in names)
    ]


def _sent_for(keys: Sequence[str]) -> Select[Any]:
    """Ask for the parts that went out for these events."""
    causes = [(outbox.c.cause == key) | outbox.c.cause.startswith(f"{key}~", autoescape=True) for key in keys]
    return select(outbox).where(or_(*causes)).order_by(outbox.c.seq).limit(PAGE)


def _only(row: dict[str, Json], keys: Sequence[str]) -> dict[str, Json]:
    """Return a row without the messages of other events that were sent within the same commit."""
    detail = cast("Mapping[str, Json]", row["detail"])
    messages = cast("list[Mapping[str, str]]", detail.get("messages", []))
    if not messages:
        return row
    ours = [
        one
        for one in messages
        if any(one["event"] == key or one["event"].startswith(f"{key}~") for key in keys)
    ]
    return {**row, "detail": {**detail, "messages": ours}}


def _event(row: Row[*tuple[object, ...]]) -> dict[str, Json]:
    return {
        "kind": row.kind,
        "conversation": row.conversation_id,
        "state": row.state,
        "received_at_ms": row.received_at_ms,
        "done_at_ms": row.done_at_ms,
    }


def _delivery(row: Row[*tuple[object, ...]]) -> dict[str, Json]:
    return {
        "id": row.id,
        "state": row.state,
        "message": row.message_id,
        "conversation": row.conversation_id,
        "sent_at_ms": row.sent_at_ms,
    }


def _exported(row: Row[*tuple[object, ...]]) -> dict[str, Json]:
    return {
        "n": row.seq,
        "at_ms": row.at_ms,
        "kind": row.kind,
        "person": row.person_id,
        "detail": json.loads(row.detail),
        "previous": row.previous,
        "hash": row.hash,
    }
