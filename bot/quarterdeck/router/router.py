"""Take each stored event to its answer: who, what, may they, do it, store the reply and be done.

The order of `_answer` is the order in which a refusal can come: no role, no such command, role too low, wrong
options. `/why` shows the decision that is written here.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from quarterdeck.core.adapter import Ability, Streams
from quarterdeck.core.command import Call, Command
from quarterdeck.core.delivery import AuditEntry, InboxRows, Incoming
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError, UsageError
from quarterdeck.core.event import Event
from quarterdeck.core.help import help_for
from quarterdeck.core.person import Person
from quarterdeck.core.ports import AccessRequest, Authoriser, Clock, Commands, Decision, People, Services
from quarterdeck.core.reply import Reply, Status
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.addressing import Wish, wish_of
from quarterdeck.router.inbox import ATTEMPTS
from quarterdeck.router.lanes import Lanes
from quarterdeck.router.outbox import Outbox
from quarterdeck.router.syntax import complete, parse, wants_help
from quarterdeck.runtime import metrics

LIGHT_LIMIT_S = 15.0
HEAVY_LIMIT_S = 240.0  # a model call may take 180 s

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
        commands: Commands,
        people: People,
        authoriser: Authoriser,
        services: Services,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._rows, self._outbox, self._commands = rows, outbox, commands
        self._people, self._authoriser, self._services = people, authoriser, services
        self._clock = clock
        self._heavy = asyncio.Semaphore(limits.heavy_concurrency)
        self.lanes = Lanes(
            "handle", self._handle, lane_limit=limits.queue_limit, total_limit=limits.total_limit
        )

    def has_room(self, conversation_id: str) -> bool:
        """Tell whether one more event of this conversation may wait."""
        return self.lanes.has_room(conversation_id)

    def dispatch(self, incoming: Incoming) -> None:
        """Handle a stored event when its conversation's turn comes."""
        self.lanes.put(incoming.event.conversation.id, incoming)

    async def _handle(self, incoming: Incoming) -> None:
        """Answer one event and write down its end; what cannot be answered is set aside, never dropped."""
        answer = await self._answer_or_set_aside(incoming)
        event = incoming.event
        while True:
            try:
                await self._outbox.commit(
                    event.conversation, answer.reply, key=event.key, audit=answer.audit, done=incoming.seq
                )
            except QuarterdeckError as error:  # the disk is full, the platform gone: the event stays on disk
                log.error("Answer not stored", extra={"seq": incoming.seq, "error": error.message})
                await self._clock.sleep(5.0)
            else:
                return

    async def _answer_or_set_aside(self, incoming: Incoming) -> Answer:
        attempts = incoming.attempts
        while True:
            try:
                return await self._answer(incoming.event)
            except Exception as error:
                log.exception(
                    "Event failed", extra={"seq": incoming.seq, "kind": type(incoming.event).__name__}
                )
                attempts = max(attempts + 1, await self._rows.failed(incoming.seq, repr(error)[:500]))
            if attempts >= ATTEMPTS:
                await self._rows.quarantine(incoming.seq, "it failed three times")
                metrics.EVENTS.add(platform=incoming.event.platform, outcome="quarantined")
                return Answer(
                    reply=Reply(
                        text="Something broke in me three times over this. It is set aside for the people who run me.",
                        status="error",
                    )
                )

    async def _answer(self, event: Event) -> Answer:
        wish = wish_of(event, self._commands)
        if wish is None:
            return Answer(reply=None)
        person = await self._people.person_of(event.actor, event.actor_name)
        command = self._commands.get(wish.name)
        decision = await self._decide(event, wish, person, command)
        audit = (self._entry(event, wish, person, decision),)
        if not decision.allowed:
            return Answer(reply=Reply(text=decision.reason, status="denied"), audit=audit)
        started_s = self._clock.monotonic()
        try:
            reply = await self._run(event, wish, person, command)
        except QuarterdeckError as error:
            reply = reply_to(error)
        if command is not None:
            metrics.COMMANDS.add(command=command.name, status=reply.status)
            metrics.COMMAND_SECONDS.observe(self._clock.monotonic() - started_s, command=command.name)
        return Answer(reply=reply, audit=audit)

    async def _decide(self, event: Event, wish: Wish, person: Person, command: Command | None) -> Decision:
        """Ask the authoriser. A command that does not exist is refused like one that strangers may not see."""
        if command is None and person.has_role("viewer"):
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
                arguments=wish.options or {},
            )
        )

    async def _run(self, event: Event, wish: Wish, person: Person, command: Command | None) -> Reply:
        if command is None:
            raise self._no_such(wish.name, person)
        if wish.options is None and wants_help(command, wish.rest):
            return help_for(command)
        options = parse(command, wish.rest) if wish.options is None else complete(command, wish.options)
        call = Call(
            command=command.name,
            options=options,
            person=person,
            identity=event.actor,
            conversation=event.conversation,
            event_id=event.key,
            services=self._services,
        )
        is_light = command.lane == "light"
        room: AbstractAsyncContextManager[object] = nullcontext() if is_light else self._heavy
        async with room:
            try:
                async with asyncio.timeout(LIGHT_LIMIT_S if is_light else HEAVY_LIMIT_S):
                    return await self._written(event, await command.handler(call))
            except TimeoutError:
                return Reply(text=f"/{command.name} took too long and was stopped.", status="error")

    async def _written(self, event: Event, reply: Reply) -> Reply:
        """Follow a reply that is still being written to its end, showing it where the platform can."""
        if reply.stream is None:
            return reply
        adapter = self._outbox.adapter(event.platform)
        streams: Streams | None = adapter if Ability.STREAM in adapter.abilities else None  # type: ignore[assignment]  # the ability says so
        pieces: list[str] = []
        try:
            async for item in reply.stream:
                if isinstance(item, Reply):
                    return replace(item, stream=None)
                pieces.append(item)
                if streams is not None:
                    await streams.preview(event.conversation, event.key, item)
        except QuarterdeckError as error:
            so_far = "".join(pieces)
            failed = reply_to(error)
            return replace(failed, text=f"{so_far}\n\n{failed.text}" if so_far else failed.text)
        return replace(reply, text=reply.text + "".join(pieces), stream=None)

    def _no_such(self, name: str, person: Person) -> UsageError:
        known = [command.name for command in self._commands.all() if person.has_role(command.allow)]
        near = did_you_mean(f"/{name}", [f"/{command}" for command in known])
        return UsageError(f"There is no command /{name[:60]}.", hint=near or "/help lists what there is")

    def _entry(self, event: Event, wish: Wish, person: Person, decision: Decision) -> AuditEntry:
        return AuditEntry(
            kind="decision",
            at_ms=self._clock.now_ms(),
            person_id=person.id,
            detail={
                "event": event.key,
                "identity": str(event.actor),
                "conversation": event.conversation.id,
                "action": f"command:{wish.name[:60]}",
                "way": wish.way,
                "allowed": decision.allowed,
                "rule": decision.rule,
            },
        )


def reply_to(error: QuarterdeckError) -> Reply:
    """Return the reply that explains a failure to the person who asked."""
    statuses: dict[type[QuarterdeckError], Status] = {Denied: "denied", NotFound: "not_found"}
    status: Status = next((word for kind, word in statuses.items() if isinstance(error, kind)), "error")
    text = error.message[:1].upper() + error.message[1:]
    return Reply(
        text=f"{text}\n{error.hint[:1].upper()}{error.hint[1:]}" if error.hint else text, status=status
    )
