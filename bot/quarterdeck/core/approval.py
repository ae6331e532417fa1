"""Ask others before something is done: what is asked, who said what, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

from quarterdeck.core.access import ApprovalRule, Way
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

ApprovalState = Literal["pending", "granted", "denied", "expired", "done", "failed", "refused"]
ORIGIN = "approval"
ASKER = "asker"
TOOL = "tool:"
"""Begins the subject of what a model wants to use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """Hold what one approver said."""

    person_id: str
    identity: Identity
    name: str
    agrees: bool
    comment: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Hold one request. `arguments` is canonical JSON, `digest` its hash together with the subject and the asker.

    `subject` is what will be done, `command:deploy`; `version` of a workflow is its definition's hash. `by` are the
    approvers, each `role:NAME` or `group:NAME`; a person never approves what they asked for themselves. What a model
    asks for in their name (`tool:NAME`) they may approve where `by` has `asker`.
    """

    id: str
    subject: str
    version: str
    arguments: str
    digest: str
    asker: Identity
    asker_id: str
    asker_name: str
    conversation: Conversation
    way: Way
    rule: str
    by: tuple[str, ...]
    quorum: int
    state: ApprovalState
    asked_at_ms: int
    expires_at_ms: int
    event_key: str
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """Say who speaks on an approval, from where; `digest` is what a button carried, empty when it was typed."""

    person: Person
    identity: Identity
    event_id: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Ask for an approval of something that waits elsewhere for the word, such as a step of a run.

    `key` is the same when it is asked again; `arguments` is all that approvers are to see.
    """

    subject: str
    version: str
    arguments: Mapping[str, object]
    person: Person
    identity: Identity
    conversation: Conversation
    needs: ApprovalRule
    rule: str
    key: str
    way: Way = "workflow"


Decided = Callable[[Approval], Awaitable[None]]
"""Hear that a request was granted, denied or has expired."""


class Requests(Protocol):
    """Ask for approvals that do not carry themselves out, and learn what became of them."""

    def on_decided(self, prefix: str, listener: Decided) -> None:
        """Await `listener` for each decided request whose key begins with `prefix`; after a restart once more."""

    async def request(self, asked: Asked) -> Approval:
        """Ask, and show the card; the same key asks once.

        Raises:
            UsageError: it is too long for a card to show all of it.
        """

    async def verdict(self, approval_id: str, needs: ApprovalRule) -> Approval:
        """Return a request as it is now. A granted one whose approvers have lost the right is refused.

        Raises:
            NotFound: there is no such request.
        """

    async def close(self, approval_id: str, state: ApprovalState) -> None:
        """Write down what became of a granted request, and show it."""

    async def withdraw(self, key: str) -> None:
        """End the pending request of this key: nobody waits for it any more."""


class Approvals(Protocol):
    """Take the word of approvers."""

    async def pending(self, person: Person) -> list[Approval]:
        """Return what this person may approve now, oldest first."""

    async def vote(self, approval_id: str, voter: Voter, *, agrees: bool, comment: str = "") -> Reply:
        """Count a word; the one that makes the quorum has the thing done.

        Raises:
            NotFound: there is no such request.
            Denied: this person may not approve it.
            UsageError: it is decided already, or not what the button stood for.
        """
