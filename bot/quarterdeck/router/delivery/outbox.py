"""Keep what the bot says: each part is on disk before it goes out, and what became of it is on disk after.

A reply can take the place of an earlier one (`edit`). What it replaces need not go out any more when it has not yet:
however many changes wait behind each other, people see the last one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

from quarterdeck.core.adapter import Ability, Adapter, Directs, Rendered
from quarterdeck.core.delivery import AuditEntry, Offer, OutboxRows, Outgoing, SendState
from quarterdeck.core.errors import ServiceError
from quarterdeck.core.event import Event, Pressed, Reacted
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import well_formed
from quarterdeck.core.value import dataclass
from quarterdeck.router.delivery.degrade import SENT_DIRECT, degrade, is_withheld, offered, updating
from quarterdeck.router.delivery.entry import Entry
from quarterdeck.router.delivery.links import unlinked
from quarterdeck.router.delivery.sender import PARTIAL, Sender
from quarterdeck.router.delivery.spotless import spotless
from quarterdeck.router.forms.picking import EXPIRE_S, meant, picked, press

DIRECT_LIMIT_S = 5.0
MOVED_UP = Reply(text="(This part has moved into the message above.)")

Meaning = Callable[[str, str, Identity], Awaitable[str]]
"""Return the command line that an emoji of somebody means below the reply to the event of a key; empty: nothing."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seat:
    """Hold a part that takes the place of what waits in the line."""

    entry: Entry
    part: Outgoing


