"""Take each stored event through its conversation's lane: have it answered, store the answer, be done.

What an event is answered with, and why it is refused, is in `answering.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Coroutine
from dataclasses import replace
from functools import partial
from typing import Protocol

from quarterdeck.core.delivery import InboxRows, Incoming
from quarterdeck.core.errors import Busy, QuarterdeckError, ServiceError, Unavailable
from quarterdeck.core.event import Event
from quarterdeck.core.ports import Authoriser, Clock, Commands, People, Services, UnderWay
from quarterdeck.core.reply import Reply
from quarterdeck.router.addressing import wish_of
from quarterdeck.router.answering import MISSED_AFTER_S, Answer, Answering
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.flow.instant import Instants
from quarterdeck.router.flow.lanes import Lanes
from quarterdeck.router.flow.running import Runner
from quarterdeck.router.flow.turns import Turns
from quarterdeck.router.inbox import ATTEMPTS
from quarterdeck.router.intake import Intake
from quarterdeck.runtime.observability import metrics

RETRY_PAUSE_S = 0.2
STORE_PAUSE_S = 2.0
SET_ASIDE = "Something broke in me three times over this. It is set aside for the people who run me."

log = logging.getLogger(__name__)


class Limits(Protocol):
    """Bound what may wait and what may run."""

    @property
    def queue_limit(self) -> int: ...
    @property
    def total_limit(self) -> int: ...
    @property
    def heavy_concurrency(self) -> int: ...


class Router:
    """Handle stored events: in order for each conversation, people in turns, heavy commands only so many at a time."""

    def __init__(
        self,
        *,
        rows: InboxRows,
        outbox: Outbox,
        intake: Intake,
        commands: Commands,
        people: People,
        authoriser: Authoriser,
        services: Services,
        clock: Clock,
        limits: Limits,
        approvals: ApprovalDesk | None = None,
        missed_after_s: float = MISSED_AFTER_S,
    ) -> None:
        self._rows, self._outbox, self._intake, self._commands = rows, outbox, intake, commands
        self._clock = clock
        self._turns = Turns(limits.queue_limit)
        self._instants = Instants(commands, intake.read)
        self._runner = Runner(
            outbox, clock, heavy_concurrency=limits.heavy_concurrency, on_heavy=self._turns.end
        )
        self._answering = Answering(
            outbox=outbox,
            intake=intake,
            commands=commands,
            people=people,
            authoriser=authoriser,
            services=services,
            clock=clock,
            runner=self._runner,
            approvals=approvals,
            missed_after_s=missed_after_s,
        )
        self.lanes = Lanes(
            "handle", self._handle, lane_limit=limits.queue_limit, total_limit=limits.total_limit
        )

    def has_room(self, event: Event, *, arriving_here: int = 0, arriving: int = 0) -> bool:
        """Tell whether an event may wait, beside those that are being stored now: what is our own always may."""
        is_bounded = not event.origin and not self._turns.has_room(str(event.actor))
        return not is_bounded and self.lanes.has_room(
            event.conversation.id, coming_here=arriving_here, coming=arriving
        )

    def dispatch(self, incoming: Incoming) -> None:
        """Handle a stored event when its conversation's turn comes; an urgent one passes the others."""
        self._turns.came(str(incoming.event.actor))
        wish = wish_of(incoming.event, self._commands)
        command = self._commands.get(wish.name) if wish is not None else None
        lane = incoming.event.conversation.id
        if command is not None and command.is_urgent:
            self._turns.free(incoming.event.key)
            lane = f"{lane}!"
        self.lanes.put(lane, incoming)

    def at_once(self, event: Event) -> Coroutine[None, None, bool] | None:
        """Answer an instant command before its event is on disk; the coroutine stores both in one commit, and sends.

        It returns False when the event came before. None: this event goes the ordinary way.
        """
        command = self._instants.of(event)
        if command is None or not self.lanes.is_idle(event.conversation.id):
            return None
        self._runner.is_at_once = True
        try:
            answer = self._instants.run(command, partial(self._answering.answer, event))
        finally:
            self._runner.is_at_once = False
        parts = self._outbox.prepared(event.conversation, answer.reply, event.key) if answer else None
        return None if answer is None or parts is None else self._outbox.answered(event, parts, answer.audit)

    def platforms(self) -> Collection[str]:
        """Name the platforms that can be answered."""
        return self._outbox.platforms()

    def under_way(self, conversation_id: str) -> list[UnderWay]:
        """Return what is being answered in a conversation or waits there, oldest first."""
        wishes = [(one.event, wish_of(one.event, self._commands)) for one in self.lanes.of(conversation_id)]
        return [
            UnderWay(key=event.key, actor=event.actor, command=wish.name)
            for event, wish in wishes
            if wish is not None
        ]

    def cancel(self, key: str) -> bool:
        """Stop the answer to the event of this key; False when it is not being worked on, nor waiting."""
        if not any(incoming.event.key == key for incoming in self.lanes.items()):
            return False
        self._runner.stop(key)
        return True

    async def finish(self, limit_s: float) -> bool:
        """Begin nothing more and wait for what is under way; after `limit_s` cut it off and return False."""
        return await self.lanes.finish(limit_s)

    async def _handle(self, incoming: Incoming) -> None:
        """Answer one event and write down its end; what cannot be answered is set aside, never dropped."""
        try:
            if incoming.is_resumed:
                await self._outbox.recall(incoming.event.key)
            await self._turns.begin(incoming.event.key, str(incoming.event.actor))
            answer = await self._answer_or_set_aside(incoming)
            self._turns.end(incoming.event.key)
            answer = replace(answer, reply=await self._intake.concluded(incoming.event, answer.reply))
            try:
                await self._conclude(incoming, answer)
            except Exception as error:  # the reply itself is what breaks: an adapter that cannot render it
                log.exception("Answer cannot be stored", extra={"seq": incoming.seq})
                await self._conclude(incoming, await self._set_aside(incoming, repr(error)[:500]))
        finally:
            self._turns.end(incoming.event.key)
            self._turns.went(str(incoming.event.actor))
            self._answering.over(incoming.event)

    async def _conclude(self, incoming: Incoming, answer: Answer) -> None:
        """Store the answer. While the disk is full it is tried again and again; the event is on disk anyway."""
        event, audit = incoming.event, answer.audit
        while True:
            try:
                return await self._outbox.commit(
                    event.conversation, answer.reply, key=event.key, audit=audit, done=incoming.seq
                )
            except (Busy, ServiceError) as error:
                log.error("Answer not stored", extra={"seq": incoming.seq, "error": error.message})
                if isinstance(error, Busy) or error.retryable:
                    await self._clock.sleep(STORE_PAUSE_S)
                elif audit:  # the record is broken: what only reads goes on without it
                    audit = ()
                else:
                    raise

    async def _answer_or_set_aside(self, incoming: Incoming) -> Answer:
        attempts = incoming.attempts
        while attempts < ATTEMPTS:
            try:
                return await self._answering.answer(incoming.event)
            except (Busy, Unavailable) as error:  # of the database, under the answer: no fault of the event's
                log.error("Event waits", extra={"seq": incoming.seq, "error": error.message})
                await self._clock.sleep(STORE_PAUSE_S)
                continue
            except Exception as error:
                log.exception(
                    "Event failed", extra={"seq": incoming.seq, "kind": type(incoming.event).__name__}
                )
                attempts = await self._count(incoming, attempts + 1, repr(error)[:500])
            if attempts < ATTEMPTS:
                await self._clock.sleep(RETRY_PAUSE_S * attempts)
        return await self._set_aside(incoming, f"it failed {ATTEMPTS} times")

    async def _set_aside(self, incoming: Incoming, reason: str) -> Answer:
        await self._rows.quarantine(incoming.seq, self._outbox.clean(reason))
        log.error("Event set aside", extra={"seq": incoming.seq})
        metrics.EVENTS.add(platform=incoming.event.platform, outcome="quarantined")
        return Answer(reply=Reply(text=SET_ASIDE, status="error"))

    async def _count(self, incoming: Incoming, attempts: int, reason: str) -> int:
        """Count a failed attempt on disk; in memory at the least."""
        try:
            return max(attempts, await self._rows.failed(incoming.seq, self._outbox.clean(reason)))
        except QuarterdeckError as error:
            log.error("Attempt not counted", extra={"seq": incoming.seq, "error": error.message})
            return attempts
