"""Take each stored event to its answer: who, what, may they, do it, store the reply and be done.

The order of `_answer` is the order in which a refusal can come: a question that is somebody else's; no role, no such
command, not allowed (`/why` shows that decision); then, in `Intake.ready`: not possible on this platform, wrong
options, too soon.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from quarterdeck.core.access import may
from quarterdeck.core.approval import ORIGIN
from quarterdeck.core.command import Call, Command
from quarterdeck.core.delivery import AuditEntry, InboxRows, Incoming
from quarterdeck.core.errors import (
    Busy,
    Denied,
    NotFound,
    QuarterdeckError,
    ServiceError,
    Unavailable,
    UsageError,
)
from quarterdeck.core.event import Event
from quarterdeck.core.person import Person
from quarterdeck.core.ports import (
    AccessRequest,
    Authoriser,
    Clock,
    Commands,
    Decision,
    People,
    Services,
    UnderWay,
)
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.router.addressing import Wish, wish_of
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.approvals.files import with_files
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.explain import reply_to
from quarterdeck.router.inbox import ATTEMPTS
from quarterdeck.router.instant import Instants
from quarterdeck.router.intake import Checked, Intake
from quarterdeck.router.lanes import Lanes
from quarterdeck.router.late import missed
from quarterdeck.router.loops import LoopGuard
from quarterdeck.router.record import decided, unrecorded
from quarterdeck.router.running import Runner
from quarterdeck.runtime import metrics

RETRY_PAUSE_S = 0.2
STORE_PAUSE_S = 2.0
MISSED_AFTER_S = 900.0
EFFECTS_ON_RECORD = ("write", "destructive", "money")
SET_ASIDE = "Something broke in me three times over this. It is set aside for the people who run me."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what an event ends with: a reply or none, and the decision behind it."""

    reply: Reply | None
    audit: tuple[AuditEntry, ...] = ()


class Limits(Protocol):
    """Bound what may wait and what may run."""

    @property
    def queue_limit(self) -> int: ...
    @property
    def total_limit(self) -> int: ...
    @property
    def heavy_concurrency(self) -> int: ...


