"""Turn references to secrets into their values, and nothing else into anything.

Settings hold references only: `env:NAME` (the environment or `.env`) and `secret:NAME` (the vault). A value
is registered for redaction before anybody gets it. There is no fallback from one place to another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from quarterdeck.core.errors import KeyMissing, SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.observability.redaction import Redactor

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_PLACEHOLDER: Final = re.compile(
    r"(?ix) change[-_\ ]?me .* | changeit | replace[-_\ ]?me .* | your[-_\ ].*"
    r" | (?:put|insert|enter)[-_\ ].*[-_\ ]here | <[^<>]*> | \$\{[^}]*\} | \{\{[^}]*\}\}"
    r" | (?:[a-z]+-)?x{3,}(?:[-_]x{3,})* | [*.•]{3,} | todo | tbd | fixme | placeholder | dummy"
    r" | example | sample | secret | password | token | key | test | default | none | null | nil | undefined"
)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Name where a secret is kept."""

    place: Literal["env", "secret"]
    name: str

    def __str__(self) -> str:
        return f"{self.place}:{self.name}"

    @classmethod
    def parse(cls, value: object) -> SecretRef:
        """Read `env:NAME` or `secret:NAME`.

        Raises:
            SetupError: it is a literal secret, blank or something else; the value is never repeated.
        """
        if isinstance(value, SecretRef):
            return value
        if not isinstance(value, str):
            raise SetupError(
                "a secret must be a reference, and this is not even text",
                hint="write env:NAME or secret:NAME; leave the line out to switch this off",
            )
        place, _, name = value.partition(":")
        if place in ("env", "secret") and NAME.fullmatch(name):
            return cls("env" if place == "env" else "secret", name)
        if not value.strip():
            raise SetupError(
                "the secret is blank",
                hint="write env:NAME or secret:NAME, or leave the line out to switch this off",
            )
        if place in ("env", "secret"):
            raise SetupError(
                f"the reference names no valid {place} name",
                hint=f"write {place}:NAME with letters, digits and underscores",
            )
        raise SetupError(
            "a secret is written out here; settings hold references only",
            hint="run `quarterdeck secret set NAME` and write secret:NAME here, or put it in a variable"
            " and write env:NAME",
        )


def why_unusable(value: str) -> str:
    """Say why `value` cannot be a secret (`empty`, `blank`, `a placeholder`); empty text when it can."""
    if not value:
        return "empty"
    if not value.strip():
        return "blank"
    if _PLACEHOLDER.fullmatch(value.strip()):
        return "a placeholder"
    return ""


class Resolver:
    """Hand out secret values by reference. The vault's content is offered to it when the store is open."""

    def __init__(self, environ: Mapping[str, str], redactor: Redactor) -> None:
        self._environ, self._redactor = environ, redactor
        self._vault: dict[str, str] = {}

    def offer(self, name: str, value: str) -> None:
        """Make the vault's secret `name` known, or replace its value."""
        self._redactor.add(value)
        self._vault[name] = value

    def withdraw(self, name: str) -> None:
        """Forget the vault's secret `name`; its old value stays masked."""
        self._vault.pop(name, None)

    def get(self, ref: SecretRef) -> str:
        """Return the value.

        Raises:
            KeyMissing: nothing has this name.
            SetupError: the value is blank or a placeholder.
        """
        known = self._environ if ref.place == "env" else self._vault
        value = known.get(ref.name)
        if value is None:
            raise KeyMissing(f"{ref} is not set", env_name=ref.name, hint=self._hint(ref))
        if reason := why_unusable(value):
            raise SetupError(f"{ref} is {reason}", hint=_set_hint(ref), key=ref.name)
        self._redactor.add(value)
        return value.strip()

    def has(self, ref: SecretRef) -> bool:
        """Tell whether `get` would return a value."""
        value = (self._environ if ref.place == "env" else self._vault).get(ref.name)
        return value is not None and not why_unusable(value)

    def _hint(self, ref: SecretRef) -> str:
        known = self._environ if ref.place == "env" else self._vault
        guess = did_you_mean(ref.name, known)
        return f"{_set_hint(ref)}; {guess}" if guess else _set_hint(ref)


def _set_hint(ref: SecretRef) -> str:
    if ref.place == "env":
        return f"set the variable {ref.name}, in the environment or in .env"
    return f"run `quarterdeck secret set {ref.name}`"
