"""Send the parts of replies: in order for each conversation, at the platform's pace, as often as it takes.

A send whose answer was lost is neither sent nor failed but `unknown`, and stays so until a person decides; unless
the platform takes our key and so cannot post it twice, or the part only changes a message: then it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import ParamSpec, TypeVar, cast

from quarterdeck.core.adapter import Ability, Adapter, Edits, Rendered
from quarterdeck.core.delivery import OutboxRows, Outgoing, Target
from quarterdeck.core.errors import (
    AuthFailed,
    Busy,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unknown,
)
from quarterdeck.core.message import Message
from quarterdeck.core.ports import Clock
from quarterdeck.router.delivery.entry import Entries, Entry
from quarterdeck.router.delivery.part import explained, pause_after, rendered, said
from quarterdeck.router.delivery.way import Ways
from quarterdeck.router.flow.lanes import Lanes
from quarterdeck.runtime.observability import metrics

TRIES = 8
STORE_PAUSE_S = 2.0
PATIENCE_S = 2.0  # a longer wait for a turn is given up when the bot stops
PARTIAL = 0  # the number of a part that shows an unfinished answer; finished ones count from 1
LANE_LIMIT = TOTAL_LIMIT = 1_000_000  # what is on disk already is always taken

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Sender:
    """Take parts that are on disk and bring each to its end, which is on disk then."""

    def __init__(
        self,
        rows: OutboxRows,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        clean: Callable[[str], str],
    ) -> None:
        self._rows, self._clock, self._clean = rows, clock, clean
        self.ways = Ways(adapters, clock)
        self._naps: set[asyncio.Timeout] = set()
        self._is_ending = False
        self.entries = Entries()
        self.partials: dict[str, str] = {}  # messages of unfinished answers, by part
        self._unwritten: dict[str, str] = {}  # messages that are posted, and that is not on disk yet
        self.lanes = Lanes("send", self._deliver, lane_limit=LANE_LIMIT, total_limit=TOTAL_LIMIT)

    def put(self, entry: Entry) -> None:
        """Send a part when its conversation's turn comes."""
        self.entries.add(entry)
        self.lanes.put(entry.conversation.id, entry)

    async def finish(self, limit_s: float) -> bool:
        """Send what is ready, for `limit_s` at the most; what must wait stays on disk. False: it took longer."""
        self._is_ending = True
        for nap in self._naps:
            nap.reschedule(0.0)
        try:
            async with asyncio.timeout(limit_s):
                await self.lanes.drained()
        except TimeoutError:
            return await self.lanes.finish(0.0)
        return True

    async def end(self, row: Outgoing, state: str, reason: str) -> None:
        """Write down that a part is `unknown` or `dead`."""
        await self._stored(
            self._rows.give_up,
            row.id,
            "unknown" if state == "unknown" else "dead",
            attempts=row.attempts,
            reason=self._clean(reason),
        )
        metrics.SENDS.add(platform=row.conversation.platform, outcome=state)
        log.warning("Reply not delivered", extra={"delivery": row.id, "state": state})

    async def _deliver(self, entry: Entry) -> None:
        """Bring one part to its end; the next part of the conversation waits meanwhile."""
        if entry.sketch is not None:
            await self._draw(entry, entry.sketch)
            return
        if entry.arrived is not None and entry.row is not None:
            await self._stored(self._rows.sent, entry.row, entry.arrived)
            self._unwritten.pop(entry.id, None)
            return
        is_put_back = False
        try:
            while await self._has_turn(entry):
                row = entry.row
                if row is None or row.state not in ("waiting", "sending"):
                    return
                target = await self._target_of(row) if row.replaces else None
                if target is not None and not target.message_id and self._goes_behind(entry, target):
                    is_put_back = True
                    return
                outcome = await self._attempt(row, target.message_id if target else "")
                if outcome is None:
                    return
                entry.row, entry.has_begun = outcome, False
        finally:
            if not is_put_back:
                self.entries.remove(entry)
                self.partials.pop(entry.replaces, None)  # the finished form has taken its place

    async def _draw(self, entry: Entry, sketch: Rendered) -> None:
        """Show how far an answer is, where there is room for it: what is left out here, the final form makes good."""
        place, message_id = entry.conversation, self.partials.get(entry.replaces)
        way = self.ways.to(place.platform)
        pacer = way.pacer
        has_turn = False
        try:
            is_wanted = message_id is not None and not self.entries.is_changing(entry.replaces)
            if not is_wanted or not way.gate.is_open or not pacer.has_room(place):
                return
            has_turn = pacer.take(place, is_change=True)
            await cast("Edits", way.adapter).edit(place, message_id or "", sketch)
            entry.was_drawn = True
        except RateLimited as error:
            pause_s = pause_after(1) if error.retry_after_s is None else error.retry_after_s
            pacer.refused(place, pause_s, is_global=error.is_global)
        except Exception as error:  # noqa: BLE001 - an adapter may be anybody's, and nothing is lost here
            log.info(
                "Unfinished answer not shown", extra={"platform": place.platform, "error": repr(error)[:200]}
            )
        finally:
            if has_turn:  # what was left out costs the finished form no pause
                pacer.over(place)
            if entry.over is not None:
                entry.over.set()

    async def _has_turn(self, entry: Entry) -> bool:
        """Wait until this part may go out; False when it need not any more, or the bot stops."""
        if entry.has_begun:
            return True
        row = entry.row
        if row is not None and row.not_before_ms and await self._nap(self._due(row)) is None:
            return False
        if not await self._paced(entry):
            return False
        while entry.changing is not None:
            await entry.changing.wait()
        if entry.row is None:
            entry.row = await self._stored(self._rows.one, entry.id)
        entry.has_begun = True
        return not entry.is_buried and entry.id not in self._unwritten

    async def _paced(self, entry: Entry) -> bool:
        """Wait for a turn; False when the bot stops before one comes near."""
        place, is_change = entry.conversation, bool(entry.replaces)
        pacer = self.ways.to(place.platform).pacer
        if pacer.take(place, is_change=is_change):
            return True
        turn = pacer.turn(place, is_change=is_change)
        return await turn if pacer.wait_s(place) <= PATIENCE_S else bool(await self._nap(turn))

    async def _due(self, row: Outgoing) -> bool:
        await self._clock.sleep((row.not_before_ms - self._clock.now_ms()) / 1000)
        return True

    async def _target_of(self, row: Outgoing) -> Target | None:
        """Return what this part changes; None where it must be posted, since nothing stands there."""
        if shown := self.partials.get(row.replaces):
            return Target(id=row.replaces, state="sent", message_id=shown)
        target = await self._stored(self._rows.target, row.replaces)
        if target is None or target.id == row.id:
            return None
        if target.id in self._unwritten:
            return replace(target, message_id=self._unwritten[target.id])
        return target if target.message_id or target.state in ("waiting", "sending") else None

    def _goes_behind(self, entry: Entry, target: Target) -> bool:
        """Let what this part changes go out first; once, for what is still not out then never will be."""
        if entry.was_put_back:
            return False
        entry.was_put_back, entry.has_begun = True, False
        self.lanes.put(entry.conversation.id, entry)
        return True

    async def _attempt(self, row: Outgoing, message_id: str) -> Outgoing | None:
        """Try once, while the platform lets anything through; returns the row to be tried again, if it is to be."""
        place = row.conversation
        way = self.ways.to(place.platform)
        gate, adapter = way.gate, way.adapter
        is_knocking: bool | None = False
        if not gate.is_open:
            row = await self._put_down(row)
            is_knocking = await self._nap(gate.enter())
            if is_knocking is None:
                return None
        try:
            if message_id and Ability.EDIT in adapter.abilities:
                return await self._change(adapter, row, message_id)
            return await self._post(adapter, replace(row, replaces="") if row.replaces else row)
        finally:
            way.pacer.over(place)
            if is_knocking:
                gate.leave()

    async def _put_down(self, row: Outgoing, reason: str = "the platform refuses our token") -> Outgoing:
        """Write down that a part waits after all."""
        await self._stored(
            self._rows.postpone, row.id, attempts=row.attempts, not_before_ms=0, reason=self._clean(reason)
        )
        return replace(row, state="waiting", not_before_ms=0)

    async def _post(self, adapter: Adapter, row: Outgoing) -> Outgoing | None:
        """Send a message of its own."""
        is_safe = Ability.IDEMPOTENT in adapter.abilities
        if row.state != "sending" and not is_safe:
            await self._stored(self._rows.sending, row.id)
        try:
            message_id = await adapter.send(row.conversation, rendered(row), row.id)
        except Exception as error:  # noqa: BLE001 - an adapter may be anybody's: it may have posted or not
            return await self._failed(row, explained(error, adapter, row), is_safe=is_safe)
        await self._arrived(row, message_id)
        return None

    async def _change(self, adapter: Adapter, row: Outgoing, message_id: str) -> Outgoing | None:
        """Change a message; one that cannot be changed any more is left, and the new form posted below."""
        try:
            await cast("Edits", adapter).edit(row.conversation, message_id, rendered(row))
        except Exception as error:  # noqa: BLE001 - as above
            why = explained(error, adapter, row)
            if isinstance(why, Rejected) and not isinstance(why, Gone):
                log.info("Message not changed, posted anew", extra={"delivery": row.id})
                return replace(row, replaces="")
            return await self._failed(row, why, is_safe=True)
        await self._arrived(row, message_id)
        return None

    async def _arrived(self, row: Outgoing, message_id: str) -> None:
        self._heard(row.conversation.platform)
        message = said(row, message_id, self._clock.now())
        if row.part == PARTIAL:
            self.partials[row.id] = message_id
        self._unwritten[row.id] = message_id
        self._write_behind(row, message)
        metrics.SENDS.add(platform=row.conversation.platform, outcome="sent")

    def _write_behind(self, row: Outgoing, message: Message) -> None:
        """Write down that a part arrived while the next one goes out; what is written later is written after it."""
        entry = Entry(id=row.id, conversation=row.conversation, row=row, arrived=message)
        try:
            writing = asyncio.ensure_future(self._rows.sent(row, message))
        except (Busy, ServiceError):
            self.lanes.put(row.conversation.id, entry)
            return
        self.lanes.hold()
        writing.add_done_callback(partial(self._written, entry))

    def _written(self, entry: Entry, writing: asyncio.Future[None]) -> None:
        if not writing.cancelled() and writing.exception() is None:
            self._unwritten.pop(entry.id, None)
        else:  # the disk is full: it is tried again in the conversation's line
            self.lanes.put(entry.conversation.id, entry)
        self.lanes.release()

    async def _failed(self, row: Outgoing, error: ServiceError, *, is_safe: bool) -> Outgoing | None:
        """Return the row to be tried again, or None when its end is on disk. `is_safe`: twice would be once."""
        place = row.conversation
        if isinstance(error, AuthFailed):
            if self.ways.to(place.platform).gate.shut():
                log.error(
                    "Platform refuses our token; its replies wait",
                    extra={"platform": place.platform, "error": self._clean(error.message)},
                )
            return await self._put_down(row, error.message)
        if isinstance(error, RateLimited):
            return await self._slow_down(row, error)
        if error.retryable or (is_safe and isinstance(error, Unknown)):
            return await self._later(row, error)
        if isinstance(error, Unknown):
            await self.end(row, "unknown", error.message)
            return None
        self._heard(place.platform)
        await self.end(row, "dead", error.message)
        if isinstance(error, Gone):
            await self._bury(row, error)
        return None

    def _heard(self, platform: str) -> None:
        """Take note that the platform knows us."""
        if self.ways.to(platform).gate.open():
            log.info("Platform takes our token again", extra={"platform": platform})

    async def _bury(self, row: Outgoing, error: Gone) -> None:
        """Give up what else waits for a conversation that is closed to us: knocking there again gets bots banned."""
        place = row.conversation
        self.entries.bury(place.id)
        count = await self._stored(self._rows.bury, place.id, self._clean(error.message))
        if count:
            metrics.SENDS.add(count, platform=place.platform, outcome="dead")
            log.warning("Replies not delivered", extra={"platform": place.platform, "count": count})

    async def _slow_down(self, row: Outgoing, error: RateLimited) -> Outgoing:
        """Wait as long as the platform asks; that is no failed try, however often it does."""
        pause_s = error.retry_after_s if error.retry_after_s is not None else pause_after(row.attempts + 1)
        pacer = self.ways.to(row.conversation.platform).pacer
        pacer.refused(row.conversation, pause_s, is_global=error.is_global)
        attempts = row.attempts + (error.retry_after_s is None)
        return await self._postponed(row, attempts, pause_s, error)

    async def _later(self, row: Outgoing, error: ServiceError) -> Outgoing | None:
        attempts = row.attempts + 1
        pauses_s = self.ways.to(row.conversation.platform).adapter.pace.retries_s
        if attempts >= (len(pauses_s) + 1 if pauses_s else TRIES):
            await self.end(replace(row, attempts=attempts), "dead", f"{error.message} ({attempts} tries)")
            return None
        asked_s = getattr(error, "retry_after_s", None)
        return await self._postponed(row, attempts, asked_s or pause_after(attempts, pauses_s), error)

    async def _postponed(self, row: Outgoing, attempts: int, pause_s: float, error: ServiceError) -> Outgoing:
        not_before_ms = self._clock.now_ms() + round(pause_s * 1000)
        await self._stored(
            self._rows.postpone,
            row.id,
            attempts=attempts,
            not_before_ms=not_before_ms,
            reason=self._clean(error.message),
        )
        metrics.SENDS.add(platform=row.conversation.platform, outcome="retried")
        return replace(row, state="waiting", attempts=attempts, not_before_ms=not_before_ms)

    async def _nap(self, waiting: Awaitable[T]) -> T | None:
        """Wait for something that is not worth waiting for when the bot stops: None then."""
        nap = asyncio.timeout(0.0 if self._is_ending else None)
        self._naps.add(nap)
        try:
            async with nap:
                return await waiting
        except TimeoutError:
            return None
        finally:
            self._naps.discard(nap)

    async def _stored(self, write: Callable[P, Awaitable[T]], *values: P.args, **named: P.kwargs) -> T:
        """Write until it is written: what became of a part must not be forgotten while the disk is full."""
        while True:
            try:
                return await write(*values, **named)
            except (Busy, ServiceError) as error:
                if isinstance(error, ServiceError) and not error.retryable:
                    raise
                log.error("Delivery not stored; trying again", extra={"error": error.message})
                await self._clock.sleep(STORE_PAUSE_S)
