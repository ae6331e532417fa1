"""Say who may approve, and to approvers what came of their word."""

from __future__ import annotations

from quarterdeck.core.approval import ASKER, TOOL, Approval
from quarterdeck.core.person import Person


def why_not(approval: Approval, person: Person) -> str:
    """Say why this person may not approve, empty when they may."""
    if person.id == approval.asker_id or str(approval.asker) in person.identities:
        if ASKER in approval.by and approval.subject.startswith(TOOL):
            return ""
        return "You asked for this yourself, so somebody else must approve it."
    for one in approval.by:
        kind, _, name = one.partition(":")
        if (kind == "role" and person.has_role(name)) or (kind == "group" and name in person.groups):
            return ""
    if ASKER in approval.by:
        return (
            f"Only {approval.asker_name or approval.asker}, in whose name it is asked for, may approve this."
        )
    return f"Only {' or '.join(one.replace(':', ' ', 1) for one in approval.by)} may approve this."


def said(approval: Approval, agrees: bool) -> str:
    count = sum(vote.agrees for vote in approval.votes)
    if approval.state == "pending":
        return f"Counted: {count} of {approval.quorum} have agreed to {approval.id}."
    return f"{approval.id} is {'approved; it runs now' if agrees else 'denied'}."
