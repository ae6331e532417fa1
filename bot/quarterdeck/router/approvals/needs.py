"""Name what the desk of approvals needs of others: rows on disk, a way to show cards, the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from quarterdeck.core.approval import Approval, ApprovalState, Vote
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Reply


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
