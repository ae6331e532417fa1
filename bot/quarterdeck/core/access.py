"""Ask who somebody is and what they may do; nothing here decides.

`router/policy` decides, `router/people/identity.py` knows people, `router/linking` makes two accounts one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import datetime
from typing import Literal, Protocol

from quarterdeck.core.command import Command
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

Way = Literal[
    "message",
    "edit",
    "reaction",
    "button",
    "form",
    "native",
    "schedule",
    "webhook",
    "cli",
    "http",
    "tool",
    "mcp",
    "workflow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """Ask whether `person` may do `action` (`command:ask`, `operation:knowledge.add`, `collection:handbook` …).

    `least_role` is what the command or operation itself asks for. `arguments` None: not known yet; then the answer
    is whether there are any with which they may. `is_glance`: only to know what to offer; nobody is told why not, so
    a refusal carries no reasons.
    """

    person: Person
    identity: Identity
    action: str
    way: Way
    conversation: Conversation | None = None
    least_role: str = "owner"
    effect: str = "none"
    arguments: Mapping[str, object] | None = field(default_factory=dict)
    is_glance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Ask that others agree first: `quorum` of `by` (each `role:NAME` or `group:NAME`), within `within_s` seconds."""

    by: tuple[str, ...]
    quorum: int = 1
    within_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """Show one rule that was looked at: what it is called, where it stands, whether it fits and why (not)."""

    rule: str
    place: str
    fits: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Answer an access request; `rule` names what decided, `reason` is a sentence for the person.

    With `needs_approval` it is not allowed now, but will be once the approvers have agreed: who knows nothing of
    approvals reads a refusal. `trace` holds the rules that were looked at, of refusals only.
    """

    allowed: bool
    rule: str
    reason: str = ""
    needs_approval: ApprovalRule | None = None
    trace: tuple[Considered, ...] = ()

    def on_record(self) -> dict[str, object]:
        """Return what the audit record keeps of it; why, where it said no."""
        kept: dict[str, object] = {"allowed": self.allowed, "rule": self.rule}
        if self.trace:
            kept["trace"] = [asdict(one) for one in self.trace]
        if self.needs_approval is not None:
            kept["approvers"] = list(self.needs_approval.by)
        return kept


class Authoriser(Protocol):
    """Decide who may do what: the only place that does, for every way in and every effect."""

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide; never raises for a refusal."""


async def may(
    authoriser: Authoriser,
    command: Command,
    *,
    person: Person,
    identity: Identity,
    conversation: Conversation | None = None,
    way: Way = "message",
) -> bool:
    """Tell whether to offer `command` to somebody: with some arguments they may run it, or may ask to.

    Help, completion and menus ask this; running asks again, with the arguments.
    """
    decision = await authoriser.authorise(
        AccessRequest(
            person=person,
            identity=identity,
            action=f"command:{command.name}",
            way=way,
            conversation=conversation,
            least_role=command.allow,
            effect=command.effect,
            arguments=None,
            is_glance=True,
        )
    )
    return decision.allowed or decision.needs_approval is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Show a decision that said no: the rules that were looked at, in order, and who could approve it."""

    action: str
    way: str
    rule: str
    at: datetime
    trace: tuple[Considered, ...] = ()
    approvers: tuple[str, ...] = ()


class Decisions(Protocol):
    """Remember what the authoriser decided."""

    async def last_refusal(self, person_id: str) -> Refusal | None:
        """Return the newest refusal of this person, or None."""


class People(Protocol):
    """Know who stands behind an account."""

    async def person_of(
        self, identity: Identity, name: str = "", groups: frozenset[str] | None = None
    ) -> Person:
        """Return the person; somebody never met gets the default role and is not stored.

        `groups` are the platform's groups that an event proves (`Event.groups`).
        """

    async def stewards(self) -> tuple[str, ...]:
        """Name those who can change what others may do: owners and admins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Say who wants to link their account, from where, by which event; `event_id` makes doing it twice once."""

    person: Person
    identity: Identity
    name: str
    conversation: Conversation
    event_id: str


class Linking(Protocol):
    """Make two accounts one person, once both have agreed; and part them again."""

    async def begin(self, asker: Asker) -> Reply:
        """Answer with a code that the other account gives within ten minutes."""

    async def claim(self, asker: Asker, code: str) -> Reply:
        """Take a code; both accounts are then shown the other one, and asked."""

    async def answer(self, asker: Asker, link_id: str, *, agrees: bool) -> Reply:
        """Agree or refuse for one of the two accounts; the second that agrees makes them one person."""

    async def remove(self, asker: Asker, identity: str) -> Reply:
        """Take an account of the asker's own from them; an empty `identity` is the one that asks."""

    async def addresses(self, person: Person) -> Mapping[str, str]:
        """Return the mail addresses by which some of a person's accounts became theirs, by account."""