class Router:
    """Handle stored events, in order for each conversation; heavy commands only so many at a time."""

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
        self._people, self._authoriser, self._services = people, authoriser, services
        self._approvals = approvals
        self._clock, self._missed_after_s = clock, missed_after_s
        self._loops, self._said_freely = LoopGuard(clock), set[str]()
        self._instants = Instants(commands, intake.read)
        self._runner = Runner(outbox, clock, heavy_concurrency=limits.heavy_concurrency)
        self.lanes = Lanes(
            "handle", self._handle, lane_limit=limits.queue_limit, total_limit=limits.total_limit
        )

    def has_room(self, conversation_id: str, *, arriving_here: int = 0, arriving: int = 0) -> bool:
        """Tell whether one more event of this conversation may wait, beside those that are being stored now."""
        return self.lanes.has_room(conversation_id, coming_here=arriving_here, coming=arriving)

    def dispatch(self, incoming: Incoming) -> None:
        """Handle a stored event when its conversation's turn comes; an urgent one passes the others."""
        wish = wish_of(incoming.event, self._commands)
        command = self._commands.get(wish.name) if wish is not None else None
        lane = incoming.event.conversation.id
        self.lanes.put(f"{lane}!" if command is not None and command.is_urgent else lane, incoming)

    def at_once(self, event: Event) -> Coroutine[None, None, bool] | None:
        """Answer an instant command before its event is on disk; the coroutine stores both in one commit, and sends.

        It returns False when the event came before. None: this event goes the ordinary way.
        """
        command = self._instants.of(event)
        if command is None or not self.lanes.is_idle(event.conversation.id):
            return None
        self._runner.is_at_once = True
        try:
            answer = self._instants.run(command, partial(self._answer, event))
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
            answer = await self._answer_or_set_aside(incoming)
            answer = replace(answer, reply=await self._intake.concluded(incoming.event, answer.reply))
            try:
                await self._conclude(incoming, answer)
            except Exception as error:  # the reply itself is what breaks: an adapter that cannot render it
                log.exception("Answer cannot be stored", extra={"seq": incoming.seq})
                await self._conclude(incoming, await self._set_aside(incoming, repr(error)[:500]))
        finally:
            self._runner.forget(incoming.event.key)
            if incoming.event.key in self._said_freely:
                self._said_freely.discard(incoming.event.key)
                self._loops.answered(incoming.event)

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
                return await self._answer(incoming.event)
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

    async def _answer(self, event: Event) -> Answer:
        try:
            found = await self._wished(event)
        except (Denied, NotFound) as error:  # the answer to a question that is somebody else's, or closed
            return Answer(reply=replace(reply_to(error), private_to=event.actor))
        if not isinstance(found, tuple):
            return Answer(reply=found)
        event, wish = found
        person = await self._people.person_of(event.actor, event.actor_name, event.groups)
        command = self._commands.get(wish.name)
        checked = self._intake.check(event, wish, command)
        decision = await self._decide(event, wish, person, command, checked)
        now_ms = self._clock.now_ms()
        audit: tuple[AuditEntry, ...] = (decided(event, wish, person, decision, at_ms=now_ms),)
        if event.is_late and (decision.allowed or decision.needs_approval is not None):
            late = missed(event, wish, now=self._clock.now(), after_s=self._missed_after_s)
            if late is not None:
                return Answer(reply=late, audit=audit)
        approval = ""
        if decision.needs_approval is not None and self._approvals is not None and command is not None:
            approved = await self._approved(event, wish, person, command, checked, decision)
            if isinstance(approved, Reply):
                return Answer(reply=approved, audit=audit)
            approval, decision = approved, Decision(allowed=True, rule=f"approval {approved}")
            audit = (*audit, decided(event, wish, person, decision, at_ms=now_ms))
        if not decision.allowed:
            return Answer(reply=Reply(text=decision.reason, status="denied"), audit=audit)
        return await self._answer_allowed(event, wish, person, command, checked, approval, audit)

    async def _wished(self, event: Event) -> tuple[Event, Wish] | Reply | None:
        """Return what is wanted and by which event (a number may pick a button), or what to say instead."""
        wish = await self._intake.wish(event)
        if wish is None or (isinstance(wish, Wish) and not wish.is_ordered):
            press = await self._outbox.pressed(event)
            if press is not None:
                event, wish = press, await self._intake.wish(press)
        if wish is None or isinstance(wish, Reply):
            return wish
        if not wish.is_ordered and not event.origin:
            verdict = self._loops.look(event)
            if not isinstance(verdict, bool):
                return verdict
            self._said_freely.add(event.key)
        return event, wish

    async def _answer_allowed(
        self,
        event: Event,
        wish: Wish,
        person: Person,
        command: Command | None,
        checked: Checked,
        approval: str,
        audit: tuple[AuditEntry, ...],
    ) -> Answer:
        if command is not None and command.effect in EFFECTS_ON_RECORD:
            try:
                for entry in audit:
                    await self._outbox.record(entry)
            except QuarterdeckError as error:
                return Answer(reply=unrecorded(command, error))
            audit = ()
        started_s = self._clock.monotonic()
        try:
            reply = await self._run(event, wish, person, command, checked, approval)
        except QuarterdeckError as error:
            reply = reply_to(error)
        if approval and self._approvals is not None:
            await self._approvals.close(approval, "failed" if reply.status == "error" else "done")
        if command is not None:
            metrics.COMMANDS.add(command=command.name, status=reply.status)
            metrics.COMMAND_SECONDS.observe(self._clock.monotonic() - started_s, command=command.name)
        return Answer(reply=reply, audit=audit)

    async def _decide(
        self, event: Event, wish: Wish, person: Person, command: Command | None, checked: Checked
    ) -> Decision:
        """Ask the authoriser. A command that does not exist is refused like one that strangers may not see.

        Options that are missing or wrong are not known yet: then it is asked whether there are any that are allowed.
        Strangers are not helped to get them right.
        """
        is_stranger = not person.has_role("viewer")
        if command is None and not is_stranger:
            return Decision(allowed=True, rule="no such command")
        return await self._authoriser.authorise(
            AccessRequest(
                person=person,
                identity=event.actor,
                action=f"command:{wish.name}",
                way=wish.way,
                conversation=event.conversation,
                least_role=command.allow if command else "owner",
                effect=command.effect if command else "none",
                arguments={} if is_stranger and checked.options is None else checked.options,
            )
        )

    async def _approved(
        self, event: Event, wish: Wish, person: Person, command: Command, checked: Checked, decision: Decision
    ) -> str | Reply:
        """Return the request by which others agreed to this; what is not asked for yet is asked for now."""
        needs, subject = decision.needs_approval, f"command:{command.name}"
        assert needs is not None
        assert self._approvals is not None
        files = wish.attachments, event.conversation, self._services
        try:
            if event.origin.startswith(f"{ORIGIN}:"):
                options = await with_files(checked.options or {}, *files)
                found = await self._approvals.confirm(
                    event, subject=subject, options=options, person=person, needs=needs
                )
                return found.id
            ready = await self._intake.ready(event, wish, command, checked, person)
            if isinstance(ready, Reply):
                return ready
            return await self._approvals.ask(
                event,
                subject=subject,
                options=await with_files(ready, *files),
                person=person,
                way=wish.way,
                rule=decision.rule,
                needs=needs,
            )
        except QuarterdeckError as error:
            if event.origin.startswith(f"{ORIGIN}:"):  # it ends here, unless it has already
                await self._approvals.close(event.origin.split(":")[1], "failed")
            return reply_to(error)

    async def _run(
        self,
        event: Event,
        wish: Wish,
        person: Person,
        command: Command | None,
        checked: Checked,
        approval: str = "",
    ) -> Reply:
        if command is None:
            raise await self._no_such(event, wish.name, person)
        options: Mapping[str, object] | Reply = checked.options or {}
        if not approval:
            options = await self._intake.ready(event, wish, command, checked, person)
        if isinstance(options, Reply):
            return options
        call = Call(
            command=command.name,
            options=options,
            person=person,
            identity=event.actor,
            conversation=event.conversation,
            event_id=event.key,
            services=self._services,
            attachments=wish.attachments,
            approval=approval,
        )
        return await self._runner.run(event, command, call)

    async def _no_such(self, event: Event, name: str, person: Person) -> UsageError:
        here, who = event.conversation, event.actor
        known = [
            f"/{command.name}"
            for command in self._commands.all()
            if await may(self._authoriser, command, person=person, identity=who, conversation=here)
        ]
        near = did_you_mean(f"/{name}", known)
        return UsageError(f"There is no command /{name[:60]}.", hint=near or "/help lists what there is")
