"""Send what the bot says: each part is on disk before it goes out, and what became of it is on disk after.

A send whose answer was lost is neither sent nor failed but `unknown`, and stays so until a person decides; unless
the platform takes our key and so cannot post it twice, then it is simply sent again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ParamSpec

from quarterdeck.core.adapter import Ability, Adapter, Rendered
from quarterdeck.core.delivery import AuditEntry, OutboxRows, Outgoing
from quarterdeck.core.errors import (
    Busy,
    NotFound,
    RateLimited,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import well_formed
from quarterdeck.router.degrade import degrade
from quarterdeck.router.lanes import Lanes
from quarterdeck.runtime import metrics

TRIES = 8
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
STORE_PAUSE_S = 2.0
LANE_LIMIT = TOTAL_LIMIT = 1_000_000  # what is on disk already is always taken

P = ParamSpec("P")

log = logging.getLogger(__name__)


class Outbox:
    """Queue and send replies (the `Outbox` port). `clean` takes secrets out of every text that leaves."""

    def __init__(
        self,
        rows: OutboxRows,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        clean: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._rows, self._adapters, self._clock, self._clean = rows, adapters, clock, clean
        self._claimed: set[str] = set()  # conversations whose first part is being stored as `sending`
        self._is_ending = False
        self.lanes = Lanes("send", self._deliver, lane_limit=LANE_LIMIT, total_limit=TOTAL_LIMIT)

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Queue `reply`; the same `key` twice is sent once. Returns when it is on disk."""
        await self.commit(to, reply, key=key)

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
        parts = [] if reply is None else self._parts(to, reply, key)
        claims = [part for part in parts if part.state == "sending"]
        self._claimed |= {to.id} if claims else set()
        try:
            is_new = await self._rows.queue(parts, audit=audit, done=done, now_ms=self._clock.now_ms())
            for part in parts if is_new else ():
                self.lanes.put(to.id, part)
        finally:
            self._claimed -= {to.id} if claims else set()

    async def record(self, entry: AuditEntry) -> None:
        """Store an audit entry now, before what it speaks of is done.

        Raises:
            ServiceError: it could not be stored, so that must not be done.
        """
        await self._rows.queue((), audit=(entry,), now_ms=self._clock.now_ms())

    async def finish(self, limit_s: float) -> bool:
        """Send what is ready, for `limit_s` at the most; what must wait stays on disk. False: it took longer."""
        self._is_ending = True
        try:
            async with asyncio.timeout(limit_s):
                await self.lanes.drained()
        except TimeoutError:
            return await self.lanes.finish(0.0)
        return True

    async def resume(self) -> int:
        """Take up what a stop or a crash left; returns how many parts. Call once, with the platforms known."""
        rows = await self._rows.open_rows()
        for row in rows:
            adapter = self._adapters.get(row.conversation.platform)
            if adapter is None:
                continue  # it waits until its platform is connected again
            if row.state == "sending" and Ability.IDEMPOTENT not in adapter.abilities:
                await self._end(row, "unknown", "the bot stopped while it was being sent")
            else:
                self.lanes.put(row.conversation.id, row)
        return len(rows)

    def platforms(self) -> Collection[str]:
        """Name the platforms that are connected."""
        return self._adapters.keys()

    def clean(self, text: str) -> str:
        """Return `text` as it may leave: without secrets, and valid Unicode."""
        return self._clean(well_formed(text))

    def requeue(self, row: Outgoing) -> None:
        """Send a part that a person put back to waiting."""
        self.lanes.put(row.conversation.id, row)

    def adapter(self, platform: str) -> Adapter:
        """Return the platform's adapter.

        Raises:
            NotFound: no platform of this name is connected.
        """
        if platform not in self._adapters:
            raise NotFound(
                f"no platform {platform!r} is connected", hint="`quarterdeck check` says what switches it on"
            )
        return self._adapters[platform]

    def _parts(self, to: Conversation, reply: Reply, key: str) -> list[Outgoing]:
        adapter = self.adapter(to.platform)
        rendered = adapter.render(self._cleaned(degrade(reply, adapter.abilities, kind=to.kind)))
        is_first = self.lanes.is_idle(to.id) and to.id not in self._claimed
        now_ms = self._clock.now_ms()
        return [
            Outgoing(
                id=f"{key}#{number}",
                cause=key,
                conversation=to,
                part=number,
                parts=len(rendered),
                body=part.body,
                text=part.text,
                state="sending" if number == 1 and is_first else "waiting",
                created_at_ms=now_ms,
            )
            for number, part in enumerate(rendered, start=1)
        ]

    def _cleaned(self, reply: Reply) -> Reply:
        clean, card = self.clean, reply.card
        if card is not None:
            card = replace(
                card,
                title=clean(card.title),
                body=clean(card.body),
                fields=tuple(
                    replace(one, label=clean(one.label), value=clean(one.value)) for one in card.fields
                ),
                buttons=tuple(
                    replace(one, label=clean(one.label), value=clean(one.value)) for one in card.buttons
                ),
            )
        citations = tuple(
            replace(one, document=clean(one.document), heading=clean(one.heading), url=clean(one.url))
            for one in reply.citations
        )
        return replace(reply, text=clean(reply.text), card=card, citations=citations)

    async def _deliver(self, row: Outgoing) -> None:
        """Send one part, as often as it takes; the next part of the conversation waits meanwhile."""
        adapter = self.adapter(row.conversation.platform)
        outcome: Outgoing | None = row
        while outcome is not None:
            row = outcome
            wait_ms = row.not_before_ms - self._clock.now_ms()
            if wait_ms > 0:
                if self._is_ending:
                    return
                await self._clock.sleep(wait_ms / 1000)
            if row.state != "sending" and Ability.IDEMPOTENT not in adapter.abilities:
                await self._stored(self._rows.sending, row.id)
            outcome = await self._try(adapter, row)

    async def _try(self, adapter: Adapter, row: Outgoing) -> Outgoing | None:
        """Send once; returns the row to be tried again, or None when its end is on disk."""
        try:
            message_id = await adapter.send(
                row.conversation, Rendered(text=row.text, body=dict(row.body)), row.id
            )
        except (RateLimited, Unavailable) as error:
            return await self._later(row, error)
        except Unknown as error:
            return await self._doubt(adapter, row, error)
        except ServiceError as error:
            if error.retryable:
                return await self._later(row, error)
            await self._end(row, "dead", error.message)
        except Exception as error:  # an adapter may be anybody's: what broke in it may have posted or not
            log.exception("Send failed unexpectedly", extra={"delivery": row.id})
            return await self._doubt(adapter, row, Unknown(repr(error)[:200], service=adapter.platform))
        else:
            await self._stored(self._rows.sent, row, _said(row, message_id, self._clock.now()))
            metrics.SENDS.add(platform=row.conversation.platform, outcome="sent")
        return None

    async def _doubt(self, adapter: Adapter, row: Outgoing, error: Unknown) -> Outgoing | None:
        """Send again what cannot be posted twice; leave everything else to a person."""
        if Ability.IDEMPOTENT in adapter.abilities:
            return await self._later(row, error)
        await self._end(row, "unknown", error.message)
        return None

    async def _stored(self, write: Callable[P, Awaitable[None]], *values: P.args, **named: P.kwargs) -> None:
        """Write until it is written: what became of a part must not be forgotten while the disk is full."""
        while True:
            try:
                return await write(*values, **named)
            except (Busy, ServiceError) as error:
                if isinstance(error, ServiceError) and not error.retryable:
                    raise
                log.error("Delivery not stored; trying again", extra={"error": error.message})
                await self._clock.sleep(STORE_PAUSE_S)

    async def _later(self, row: Outgoing, error: ServiceError) -> Outgoing | None:
        attempts = row.attempts + 1
        if attempts >= TRIES:
            await self._end(replace(row, attempts=attempts), "dead", f"{error.message} ({attempts} tries)")
            return None
        asked_s = getattr(error, "retry_after_s", None)
        pause_s = asked_s if asked_s is not None else _pause_after(attempts)
        not_before_ms = self._clock.now_ms() + round(pause_s * 1000)
        await self._stored(
            self._rows.postpone,
            row.id,
            attempts=attempts,
            not_before_ms=not_before_ms,
            reason=self.clean(error.message),
        )
        metrics.SENDS.add(platform=row.conversation.platform, outcome="retried")
        return replace(row, state="waiting", attempts=attempts, not_before_ms=not_before_ms)

    async def _end(self, row: Outgoing, state: str, reason: str) -> None:
        is_unknown = state == "unknown"
        await self._stored(
            self._rows.give_up,
            row.id,
            "unknown" if is_unknown else "dead",
            attempts=row.attempts,
            reason=self.clean(reason),
        )
        metrics.SENDS.add(platform=row.conversation.platform, outcome=state)
        log.warning("Reply not delivered", extra={"delivery": row.id, "state": state})


def _pause_after(attempts: int) -> float:
    """Return seconds: doubling, bounded, up to a half less by chance so that parts do not return together."""
    longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (attempts - 1))
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, guards nothing


def _said(row: Outgoing, message_id: str, at: datetime) -> Message:
    return Message(
        id=message_id,
        conversation=row.conversation,
        author=Identity(platform=row.conversation.platform, user_id="quarterdeck"),
        text=row.text,
        sent_at=at,
    )