class Outbox:
    """Queue and send replies (the `Outbox` port). `clean` takes secrets out of every text that leaves."""

    def __init__(
        self,
        rows: OutboxRows,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        clean: Callable[[str], str] = lambda text: text,
        link_hosts: Collection[str] = (),
        meaning: Meaning | None = None,
    ) -> None:
        self.link_hosts = frozenset(link_hosts)  # that models may link to
        self._rows, self._adapters, self._clock, self._clean = rows, adapters, clock, clean
        self._meaning = meaning
        self._claimed: set[str] = set()  # conversations whose first part is being stored as `sending`
        self._begun: set[str] = set()  # answers of which an unfinished form is shown, or about to be
        self.sender = Sender(rows, adapters, clock, clean=self.clean)
        self.lanes = self.sender.lanes

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Queue `reply`; the same `key` twice is sent once. Returns when it is on disk."""
        await self.commit(to, reply, key=key)

    async def edit(self, to: Conversation, reply: Reply, *, replaces: str, key: str) -> None:
        """Queue `reply` in place of the one that was sent under the key `replaces`; the same `key` twice is once.

        Where the platform cannot change a message, or none arrived, it is posted and says what it updates.
        """
        old = await self._rows.parts_of(replaces)
        adapter = self.adapter(to.platform)
        if old and Ability.EDIT not in adapter.abilities:
            first = await self._rows.one(old[0])
            reply, old = updating(reply, first.text if first else ""), ()
        parts = self._parts(to, reply, key, is_change=bool(old))
        spare = [
            self._part(to, adapter.render(MOVED_UP)[0], key, number, len(old))
            for number in range(len(parts) + 1, len(old) + 1)
        ]
        parts = [
            replace(part, replaces=old[at], state="waiting") if at < len(old) else part
            for at, part in enumerate((*parts, *spare))
        ]
        await self._store(parts)

    async def commit(
        self,
        to: Conversation,
        reply: Reply | None,
        *,
        key: str,
        audit: Sequence[AuditEntry] = (),
        done: int | None = None,
    ) -> None:
        """Store the reply's parts, audit entries and the end of the event `done` in one commit; then send.

        Raises:
            NotFound: no platform of this name is connected.
        """
        parts = [] if reply is None else await self._compose(to, reply, key, is_change=key in self._begun)
        if key in self._begun and parts:
            parts[0] = replace(parts[0], replaces=partial_of(key), state="waiting")
        offer = None if reply is None or reply.card is None else self._offer(to, reply)
        await self._store(parts, audit=audit, done=done, offer=offer)
        if key in self._begun:
            self._begun.discard(key)
            if not parts:
                self.sender.partials.pop(partial_of(key), None)

    def prepared(self, to: Conversation, reply: Reply | None, key: str) -> list[Outgoing] | None:
        """Return the parts of a reply that needs nothing but to be sent; None where there is more to do."""
        if reply is None:
            return []
        if reply.stream is not None or reply.private_to is not None or reply.card is not None:
            return None
        return self._parts(to, reply, key)

    async def answered(self, event: Event, parts: Sequence[Outgoing], audit: Sequence[AuditEntry]) -> bool:
        """Store an event with all of its answer in one commit, then send; False, and nothing sent: it came before."""
        claimed = {event.conversation.id} if parts and parts[0].state == "sending" else set()
        self._claimed |= claimed
        try:
            is_new = await self._rows.answered(event, parts, audit=audit, now_ms=self._clock.now_ms())
            if is_new:
                for part in parts:
                    self.sender.put(Entry.of(part))
        finally:
            self._claimed -= claimed
        return is_new

    async def begin(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Show an unfinished answer; `commit` under the same key finishes it in the same place.

        One that was begun before, by a process that was stopped, is gone on with.
        """
        if key in self._begun:
            return
        adapter = self.adapter(to.platform)
        rendered = self._rendered(adapter, to, reply)[0]
        state: SendState = "sending" if self._is_free(to) else "waiting"
        part = replace(self._part(to, rendered, key, PARTIAL, 1, state), cause=f"{key}~partial")
        self._begun.add(key)
        if not await self._store([part]):
            await self.recall(key)

    def draw(self, to: Conversation, reply: Reply, *, key: str) -> Entry | None:
        """Show how far an answer is, when there is room for that; None while its first form is on its way."""
        if partial_of(key) not in self.sender.partials:
            return None
        rendered = self._rendered(self.adapter(to.platform), to, reply)[0]
        sketch = Entry(
            id="",
            conversation=to,
            replaces=partial_of(key),
            sketch=replace(rendered, is_unfinished=True),
            over=asyncio.Event(),
        )
        self.lanes.put(to.id, sketch)
        return sketch

    async def recall(self, key: str) -> None:
        """Look whether a process before this one has begun to show the answer `key`, so that it goes on there."""
        target = await self._rows.target(partial_of(key))
        if target is None:
            return
        self._begun.add(key)
        if target.message_id:
            self.sender.partials[target.id] = target.message_id

    async def pressed(self, event: Event) -> Pressed | None:
        """Return the press that an event is: a choice picked by its number, an emoji that means a button; or None."""
        if isinstance(event, Reacted):
            return await self._reacted(event)
        number = picked(event)
        if number is None or Ability.BUTTONS in self.adapter(event.platform).abilities:
            return None
        offer = await self._rows.offer(event.conversation.id)
        return press(event, number, offer, now_ms=self._clock.now_ms())

    async def _reacted(self, event: Reacted) -> Pressed | None:
        if self._meaning is None or not event.added or event.is_late:
            return None
        cause = await self._rows.cause_of(event.conversation.id, event.message_id)
        value = "" if cause is None else await self._meaning(cause, event.emoji, event.actor)
        return meant(event, value) if value else None

    async def record(self, entry: AuditEntry) -> None:
        """Store an audit entry now, before what it speaks of is done.

        Raises:
            ServiceError: it could not be stored, so that must not be done.
        """
        await self._rows.queue((), audit=(entry,), now_ms=self._clock.now_ms())

    async def finish(self, limit_s: float) -> bool:
        """Send what is ready, for `limit_s` at the most; what must wait stays on disk. False: it took longer."""
        return await self.sender.finish(limit_s)

    async def resume(self) -> int:
        """Take up what a stop or a crash left; returns how many parts. Call once, with the platforms known."""
        rows = await self._rows.open_rows()
        for row_id, conversation, state in rows:
            adapter = self._adapters.get(conversation.platform)
            if adapter is None:
                continue  # it waits until its platform is connected again
            if state == "sending" and Ability.IDEMPOTENT not in adapter.abilities:
                row = await self._rows.one(row_id)
                if row is not None:
                    await self.sender.end(row, "unknown", "the bot stopped while it was being sent")
            else:
                self.sender.put(Entry(id=row_id, conversation=conversation))
        return len(rows)

    def platforms(self) -> Collection[str]:
        """Name the platforms that are connected."""
        return self._adapters.keys()

    def clean(self, text: str) -> str:
        """Return `text` as it may leave: without secrets, and valid Unicode."""
        return self._clean(well_formed(text))

    def requeue(self, row: Outgoing) -> None:
        """Send a part that a person put back to waiting."""
        self.sender.put(Entry.of(row))

    def adapter(self, platform: str) -> Adapter:
        """Return the platform's adapter.

        Raises:
            NotFound: no platform of this name is connected.
        """
        return self.sender.ways.to(platform).adapter

    async def _compose(
        self, to: Conversation, reply: Reply, key: str, *, is_change: bool = False
    ) -> list[Outgoing]:
        """Return the parts of a reply; what one person may see goes to them alone, or is not shown at all."""
        adapter = self.adapter(to.platform)
        person = reply.private_to
        if person is None or not is_withheld(reply, adapter.abilities, to.kind):
            return self._parts(to, reply, key, is_change=is_change)
        place = await self._direct(adapter, person)
        if place is None or place.id == to.id:
            return self._parts(to, reply, key, is_change=is_change)
        note = self._parts(to, Reply(text=SENT_DIRECT, status=reply.status), key, is_change=is_change)
        return [*note, *self._parts(place, replace(reply, private_to=None), f"{key}~direct")]

    async def _direct(self, adapter: Adapter, person: Identity) -> Conversation | None:
        if Ability.DIRECT not in adapter.abilities:
            return None
        try:
            async with asyncio.timeout(DIRECT_LIMIT_S):
                return await cast("Directs", adapter).direct(person)
        except (ServiceError, TimeoutError) as error:
            log.info(
                "No direct conversation", extra={"platform": adapter.platform, "error": repr(error)[:200]}
            )
            return None

    def _offer(self, to: Conversation, reply: Reply) -> Offer | None:
        buttons = offered(reply, self.adapter(to.platform).abilities, kind=to.kind)
        if not buttons:
            return None
        expires_at_ms = self._clock.now_ms() + round(EXPIRE_S * 1000)
        return Offer(conversation_id=to.id, buttons=buttons, expires_at_ms=expires_at_ms)

    async def _store(
        self,
        parts: Sequence[Outgoing],
        *,
        audit: Sequence[AuditEntry] = (),
        done: int | None = None,
        offer: Offer | None = None,
    ) -> bool:
        """Store parts, then line them up; one that makes another needless takes its place. False: known already."""
        seats, parts = self._seats(parts)
        claimed = {part.conversation.id for part in parts if part.state == "sending"}
        self._claimed |= claimed
        overtaken = {seat.entry.id: seat.entry.replaces or seat.part.id for seat in seats}
        try:
            is_new = await self._rows.queue(
                parts,
                audit=audit,
                done=done,
                overtaken=overtaken,
                offer=offer,
                now_ms=self._clock.now_ms(),
            )
            if is_new:
                self._line_up(parts, seats)
        finally:
            self._claimed -= claimed
            for seat in seats:
                if seat.entry.changing is not None:
                    seat.entry.changing.set()
                    seat.entry.changing = None
        return is_new

    def _seats(self, parts: Sequence[Outgoing]) -> tuple[list[_Seat], list[Outgoing]]:
        """Find whose place the parts take, and hold these places until that is on disk."""
        seats: list[_Seat] = []
        stored: list[Outgoing] = []
        for part in parts:
            entry = self.sender.entries.outdated_by(part) if part.replaces else None
            if entry is not None:
                entry.changing = asyncio.Event()
                part = part if entry.replaces else replace(part, replaces="")
                seats.append(_Seat(entry, part))
            stored.append(part)
        return seats, stored

    def _line_up(self, parts: Sequence[Outgoing], seats: Sequence[_Seat]) -> None:
        taken = {seat.part.id for seat in seats}
        for seat in seats:
            self.sender.entries.replace(seat.entry, seat.part)
        for part in parts:
            if part.id not in taken:
                self.sender.put(Entry.of(part))

    def _parts(self, to: Conversation, reply: Reply, key: str, *, is_change: bool = False) -> list[Outgoing]:
        """Return the parts; `is_change`: the first takes the place of an earlier one, and its turn comes later."""
        adapter = self.adapter(to.platform)
        rendered = self._rendered(adapter, to, reply)
        states: list[SendState] = ["waiting"] * len(rendered)
        if not is_change and self._is_free(to):
            states[0] = "sending"
        return [
            self._part(to, part, key, number, len(rendered), states[number - 1])
            for number, part in enumerate(rendered, start=1)
        ]

    def _is_free(self, to: Conversation) -> bool:
        """Tell whether a part for this conversation can go out at once, and take the turn: that saves a write."""
        way = self.sender.ways.to(to.platform)
        is_idle = self.lanes.is_idle(to.id) and to.id not in self._claimed
        return is_idle and way.gate.is_open and way.pacer.take(to)

    def _part(
        self, to: Conversation, part: Rendered, key: str, number: int, of: int, state: SendState = "waiting"
    ) -> Outgoing:
        return Outgoing(
            id=f"{key}#{number}",
            cause=key,
            conversation=to,
            part=number,
            parts=of,
            body=part.body,
            text=part.text,
            state=state,
            created_at_ms=self._clock.now_ms(),
        )

    def _rendered(self, adapter: Adapter, to: Conversation, reply: Reply) -> list[Rendered]:
        safe = unlinked(reply, self.link_hosts)
        return adapter.render(spotless(degrade(safe, adapter.abilities, kind=to.kind), self.clean))


def partial_of(key: str) -> str:
    """Return the id of the part that shows the answer `key` while it is unfinished."""
    return f"{key}#{PARTIAL}"
