"""Ask others before something is done: what is asked, who said what, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from quarterdeck.core.access import Way
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.reply import Reply

ApprovalState = Literal["pending", "granted", "denied", "expired", "done", "failed", "refused"]
ORIGIN = "approval"


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
    approvers, each `role:NAME` or `group:NAME`; a person never approves what they asked for themselves.
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
