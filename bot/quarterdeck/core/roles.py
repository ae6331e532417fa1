"""Know which roles there are and what each includes: the five of the ladder, and the owner's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quarterdeck.core.errors import SetupError
from quarterdeck.core.person import LADDER, NO_ROLES, ROLES
from quarterdeck.core.text import did_you_mean

NOBODY = "none"


class Roles:
    """Answer for each role which ones it includes, itself among them."""

    def __init__(self, own: Mapping[str, Sequence[str]] | None = None) -> None:
        """`own` gives each own role the roles that it includes.

        Raises:
            SetupError: an own role has the name of ours, includes one that does not exist, or itself.
        """
        self._own = dict(own or {})
        self._included: dict[str, frozenset[str]] = dict(LADDER)
        for name in self._own:
            self._included[name] = self._closure(name, ())

    def names(self) -> tuple[str, ...]:
        """Return every role, ours first."""
        return (*ROLES, *self._own)

    def of(self, role: str) -> frozenset[str]:
        """Return the roles that `role` includes; none for one that does not exist (any more)."""
        return self._included.get(role, NO_ROLES)

    def together(self, roles: Iterable[str]) -> frozenset[str]:
        """Return the roles that somebody with all of `roles` has."""
        return NO_ROLES.union(*map(self.of, roles))

    def higher(self, one: str, other: str) -> str | None:
        """Return the role that includes the other; None where neither does."""
        if self.of(other) <= self.of(one):
            return one
        return other if self.of(one) <= self.of(other) else None

    def _closure(self, name: str, above: tuple[str, ...]) -> frozenset[str]:
        if name in LADDER and name not in self._own:
            return LADDER[name]
        where = f"access.roles.{above[-1] if above else name}"
        if name in ROLES or name == NOBODY:
            raise SetupError(f"{where}: {name!r} is one of our roles", hint="call it otherwise", key=where)
        if name not in self._own:
            known = [*ROLES, *self._own]
            hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
            raise SetupError(f"{where} includes {name!r}, which is no role", hint=hint, key=where)
        if name in above:
            raise SetupError(f"{where}: {name!r} includes itself", hint="take one of the two out", key=where)
        below = (self._closure(inner, (*above, name)) for inner in self._own[name])
        return frozenset({name}).union(*below)
