"""Answer access requests by the policy of the moment (the `Authoriser` port)."""

from __future__ import annotations

from quarterdeck.core.access import AccessRequest, Decision
from quarterdeck.router.policy.groups import GroupMap
from quarterdeck.router.policy.policy import Policy
from quarterdeck.router.policy.reading import read_policy


class Authority:
    """Hold the present policy; without one, ours as it is shipped."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or read_policy()

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide; never raises for a refusal."""
        return self.policy.decide(request)

    def groups(self) -> GroupMap:
        """Return the present policy's groups of people."""
        return self.policy.groups
