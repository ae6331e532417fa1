"""Make two accounts one person, by a code and the word of both (the `Linking` port).

One account asks for a code and gives it on the other platform. Both are then shown the other account, by its immutable
id and by its name, and both must agree within ten minutes. Knowing a code is therefore not enough to become somebody:
whoever used it is shown to the one who asked for it. Codes are 8 of 31 letters that cannot be mixed up, hold for ten
minutes and one use, and lie on disk as a hash keyed with a secret of this process.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from typing import Protocol

from quarterdeck.core.access import Asker
from quarterdeck.core.adapter import Ability, Adapter
from quarterdeck.core.errors import Busy, Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Button, Card, Field, Reply
from quarterdeck.core.text import printable
from quarterdeck.router.policy.policy import STRANGER

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 and O, 1, I and L
CODE_LENGTH = 8
LIVES_S = 600
MOST_WRONG = 5  # codes of one account in `LIVES_S`; more are not looked up
MOST_WATCHED = 10_000  # accounts
NAME_SHOWN = 60
NOT_VALID = "That code is not valid: it was used, is older than ten minutes, or was never given."
OVER = "That is over: it was answered, or ten minutes have passed. Begin again with /link."


class Side(Protocol):
    """See one of the two accounts and where it asked from."""

    @property
    def identity(self) -> Identity: ...
    @property
    def name(self) -> str: ...
    @property
    def conversation(self) -> Conversation: ...


class Merged(Protocol):
    """See who the two are now."""

    @property
    def role(self) -> str: ...
    @property
    def dropped_role(self) -> str: ...


class Link(Protocol):
    """See what came of a step; the sides are there from the claim on."""

    @property
    def outcome(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def first(self) -> Side | None: ...
    @property
    def second(self) -> Side | None: ...
    @property
    def merged(self) -> Merged | None: ...


class LinkRows(Protocol):
    """Keep codes, and who agreed to what."""

    async def begin(self, asker: Asker, code_hash: str, *, link_id: str, now_ms: int, until_ms: int) -> None:
        """Keep a code in place of an earlier one of this account."""

    async def claim(self, asker: Asker, code_hash: str, *, now_ms: int, until_ms: int) -> Link:
        """Use a code up, or count a wrong one."""

    async def answer(self, asker: Asker, link_id: str, *, agrees: bool, now_ms: int) -> Link:
        """Write down what one of the two says."""


class PeopleRows(Protocol):
    """Take accounts from people."""

    async def unlink(self, identity: Identity, *, of: str | None = None) -> str:
        """Take an account from its person `of`."""


class AddressRows(Protocol):
    """Know which accounts were joined by their mail address."""

    async def linked(self, accounts: Collection[str]) -> Mapping[str, str]:
        """Return the addresses, by account."""


class Send(Protocol):
    """Send a message that answers no event."""

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None: ...


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None: ...


class LinkDesk:
    """Give out codes, take them, and ask both sides."""

    def __init__(
        self,
        rows: LinkRows,
        people: PeopleRows,
        addresses: AddressRows,
        *,
        outbox: Send,
        adapters: Mapping[str, Adapter],
        record: Record,
        clock: Clock,
    ) -> None:
        self._rows, self._people, self._addresses = rows, people, addresses
        self._outbox, self._adapters = outbox, adapters
        self._record, self._clock = record, clock
        self._key = secrets.token_bytes(32)
        self._wrong: dict[str, tuple[float, int]] = {}  # since when, and how many, by account

    async def begin(self, asker: Asker) -> Reply:
        """Answer with a code, where only the asker can read it.

        Raises:
            UsageError: others read along here.
            Busy: this account asked for too many codes.
        """
        self._refuse_in_public(asker.conversation)
        code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
        now_ms = self._clock.now_ms()
        await self._rows.begin(
            asker,
            self._hash(code),
            link_id=secrets.token_hex(16),
            now_ms=now_ms,
            until_ms=now_ms + LIVES_S * 1000,
        )
        text = (
            "Within ten minutes, write this to me from your other account, on the platform that it is on:\n\n"
            f"`/link {code[:4]}-{code[4:]}`\n\nThen I ask you here whether that was you. "
            "Give the code to nobody else: who is linked to you may do all that you may."
        )
        return Reply(text=text, private_to=asker.identity)

    async def claim(self, asker: Asker, code: str) -> Reply:
        """Use a code up, and show each account the other one.

        Raises:
            UsageError: others read along here.
            Busy: this account has given too many wrong codes; this one was not looked up.
            Denied, NotFound: the code is not valid; strangers read what they always read.
        """
        self._refuse_in_public(asker.conversation)
        account = str(asker.identity)
        since_s, wrong = self._wrong.get(account, (0.0, 0))
        now_s, now_ms = self._clock.monotonic(), self._clock.now_ms()
        if now_s - since_s >= LIVES_S:
            since_s, wrong = now_s, 0
        if wrong >= MOST_WRONG:
            raise _refusal(
                asker, Busy("too many codes were not valid", hint="wait ten minutes, and begin again")
            )
        link = await self._rows.claim(
            asker, self._hash(_canonical(code)), now_ms=now_ms, until_ms=now_ms + LIVES_S * 1000
        )
        match link.outcome:
            case "wrong":
                if len(self._wrong) >= MOST_WATCHED:
                    self._wrong.clear()
                self._wrong[account] = (since_s, wrong + 1)
                raise _refusal(
                    asker, NotFound(NOT_VALID, hint="write /link where you are known for a new one")
                )
            case "own":
                raise UsageError(
                    "the code is for another account of yours", hint="write this there, not here"
                )
            case "same":
                return Reply(text="Both accounts are yours already.", private_to=asker.identity)
            case "over":
                raise NotFound(OVER)
        assert link.first is not None
        assert link.second is not None
        await self._ask_first(link, link.first, link.second, asker.event_id)
        return _question(link.id, to=link.second, about=link.first)

    async def answer(self, asker: Asker, link_id: str, *, agrees: bool) -> Reply:
        """Take the word of one of the two.

        Raises:
            NotFound: it is over, or was never this account's to answer.
            Denied: one of the two was revoked.
        """
        link = await self._rows.answer(asker, link_id, agrees=agrees, now_ms=self._clock.now_ms())
        match link.outcome:
            case "over":
                raise _refusal(asker, NotFound(OVER))
            case "stale":
                raise NotFound(
                    "One of the two accounts has changed since it was asked.", hint="begin again with /link"
                )
            case "refused":
                await self._tell_other(
                    asker, link, "The other account said no. Nothing was linked.", "refused"
                )
                return Reply(text="Nothing was linked.", private_to=asker.identity)
            case "agreed":
                return Reply(
                    text="Thank you. Now the other account must agree, too.", private_to=asker.identity
                )
        text = _linked(link.merged)
        await self._tell_other(asker, link, text, "linked")
        return Reply(text=text, private_to=asker.identity)

    async def remove(self, asker: Asker, identity: str) -> Reply:
        """Take one of the asker's own accounts from them.

        Raises:
            UsageError: that is no identity.
            NotFound, Denied: it is not theirs, or their only one.
        """
        wanted = Identity.written(identity) if identity else asker.identity
        detail = {
            "what": "remove",
            "account": str(wanted),
            "event": asker.event_id,
            "identity": str(asker.identity),
        }
        await self._record.append("link", detail, person_id=asker.person.id)
        await self._people.unlink(wanted, of=asker.person.id)
        return Reply(text=f"`{wanted}` is no account of yours any more.", private_to=asker.identity)

    async def addresses(self, person: Person) -> Mapping[str, str]:
        """Return the mail addresses by which some of a person's accounts became theirs, by account."""
        return await self._addresses.linked(person.identities)

    def _refuse_in_public(self, where: Conversation) -> None:
        adapter = self._adapters.get(where.platform)
        can_whisper = adapter is not None and Ability.PRIVATE in adapter.abilities
        if where.kind != "direct" and not can_whisper:
            raise UsageError("others read along here", hint="write /link to me in a direct message")

    async def _ask_first(self, link: Link, first: Side, second: Side, cause: str) -> None:
        question = _question(link.id, to=first, about=second)
        await self._outbox.send(first.conversation, question, key=f"{cause}~link")

    async def _tell_other(self, asker: Asker, link: Link, text: str, purpose: str) -> None:
        for side in (link.first, link.second):
            if side is not None and side.identity != asker.identity:
                told = Reply(text=text, private_to=side.identity)
                await self._outbox.send(side.conversation, told, key=f"{asker.event_id}~{purpose}")

    def _hash(self, code: str) -> str:
        return hmac.new(self._key, code.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _canonical(code: str) -> str:
    """Read a code as people type it: in any case, with a hyphen or without."""
    return code.strip().upper().replace("-", "")[: CODE_LENGTH * 2]


def _refusal(asker: Asker, error: Exception) -> Exception:
    """Tell strangers what they are always told: not even whether a code was close."""
    return error if "viewer" in asker.person.held() else Denied(STRANGER)


def _question(link_id: str, *, to: Side, about: Side) -> Reply:
    name = printable(about.name)[:NAME_SHOWN].replace("`", "'").replace("\n", " ")
    card = Card(
        title="Is this account yours, too?",
        body="If you agree, both become one person: each may do all that the other may. Say no unless you did this "
        "yourself, just now. Names can be chosen freely; the account cannot.",
        fields=(
            Field(label="Account", value=f"`{about.identity}`"),
            Field(label="Calls itself", value=name or "(nothing)"),
        ),
        buttons=(
            Button(id="yes", label="Yes, that is me", value=f"/link yes {link_id}"),
            Button(id="no", label="No", value=f"/link no {link_id}", danger=True),
        ),
    )
    return Reply(card=card, private_to=to.identity)


def _linked(merged: Merged | None) -> str:
    text = "Both accounts are one person now: what one may do, the other may, too. `/link remove` parts them again."
    if merged is not None and merged.dropped_role:
        text += f" The role {merged.dropped_role} was not kept beside {merged.role}: ask an owner for it."
    return text
