"""Hold a rule in the form in which it is tried: a few small tests, each with the words that say why it failed."""

from __future__ import annotations

from collections.abc import Callable

from quarterdeck.core.access import AccessRequest, ApprovalRule, Considered, Decision
from quarterdeck.core.value import dataclass

Test = Callable[[AccessRequest, frozenset[str]], bool]
"""Tell whether a request fits; the second value holds the roles that the person has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Pair a test with what it asks for, in words."""

    asks: str
    test: Test


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Allow or deny what fits. `place` is file and line; `decision` is what it answers, made once."""

    name: str
    place: str
    allows: bool
    actions: tuple[Callable[[str], bool], ...]
    conditions: tuple[Condition, ...]
    tests: tuple[Test, ...]
    decision: Decision
    approval: ApprovalRule | None = None
    say: str = ""

    def is_about(self, action: str) -> bool:
        """Tell whether the rule is about an action at all."""
        return any(fits(action) for fits in self.actions)

    def fits(self, request: AccessRequest, held: frozenset[str]) -> bool:
        """Tell whether every condition holds."""
        for test in self.tests:  # noqa: SIM110  a loop costs half of all() with a generator
            if not test(request, held):
                return False
        return True

    def considered(self, request: AccessRequest, held: frozenset[str]) -> Considered:
        """Say whether it fits, and why not."""
        failed = next((one.asks for one in self.conditions if not one.test(request, held)), None)
        verdict = (
            "it denies this"
            if not self.allows
            else "it asks for an approval"
            if self.approval
            else "it allows this"
        )
        return Considered(
            rule=self.name,
            place=self.place,
            fits=failed is None,
            why=verdict if failed is None else f"it asks for {failed}",
        )
