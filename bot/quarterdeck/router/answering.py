"""Find the answer to one event: who asks, for what, may they, can it be done here, do it.

Why was a command refused? Read `Answering.answer` from top to bottom: that is the order in which refusals come.

    1 somebody else's question                  a button or form that belongs to another person, or is closed
    2 no role, no such command, not allowed     the authoriser says so: `router/policy`, shown by `/why`
    3 asked too long ago                        while the bot was away
    4 others must agree first                   `router/approvals`; what was agreed to is checked again here
    5 not on this platform, wrong options,      `Intake.ready`
      too soon, too often
    6 not on record                             what changes something is written down before it is done
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from quarterdeck.core.access import may
from quarterdeck.core.approval import ORIGIN
from quarterdeck.core.command import Call, Command
from quarterdeck.core.delivery import AuditEntry
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError, UsageError
from quarterdeck.core.event import Event
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import AccessRequest, Authoriser, Clock, Commands, Decision, People, Services
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.router.addressing import Wish
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.approvals.files import with_files
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.explain import reply_to
from quarterdeck.router.flow.late import missed
from quarterdeck.router.flow.loops import LoopGuard
from quarterdeck.router.flow.running import Runner
from quarterdeck.router.intake import Checked, Intake
from quarterdeck.router.record import decided, unrecorded
from quarterdeck.runtime.observability import metrics

MISSED_AFTER_S = 900.0
EFFECTS_ON_RECORD = ("write", "destructive", "money")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what an event ends with: a reply or none, and the decisions behind it."""

    reply: Reply | None
    audit: tuple[AuditEntry, ...] = ()


class Answering:
    """Answer events, one at a time for each conversation; the router keeps that order."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        intake: Intake,
        commands: Commands,
        people: People,
        authoriser: Authoriser,
        services: Services,
        clock: Clock,
        runner: Runner,
        approvals: ApprovalDesk | None = None,
        missed_after_s: float = MISSED_AFTER_S,
    ) -> None:
        self._outbox, self.intake, self._commands = outbox, intake, commands
        self._people, self._authoriser, self._services = people, authoriser, services
        self._approvals, self.runner = approvals, runner
        self._clock, self._missed_after_s = clock, missed_after_s
        self._loops, self._said_freely = LoopGuard(clock), set[str]()

    def over(self, event: Event) -> None:
        """Forget an event whose end is on disk."""
        self.runner.forget(event.key)
        if event.key in self._said_freely:
            self._said_freely.discard(event.key)
            self._loops.answered(event)

    async def answer(self, event: Event) -> Answer:
        """Return what the event ends with; whatever may refuse it is asked in the order above.

        Raises:
            Busy, Unavailable: the database is; it is no fault of the event's, try again.
        """
        try:
            found = await self._wished(event)
        except (Denied, NotFound) as error:  # the answer to a question that is somebody else's, or closed
            return Answer(reply=replace(reply_to(error), private_to=event.actor))
        if not isinstance(found, tuple):
            return Answer(reply=found)
        event, wish = found
        person = await self._people.person_of(event.actor, event.actor_name, event.groups)
        command = self._commands.get(wish.name)
        checked = self.intake.check(event, wish, command)
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
        wish = await self.intake.wish(event)
        if wish is None or (isinstance(wish, Wish) and not wish.is_ordered):
            press = await self._outbox.pressed(event)
            if press is not None:
                event, wish = press, await self.intake.wish(press)
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
            ready = await self.intake.ready(event, wish, command, checked, person)
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
            options = await self.intake.ready(event, wish, command, checked, person)
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
        return await self.runner.run(event, command, call)

    async def _no_such(self, event: Event, name: str, person: Person) -> UsageError:
        here, who = event.conversation, event.actor
        known = [
            f"/{command.name}"
            for command in self._commands.all()
            if await may(self._authoriser, command, person=person, identity=who, conversation=here)
        ]
        near = await self._workflow(name, person, who) or did_you_mean(f"/{name}", known)
        return UsageError(f"There is no command /{name[:60]}.", hint=near or "/help lists what there is")

    async def _workflow(self, name: str, person: Person, who: Identity) -> str:
        """Return how a workflow of this name is started, empty where there is none."""
        runs = self._services.runs
        if runs is None:
            return ""
        if name in [one.name for one in await runs.offered(person, who, name)]:
            return f"`/run {name}` starts a workflow; `triggers: [command]` in its file makes it a command"
        if name in [one.name for one in runs.shelved(name)]:
            return f"the library has it; an owner switches it on: `quarterdeck workflow enable {name}`"
        return ""
