"""Make accounts one person once both have proven the same mail address, in a domain that the owner named.

Whoever writes is looked at first: what address does their platform vouch for? The first answer counts, for good: an
account whose address changes is parted from whom it was joined with, and never joined by an address again; so is one
that somebody parted. Nothing is guessed (`core/mailbox.py`), and where anything is odd nothing is joined: two accounts
of one workspace with one address (it was given to somebody new), more than one person behind it, somebody revoked, or
somebody who may do more than `access.emails.most_role`. Those use /link, which asks both.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol, cast

from quarterdeck.core.access import People
from quarterdeck.core.adapter import Ability, Adapter, Directs, ProvesEmail
from quarterdeck.core.errors import Denied, QuarterdeckError
from quarterdeck.core.mailbox import mailbox, within
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply

KEEP_S: Final = 900.0  # how old an answer of the platform may be before it is asked again
FAILED_KEEP_S: Final = 30.0
ANSWER_S: Final = 3.0
MOST_KEPT: Final = 10_000  # accounts; forgotten all at once, and asked for anew
FINAL: Final = ("parted", "changed")
TOO_MUCH: Final = "one of them may do more than accounts are joined for by themselves"

log = logging.getLogger(__name__)


class Proof(Protocol):
    """See what is known of one account's address."""

    @property
    def identity(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def state(self) -> str: ...


class AddressRows(Protocol):
    """Keep proven addresses, and join accounts by them."""

    async def about(self, identity: Identity, address: str) -> tuple[Proof | None, Sequence[Proof]]:
        """Return what is known of an account, and the other accounts that proved the same address."""

    async def prove(self, identity: Identity, address: str, *, now_ms: int) -> None:
        """Write down what was proven of an account."""

    async def lose(self, identity: Identity, *, now_ms: int) -> bool:
        """Write down that it has another address now, or none; returns whether that parted it from somebody."""

    async def join(
        self, identity: Identity, other: Identity, address: str, *, seen: Mapping[Identity, str], now_ms: int
    ) -> bool:
        """Make the people behind two accounts one, if both are who they were seen to be.

        Raises:
            Denied: one of the two was revoked, or the directory keeps them apart.
        """


class Send(Protocol):
    """Send a message that answers no event."""

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None: ...


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None: ...


class EmailDesk:
    """Be the `People` of the router: look at who writes, join whom the rules join, and say who it is then."""

    def __init__(
        self,
        rows: AddressRows,
        people: People,
        *,
        domains: Collection[str],
        most: frozenset[str],
        provers: Mapping[str, object],
        adapters: Mapping[str, Adapter],
        outbox: Send,
        record: Record,
        clock: Clock,
    ) -> None:
        """`most` are the roles that somebody who is joined may have; `provers` know addresses, by platform."""
        self._rows, self._people = rows, people
        self._domains, self._most = frozenset(domains), most
        self._provers, self._adapters = provers, adapters
        self._outbox, self._record, self._clock = outbox, record, clock
        self._asked_until: dict[str, float] = {}
        self._refused: set[tuple[str, str]] = set()
        self._silent: set[str] = set()
        self._joining = asyncio.Lock()

    async def person_of(
        self, identity: Identity, name: str = "", groups: frozenset[str] | None = None
    ) -> Person:
        """Return the person behind an account that has just written."""
        if self._domains and self._clock.monotonic() >= self._asked_until.get(str(identity), 0.0):
            await self._look_at(identity)
        return await self._people.person_of(identity, name, groups)

    async def stewards(self) -> tuple[str, ...]:
        """Name those who can change what others may do."""
        return await self._people.stewards()

    async def _look_at(self, identity: Identity) -> None:
        prover = self._provers.get(identity.platform)
        if not hasattr(prover, "email_of"):
            return self._keep(identity, KEEP_S)
        try:
            async with asyncio.timeout(ANSWER_S):
                said = await cast("ProvesEmail", prover).email_of(identity)
        except (QuarterdeckError, TimeoutError) as error:
            if identity.platform not in self._silent:
                self._silent.add(identity.platform)
                log.warning(
                    "Addresses unknown: nobody is joined by them meanwhile",
                    extra={"platform": identity.platform, "error": repr(error)},
                )
            return self._keep(identity, FAILED_KEEP_S)
        self._silent.discard(identity.platform)
        address = mailbox(said)
        async with self._joining:
            await self._proved(identity, address if within(address, self._domains) else "")
        return self._keep(identity, KEEP_S)

    async def _proved(self, identity: Identity, address: str) -> None:
        """Do what follows from what the platform says now."""
        own, others = await self._rows.about(identity, address)
        now_ms = self._clock.now_ms()
        if own is None and not address:
            return
        if own is None:
            await self._rows.prove(identity, address, now_ms=now_ms)
        elif own.state in FINAL:
            return
        elif own.address != address:
            if await self._rows.lose(identity, now_ms=now_ms):
                text = f"`{identity}` has another mail address than before, so it is an account of its own again."
                await self._tell(identity, text, "lost")
            return
        if own is None or own.state == "proven":
            await self._join(identity, address, others)

    async def _join(self, identity: Identity, address: str, others: Sequence[Proof]) -> None:
        """Join an account with the person who proved the same address, unless something is odd."""
        mine = await self._people.person_of(identity)
        accounts = [Identity.parse(one.identity) for one in others if one.state not in FINAL]
        found = {one: await self._people.person_of(one) for one in accounts}
        if not found or mine.id in {person.id for person in found.values()}:
            return
        other, theirs = next(iter(found.items()))
        odd = self._odd(identity, mine, theirs, others, {person.id for person in found.values()})
        if odd:
            await self._refuse(identity, other, odd)
            return
        seen = {identity: mine.id, other: theirs.id}
        try:
            has_joined = await self._rows.join(
                identity, other, address, seen=seen, now_ms=self._clock.now_ms()
            )
        except Denied as error:
            await self._refuse(identity, other, error.message)
            return
        if has_joined:
            log.info("Two accounts proved one address and are one person now")
            text = (
                f"`{identity}` and `{other}` have proven the same mail address, {address}, so both are one person now: "
                "what one may do, the other may, too. `/link remove` parts them for good."
            )
            for one in (identity, other):
                await self._tell(one, text, "joined")

    def _odd(
        self, identity: Identity, mine: Person, theirs: Person, others: Sequence[Proof], ids: Collection[str]
    ) -> str:
        """Say why these accounts are not joined by themselves; empty when they are."""
        if any(_place(one.identity) == _place(str(identity)) for one in others):
            return "another account of the same workspace has proven this address"
        if len(ids) > 1:
            return "more than one person has proven this address"
        if {*map(_place, mine.identities)} & {*map(_place, theirs.identities)}:
            return "one person would have two accounts in one workspace"
        if not (mine.held() | theirs.held()) <= self._most:
            return TOO_MUCH
        return ""

    async def _refuse(self, identity: Identity, other: Identity, why: str) -> None:
        """Write down, once, that accounts with one address were left apart; who can mend it is told how."""
        if (str(identity), why) in self._refused:
            return
        self._refused.add((str(identity), why))
        detail = {"what": "not linked by e-mail", "first": str(other), "second": str(identity), "why": why}
        await self._record.append("link", detail)
        if why == TOO_MUCH:
            text = (
                f"`{identity}` and `{other}` have proven the same mail address, and {why}. "
                "If both are yours, write `/link` to me here: then both are asked."
            )
            await self._tell(identity, text, "apart")

    async def _tell(self, identity: Identity, text: str, what: str) -> None:
        """Tell an account where only it reads; where the platform has no such place, /whoami says it."""
        adapter = self._adapters.get(identity.platform)
        if adapter is None or Ability.DIRECT not in adapter.abilities:
            return
        try:
            place = await cast("Directs", adapter).direct(identity)
            if place is not None:
                key = f"email-{what}:{identity}:{self._clock.now_ms()}"
                await self._outbox.send(place, Reply(text=text, private_to=identity), key=key)
        except QuarterdeckError as error:
            log.warning("Not told who they are now", extra={"what": what, "error": error.message})

    def _keep(self, identity: Identity, keep_s: float) -> None:
        if len(self._asked_until) >= MOST_KEPT:
            self._asked_until.clear()
        self._asked_until[str(identity)] = self._clock.monotonic() + keep_s


def _place(identity: str) -> str:
    """Return where an account is one of many: its platform and workspace."""
    return identity.rpartition(":")[0]
