"""Ask for approvals, count what approvers say, and let what was approved run once (the `Approvals` port).

What is approved is the canonical form of a command's options, with its asker and its place, by its hash. When the
quorum is there, an event of our own asks for the same thing again; `confirm` lets it pass only if everything is still
as it was approved: the hash, the asker's rights, the approvers' roles. All that happens to a request is in the audit
record, and every card that shows it is changed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from quarterdeck.core.access import ApprovalRule, People
from quarterdeck.core.approval import ORIGIN, Approval, ApprovalState, Vote, Voter
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError, UsageError
from quarterdeck.core.event import Event, Invoked
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.router.approvals.canonical import DIGEST_SHOWN, LONGEST, canonical, digest
from quarterdeck.router.approvals.card import card_of

LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
ID_LENGTH = 6
LONGEST_COMMENT = 300
OVER = ("denied", "expired", "done", "failed", "refused")

log = logging.getLogger(__name__)


class ApprovalRows(Protocol):
    """Keep requests, words and cards."""

    async def add(self, approval: Approval) -> Approval:
        """Keep a request; the one of the same event that is there already wins and is returned."""

    async def get(self, approval_id: str) -> Approval | None: ...
    async def open(self) -> Sequence[Approval]:
        """Return what is pending or granted, oldest first."""

    async def vote(self, approval_id: str, vote: Vote, *, now_ms: int) -> tuple[Approval, bool]:
        """Count a word of somebody who has not spoken yet; True when it decided the request."""

    async def move(self, approval_id: str, frm: ApprovalState, to: ApprovalState) -> bool:
        """Change the state; False when it was another one by then."""


class Send(Protocol):
    """Show and change cards."""

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None: ...
    async def edit(self, to: Conversation, reply: Reply, *, replaces: str, key: str) -> None: ...


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None: ...


class ApprovalDesk:
    """Hold open requests."""

    def __init__(
        self,
        rows: ApprovalRows,
        *,
        people: People,
        outbox: Send,
        record: Record,
        accept: Callable[[Event], Awaitable[bool]],
        clock: Clock,
    ) -> None:
        self._rows, self._people, self._outbox, self._record = rows, people, outbox, record
        self._accept, self._clock = accept, clock
        self._changed = asyncio.Event()

    async def ask(
        self,
        event: Event,
        *,
        subject: str,
        options: Mapping[str, object],
        person: Person,
        way: str,
        rule: str,
        needs: ApprovalRule,
    ) -> Reply:
        """Keep a request and return its card; the same event asks once.

        Raises:
            UsageError: it is too long for a card to show all of it.
        """
        arguments = canonical(options)
        if len(arguments) > LONGEST:
            raise UsageError(
                f"this needs an approval, and its {len(arguments):,} characters cannot be shown whole to approvers",
                hint=f"keep it below {LONGEST:,} characters",
            )
        now_ms = self._clock.now_ms()
        here = event.conversation
        bound = digest(
            subject=subject, version="", arguments=arguments, asker=event.actor, conversation_id=here.id
        )
        wanted = Approval(
            id="".join(secrets.choice(LETTERS) for _ in range(ID_LENGTH)),
            subject=subject,
            version="",
            arguments=arguments,
            digest=bound,
            asker=event.actor,
            asker_id=person.id,
            asker_name=person.name or event.actor_name,
            conversation=here,
            way=way,  # type: ignore[arg-type]
            rule=rule,
            by=needs.by,
            quorum=needs.quorum,
            state="pending",
            asked_at_ms=now_ms,
            expires_at_ms=now_ms + round(needs.within_s * 1000),
            event_key=event.key,
        )
        approval = await self._rows.add(wanted)
        if approval.id == wanted.id:
            await self._note(approval, "asked", person_id=person.id)
        self._changed.set()
        return card_of(approval)

    async def pending(self, person: Person) -> list[Approval]:
        """Return what this person may approve now, oldest first."""
        now_ms = self._clock.now_ms()
        return [
            one
            for one in await self._rows.open()
            if one.state == "pending" and one.expires_at_ms > now_ms and not _why_not(one, person)
        ]

    async def vote(self, approval_id: str, voter: Voter, *, agrees: bool, comment: str = "") -> Reply:
        """Count a word; the one that makes the quorum has the thing done.

        Raises:
            NotFound: there is no such request.
            Denied: this person may not approve it.
            UsageError: it is decided already, or not what the button stood for.
        """
        approval = await self._rows.get(approval_id.lower())
        if approval is None:
            raise NotFound(
                f"there is no request {approval_id[:20]!r}", hint="`/approve` lists those that wait for you"
            )
        if reason := _why_not(approval, voter.person):
            raise Denied(reason)
        if voter.digest and voter.digest != approval.digest[:DIGEST_SHOWN]:
            raise UsageError("that button belongs to another request", hint=f"type `/approve {approval.id}`")
        await self._refuse_closed(approval)
        word = Vote(
            person_id=voter.person.id,
            identity=voter.identity,
            name=voter.person.name,
            agrees=agrees,
            comment=comment[:LONGEST_COMMENT],
            at_ms=self._clock.now_ms(),
        )
        approval, has_decided = await self._rows.vote(approval.id, word, now_ms=self._clock.now_ms())
        await self._note(approval, "agreed" if agrees else "denied", person_id=voter.person.id, word=word)
        if has_decided and approval.state == "granted":
            await self._resume(approval)
        await self._show(approval)
        self._changed.set()
        return Reply(text=_said(approval, agrees), private_to=None)

    async def confirm(
        self,
        event: Event,
        *,
        subject: str,
        options: Mapping[str, object],
        person: Person,
        needs: ApprovalRule,
    ) -> Approval:
        """Return the granted request that our own event carries out, if all of it still holds.

        Raises:
            Denied: it is another thing than was approved, was carried out already, or an approver lost their role.
        """
        approval = await self._rows.get(event.origin.split(":")[1])
        if approval is None or approval.state != "granted":
            raise Denied("this was not approved, or was done already")
        found = digest(
            subject=subject,
            version=approval.version,
            arguments=canonical(options),
            asker=event.actor,
            conversation_id=event.conversation.id,
        )
        if found != approval.digest or person.id != approval.asker_id:
            await self.close(approval.id, "refused")
            raise Denied("what would run is not what was approved")
        agreed = [vote for vote in approval.votes if vote.agrees]
        holding = [
            vote for vote in agreed if not _why_not(replace(approval, by=needs.by), await self._now(vote))
        ]
        if len(holding) < max(approval.quorum, needs.quorum):
            await self.close(approval.id, "refused")
            raise Denied("an approver has lost the right to approve since")
        return approval

    async def close(self, approval_id: str, state: ApprovalState) -> None:
        """Write down what became of a granted request, and show it."""
        if await self._rows.move(approval_id, "granted", state):
            approval = await self._rows.get(approval_id)
            assert approval is not None
            await self._note(approval, state)
            await self._show(approval)

    async def serve(self) -> None:
        """Carry out what was granted before a stop, and let requests expire when their time is over."""
        for approval in await self._rows.open():
            if approval.state == "granted":
                await self._resume(approval)
        while True:
            self._changed.clear()
            pending = [one for one in await self._rows.open() if one.state == "pending"]
            now_ms = self._clock.now_ms()
            for one in pending:
                if one.expires_at_ms <= now_ms:
                    await self._expire(one)
            waits = [one.expires_at_ms - now_ms for one in pending if one.expires_at_ms > now_ms]
            await self._next(min(waits) / 1000 if waits else None)

    async def _next(self, pause_s: float | None) -> None:
        """Wait until something changes, or so long."""
        change = asyncio.ensure_future(self._changed.wait())
        pause = asyncio.ensure_future(self._clock.sleep(pause_s)) if pause_s is not None else None
        try:
            await asyncio.wait({change, pause} if pause else {change}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (change, pause):
                if task is not None:
                    task.cancel()

    async def _refuse_closed(self, approval: Approval) -> None:
        if approval.state == "pending" and approval.expires_at_ms <= self._clock.now_ms():
            await self._expire(approval)
            raise UsageError(f"the request {approval.id} is over: nobody approved it in time")
        if approval.state != "pending":
            raise UsageError(f"the request {approval.id} was decided already: {approval.state}")

    async def _expire(self, approval: Approval) -> None:
        if await self._rows.move(approval.id, "pending", "expired"):
            await self._note(approval, "expired")
            await self._show(replace(approval, state="expired"))

    async def _resume(self, approval: Approval) -> None:
        """Ask again for what was approved, as its asker; an event of ours, so it is done once whatever happens."""
        await self._accept(
            Invoked(
                id=f"{ORIGIN}-{approval.id}",
                platform=approval.conversation.platform,
                received_at=self._clock.now(),
                conversation=approval.conversation,
                actor=approval.asker,
                actor_name=approval.asker_name,
                origin=f"{ORIGIN}:{approval.id}:{approval.way}",
                command=approval.subject.partition(":")[2],
                options=json.loads(approval.arguments),
            )
        )

    async def _now(self, vote: Vote) -> Person:
        return await self._people.person_of(vote.identity, vote.name)

    async def _show(self, approval: Approval) -> None:
        """Change the card; a card that cannot be changed changes nothing about the request."""
        key = f"{approval.event_key}~{ORIGIN}-{approval.state}-{len(approval.votes)}"
        try:
            await self._outbox.edit(
                approval.conversation, card_of(approval), replaces=approval.event_key, key=key
            )
        except QuarterdeckError as error:
            log.warning("Card not changed", extra={"approval": approval.id, "error": error.message})

    async def _note(
        self, approval: Approval, what: str, *, person_id: str = "", word: Vote | None = None
    ) -> None:
        detail: dict[str, object] = {
            "event": approval.event_key,
            "approval": approval.id,
            "what": what,
            "subject": approval.subject,
            "digest": approval.digest,
            "rule": approval.rule,
        }
        if word is not None:
            detail |= {"identity": str(word.identity), "comment": word.comment}
        await self._record.append("approval", detail, person_id=person_id)


def _why_not(approval: Approval, person: Person) -> str:
    """Say why this person may not approve, empty when they may."""
    if person.id == approval.asker_id or str(approval.asker) in person.identities:
        return "You asked for this yourself, so somebody else must approve it."
    for one in approval.by:
        kind, _, name = one.partition(":")
        if (kind == "role" and person.has_role(name)) or (kind == "group" and name in person.groups):
            return ""
    return f"Only {' or '.join(one.replace(':', ' ', 1) for one in approval.by)} may approve this."


def _said(approval: Approval, agrees: bool) -> str:
    count = sum(vote.agrees for vote in approval.votes)
    if approval.state == "pending":
        return f"Counted: {count} of {approval.quorum} have agreed to {approval.id}."
    return f"{approval.id} is {'approved; it runs now' if agrees else 'denied'}."
