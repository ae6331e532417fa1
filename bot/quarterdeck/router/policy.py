"""Decide who may do what. There is no other place that does.

Deny by default: somebody without a role may nothing; every command and operation names the least role that may
run it; each role includes the ones below it (viewer < operator < editor < admin < owner).
"""

from __future__ import annotations

from quarterdeck.core.ports import AccessRequest, Decision

STRANGER = "I do not know you yet. Ask the people who run this bot to let you in."
"""The one fixed sentence for people without a role; it says nothing of what there is."""


class RolePolicy:
    """Allow by role (the `Authoriser` port)."""

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide; never raises for a refusal."""
        person, least = request.person, request.least_role
        if not person.has_role("viewer"):
            return Decision(allowed=False, rule="no role", reason=STRANGER)
        if person.has_role(least):
            return Decision(allowed=True, rule=f"role {person.role} includes {least}")
        what = request.action.replace("command:", "/").replace("operation:", "")
        return Decision(
            allowed=False,
            rule=f"{what} needs the role {least}",
            reason=f"You may not use {what}: it needs the role {least}, and yours is {person.role}.",
        )
