"""Decide whether a model may use a tool for somebody: the policy, and what the model has read so far.

The person's rights apply. A tool that stands for something else (a command, a workflow) needs the right to that, too;
the strictest answer counts. Once a run has read what strangers may have written, whatever changes something or carries
words outside needs a person's consent, however freely the policy allows it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from quarterdeck.core.access import AccessRequest, ApprovalRule, Authoriser, Decision
from quarterdeck.core.approval import ASKER, TOOL
from quarterdeck.core.tool import Talk, Usable
from quarterdeck.core.value import dataclass

CONSENT = ApprovalRule(by=(ASKER,))
TAINTED = "the model has read what strangers may have written"
READS = ("none", "read")


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Say yes, no, or not before somebody agrees."""

    allowed: bool
    rule: str
    reason: str = ""
    needs: ApprovalRule | None = None


class ToolRights:
    """Ask the authoriser."""

    def __init__(self, authoriser: Authoriser, record: Record) -> None:
        self._authoriser, self._record = authoriser, record

    async def look(self, usable: Usable, talk: Talk) -> Verdict:
        """Say whether to offer a tool: with some arguments the person may use it, or may ask to."""
        decisions = [await self._ask(action, usable, talk, None) for action in _actions(usable)]
        return _together(decisions)

    async def decide(
        self, usable: Usable, talk: Talk, arguments: Mapping[str, object], *, is_tainted: bool
    ) -> Verdict:
        """Decide about one call, and put each decision on record before anything is done."""
        decisions = []
        for action in _actions(usable):
            decision = await self._ask(action, usable, talk, arguments)
            decisions.append(decision)
            await self._note(action, talk, decision)
            if not decision.allowed and decision.needs_approval is None:
                break
        verdict = _together(decisions)
        if verdict.allowed and is_tainted and reaches_out(usable):
            decision = Decision(allowed=False, rule=TAINTED, needs_approval=CONSENT)
            await self._note(_actions(usable)[0], talk, decision)
            return Verdict(allowed=False, rule=TAINTED, needs=CONSENT, reason=TAINTED)
        return verdict

    async def _ask(
        self, action: str, usable: Usable, talk: Talk, arguments: Mapping[str, object] | None
    ) -> Decision:
        return await self._authoriser.authorise(
            AccessRequest(
                person=talk.person,
                identity=talk.identity,
                action=action,
                way="tool",
                conversation=talk.conversation,
                least_role=usable.least_role,
                effect=usable.effect,
                arguments=arguments,
                is_glance=arguments is None,
            )
        )

    async def _note(self, action: str, talk: Talk, decision: Decision) -> None:
        detail = {
            "event": talk.event,
            "identity": str(talk.identity),
            "conversation": talk.conversation.id,
            "action": action[:200],
            "way": "tool",
            **decision.on_record(),
        }
        await self._record.append("decision", detail, person_id=talk.person.id)


def reaches_out(usable: Usable) -> bool:
    """Tell whether a tool changes something, or carries words to places outside."""
    return usable.effect not in READS or usable.is_outward


def version_of(usable: Usable) -> str:
    """Return the hash of what a tool says it is: an approval is for that, and for no later form of it."""
    told = [usable.name, usable.summary, usable.schema, usable.effect, usable.requires]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _actions(usable: Usable) -> tuple[str, ...]:
    return (f"{TOOL}{usable.name}", *usable.requires)


def _together(decisions: Sequence[Decision]) -> Verdict:
    """Return the strictest: a no, then an approval by others, then the consent of who asks, then a yes."""
    for one in decisions:
        if not one.allowed and one.needs_approval is None:
            return Verdict(allowed=False, rule=one.rule, reason=one.reason)
    asking = [one for one in decisions if one.needs_approval is not None]
    if not asking:
        return Verdict(allowed=True, rule=decisions[0].rule)
    others = [one for one in asking if one.needs_approval is not None and ASKER not in one.needs_approval.by]
    if len({one.needs_approval for one in others}) > 1:
        reason = "Two rules ask different people to approve this, so nobody can: " + ", ".join(
            one.rule for one in others
        )
        return Verdict(allowed=False, rule=others[0].rule, reason=reason)
    first = (others or asking)[0]
    return Verdict(allowed=False, rule=first.rule, reason=first.reason, needs=first.needs_approval)
