"""Ask for approvals, count what approvers say, and let what was approved run once (the `Approvals` port).

What is approved is the canonical form of a command's options, with its asker and its place, by its hash. When the
quorum is there, an event of our own asks for the same thing again; `confirm` lets it pass only if everything is still
as it was approved: the hash, the asker's rights, the approvers' roles. All that happens to a request is in the audit
record, and every card that shows it is changed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from quarterdeck.core.access import ApprovalRule, People
from quarterdeck.core.approval import (
    ORIGIN,
    Approval,
    ApprovalState,
    Asked,
    Decided,
    Vote,
    Voter,
)
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError, UsageError
from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.router.approvals.canonical import DIGEST_SHOWN, LONGEST, canonical, digest
from quarterdeck.router.approvals.card import card_of
from quarterdeck.router.approvals.carrying import carrying_out
from quarterdeck.router.approvals.needs import ApprovalRows, Record, Send
from quarterdeck.router.approvals.words import said, why_not

LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
ID_LENGTH = 6
LONGEST_COMMENT = 300
OVER = ("denied", "expired", "done", "failed", "refused")

log = logging.getLogger(__name__)


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
        self._listeners: dict[str, Decided] = {}

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
        approval = await self._keep(
            Asked(
                subject=subject,
                version="",
                arguments=options,
                person=person if person.name else replace(person, name=event.actor_name),
                identity=event.actor,
                conversation=event.conversation,
                needs=needs,
                rule=rule,
                key=event.key,
                way=way,  # type: ignore[arg-type]
            )
        )
        return card_of(approval)

    async def request(self, asked: Asked) -> Approval:
        """Ask for the approval of something that waits elsewhere for the word, and show the card.

        Raises:
            UsageError: it is too long for a card to show all of it.
        """
        approval = await self._keep(asked)
        if approval.state == "pending":
            await self._outbox.send(approval.conversation, card_of(approval), key=approval.event_key)
        return approval

    async def _keep(self, asked: Asked) -> Approval:
        arguments = canonical(asked.arguments)
        if len(arguments) > LONGEST:
            raise UsageError(
                f"this needs an approval, and its {len(arguments):,} characters cannot be shown whole to approvers",
                hint=f"keep it below {LONGEST:,} characters",
            )
        now_ms = self._clock.now_ms()
        bound = digest(
            subject=asked.subject,
            version=asked.version,
            arguments=arguments,
            asker=asked.identity,
            conversation_id=asked.conversation.id,
        )
        wanted = Approval(
            id="".join(secrets.choice(LETTERS) for _ in range(ID_LENGTH)),
            subject=asked.subject,
            version=asked.version,
            arguments=arguments,
            digest=bound,
            asker=asked.identity,
            asker_id=asked.person.id,
            asker_name=asked.person.name,
            conversation=asked.conversation,
            way=asked.way,
            rule=asked.rule,
            by=asked.needs.by,
            quorum=asked.needs.quorum,
            state="pending",
            asked_at_ms=now_ms,
            expires_at_ms=now_ms + round(asked.needs.within_s * 1000),
            event_key=asked.key,
        )
        approval = await self._rows.add(wanted)
        if approval.id == wanted.id:
            await self._note(approval, "asked", person_id=asked.person.id)
        self._changed.set()
        return approval

    def on_decided(self, prefix: str, listener: Decided) -> None:
        """Await `listener` for each decided request whose key begins with `prefix`, in place of carrying it out."""
        self._listeners[prefix] = listener

    async def verdict(self, approval_id: str, needs: ApprovalRule) -> Approval:
        """Return a request as it is now; a granted one whose approvers have lost the right since is refused.

        Raises:
            NotFound: there is no such request.
        """
        approval = await self._rows.get(approval_id)
        if approval is None:
            raise NotFound(f"there is no request {approval_id!r}")
        if approval.state == "pending" and approval.expires_at_ms <= self._clock.now_ms():
            await self._expire(approval)
        elif approval.state == "granted" and not await self._holds(approval, needs):
            await self.close(approval.id, "refused")
        return await self._rows.get(approval_id) or approval

    async def withdraw(self, key: str) -> None:
        """End the pending request of this key: nobody waits for it any more."""
        for approval in await self._rows.open():
            if approval.event_key == key and await self._rows.move(approval.id, "pending", "expired"):
                await self._note(approval, "withdrawn")
                await self._show(replace(approval, state="expired"))

    async def _holds(self, approval: Approval, needs: ApprovalRule) -> bool:
        """Tell whether those who agreed may still approve, and are enough."""
        agreed = [vote for vote in approval.votes if vote.agrees]
        by = needs.by or approval.by
        holding = [vote for vote in agreed if not why_not(replace(approval, by=by), await self._now(vote))]
        return len(holding) >= max(approval.quorum, needs.quorum)

    async def pending(self, person: Person) -> list[Approval]:
        """Return what this person may approve now, oldest first."""
        now_ms = self._clock.now_ms()
        return [
            one
            for one in await self._rows.open()
            if one.state == "pending" and one.expires_at_ms > now_ms and not why_not(one, person)
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
        if reason := why_not(approval, voter.person):
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
        if has_decided:
            await self._decided(approval)
        await self._show(approval)
        self._changed.set()
        return Reply(text=said(approval, agrees), private_to=None)

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
        approval = await self.granted(event.origin.split(":")[1])
        await self.hold(
            approval,
            identity=event.actor,
            conversation=event.conversation,
            subject=subject,
            version=approval.version,
            options=options,
            person=person,
            needs=needs,
        )
        return approval

    async def find(self, approval_id: str) -> Approval:
        """Return a request, whatever its state.

        Raises:
            Denied: there is none.
        """
        approval = await self._rows.get(approval_id)
        if approval is None:
            raise Denied("this was not approved, or was done already")
        return approval

    async def granted(self, approval_id: str) -> Approval:
        """Return a request that was granted and is not carried out yet.

        Raises:
            Denied: there is none.
        """
        approval = await self.find(approval_id)
        if approval.state != "granted":
            raise Denied("this was not approved, or was done already")
        return approval

    async def hold(
        self,
        approval: Approval,
        *,
        identity: Identity,
        conversation: Conversation,
        subject: str,
        version: str,
        options: Mapping[str, object],
        person: Person,
        needs: ApprovalRule,
    ) -> None:
        """Let pass only what was approved, while its approvers may still approve it; anything else ends the request.

        Raises:
            Denied: it is something else, or an approver lost their role.
        """
        found = digest(
            subject=subject,
            version=version,
            arguments=canonical(options),
            asker=identity,
            conversation_id=conversation.id,
        )
        if found != approval.digest or person.id != approval.asker_id:
            await self.close(approval.id, "refused")
            raise Denied("what would run is not what was approved")
        if not await self._holds(approval, needs):
            await self.close(approval.id, "refused")
            raise Denied("an approver has lost the right to approve since")

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
                await self._decided(approval)
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
            await self._decided(replace(approval, state="expired"))

    async def _decided(self, approval: Approval) -> None:
        """Tell who waits for the word; what nobody waits for is carried out when it was granted."""
        for prefix, listener in self._listeners.items():
            if approval.event_key.startswith(prefix):
                await listener(approval)
                return
        if approval.state == "granted":
            await self._accept(carrying_out(approval, at=self._clock.now()))

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
