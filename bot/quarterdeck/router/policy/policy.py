"""Decide by rules: tried from the top, the first one that fits decides, and when none fits the answer is no.

Rules are compiled once, and looked up by action: what is left for each request is a few comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quarterdeck.core.access import AccessRequest, Considered, Decision
from quarterdeck.core.approval import ASKER
from quarterdeck.core.person import LADDER, ROLES
from quarterdeck.router.policy.groups import GroupMap
from quarterdeck.router.policy.rule import Rule

STRANGER = "I do not know you yet. Ask the people who run this bot to let you in."
"""The one fixed sentence for people without a role; it says nothing of what there is."""

MOST_ACTIONS = 4096  # remembered; names that people make up are actions too

TRACE_SHOWN = 30
UNTOLD = Decision(allowed=False, rule="not offered")


class Policy:
    """Hold rules in their order. Never changed: a new one takes its place."""

    def __init__(self, rules: Sequence[Rule], groups: GroupMap | None = None) -> None:
        self.rules, self.groups = tuple(rules), groups or GroupMap()
        self._about: dict[str, tuple[Rule, ...]] = {}

    def decide(self, request: AccessRequest) -> Decision:
        """Decide; a refusal says why, and carries the rules that were looked at."""
        held = request.person.held()
        for rule in self._about.get(request.action) or self._rules_about(request.action):
            if rule.fits(request, held):
                return rule.decision if rule.decision.allowed else self._refuse(request, held, rule)
        return self._refuse(request, held, None)

    def trace(self, request: AccessRequest) -> tuple[Considered, ...]:
        """Return every rule about the action up to the one that decides, each with why it fits or not."""
        held, found = request.person.held(), list[Considered]()
        for rule in self._rules_about(request.action):
            found.append(rule.considered(request, held))
            if found[-1].fits:
                break
        return tuple(found)

    def _rules_about(self, action: str) -> tuple[Rule, ...]:
        found = self._about.get(action)
        if found is None:
            if len(self._about) >= MOST_ACTIONS:
                self._about.clear()
            found = self._about[action] = tuple(rule for rule in self.rules if rule.is_about(action))
        return found

    def _refuse(self, request: AccessRequest, held: frozenset[str], rule: Rule | None) -> Decision:
        """Say no, or not yet, in words for the person: to strangers always the same ones."""
        if request.is_glance:
            return rule.decision if rule is not None else UNTOLD
        trace = self.trace(request)[:TRACE_SHOWN]
        label = rule.decision.rule if rule is not None else ""
        what = spoken(request.action)
        if rule is not None and rule.approval is not None:
            who = " or ".join("the one who asks" if one == ASKER else one for one in rule.approval.by)
            reason = rule.say or f"{what} needs an approval first: {rule.approval.quorum} of {who}."
            return replace(rule.decision, reason=reason, trace=trace)
        if ROLES[0] not in held:
            return Decision(allowed=False, rule=label or "no role", reason=STRANGER, trace=trace)
        if rule is None:
            return replace(self._refuse_unfit(request, what), trace=trace)
        reason = rule.say or f"You may not use {what}: the rule “{rule.name}” forbids it."
        return Decision(allowed=False, rule=label, reason=reason, trace=trace)

    def _refuse_unfit(self, request: AccessRequest, what: str) -> Decision:
        """Say which role would do, where one would; otherwise that no rule fits."""
        for role in ROLES:
            held = LADDER[role] | request.person.held()
            decider = next(
                (rule for rule in self._rules_about(request.action) if rule.fits(request, held)), None
            )
            if decider is not None and decider.allows:
                yours = request.person.role
                return Decision(
                    allowed=False,
                    rule=f"{what} needs the role {role}",
                    reason=f"You may not use {what}: it needs the role {role}, and yours is {yours}.",
                )
        return Decision(
            allowed=False,
            rule=f"no rule allows {what}",
            reason=f"You may not use {what} like this: no rule allows it. /why shows which ones there are.",
        )


def spoken(action: str) -> str:
    """Return an action as people call it: `/deploy`, `delivery.retry`."""
    return action.replace("command:", "/", 1).replace("operation:", "", 1).replace("tool:", "the tool ", 1)
