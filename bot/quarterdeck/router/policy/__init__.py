"""Decide who may do what. There is no other place that does.

Deny by default: somebody without a role may nothing; every command and operation names the least role that may
run it; each role includes the ones below it (viewer < operator < editor < admin < owner).
"""

from __future__ import annotations

from quarterdeck.core.command import Command
from quarterdeck.core.person import ROLES
from quarterdeck.core.ports import AccessRequest, Decision

STRANGER = "I do not know you yet. Ask the people who run this bot to let you in."
"""The one fixed sentence for people without a role; it says nothing of what there is."""

VIEWERS_MAY = frozenset({"help", "ping", "echo", "ask", "whoami", "why", "link"})
"""The commands of a viewer; nobody widens this by forgetting to write `allow` in a command's file."""


class RolePolicy:
    """Allow by role (the `Authoriser` port)."""

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide; never raises for a refusal."""
        person, least = request.person, _least_role(request)
        if not person.has_role("viewer"):
            return Decision(allowed=False, rule="no role", reason=STRANGER)
        if least in ROLES and person.has_role(least):
            return Decision(allowed=True, rule=f"role {person.role} includes {least}")
        what = request.action.replace("command:", "/").replace("operation:", "")
        return Decision(
            allowed=False,
            rule=f"{what} needs the role {least}",
            reason=f"You may not use {what}: it needs the role {least}, and yours is {person.role}.",
        )


def least_role(command: Command) -> str:
    """Return the role that a command needs; one that is not for viewers needs `operator` at the least."""
    return _least(command.name, command.allow)


def _least_role(request: AccessRequest) -> str:
    kind, _, name = request.action.partition(":")
    return _least(name, request.least_role) if kind == "command" else request.least_role


def _least(name: str, declared: str) -> str:
    return "operator" if declared == "viewer" and name not in VIEWERS_MAY else declared
