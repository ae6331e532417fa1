"""Read what a server says of a tool, pin it by a hash, and show how it differs from what was approved."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Final

from quarterdeck.core.text import printable
from quarterdeck.core.value import dataclass

NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LARGEST: Final = 64 * 1024  # characters of one definition, as JSON
DEEPEST: Final = 40
DIGEST_SHOWN: Final = 12
PINNED: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, kw_only=True)
class Definition:
    """Hold what a server says of one tool. `origin` is the program or address that says so: part of what is pinned."""

    origin: str
    document: Mapping[str, object] = field(repr=False)

    @classmethod
    def of(cls, origin: str, said: Mapping[str, object]) -> Definition:
        """Keep what is pinned of what a server said."""
        return cls(origin=origin, document={key: said[key] for key in PINNED if said.get(key) is not None})

    @property
    def name(self) -> str:
        """Return the server's own name of the tool."""
        return str(self.document.get("name", ""))

    @cached_property
    def digest(self) -> str:
        """Return the hash of all that was said, and of who said it."""
        return digest_of([self.origin, self.document])

    @property
    def schema(self) -> Mapping[str, object]:
        """Return the JSON Schema of the arguments."""
        schema = self.document.get("inputSchema")
        return schema if isinstance(schema, Mapping) else {"type": "object"}

    @property
    def about(self) -> str:
        """Return the description, every control and invisible character spelled out."""
        return printable(str(self.document.get("description") or self.document.get("title") or ""))

    @property
    def claims(self) -> Mapping[str, object]:
        """Return what the server says of the tool's effects."""
        claims = self.document.get("annotations")
        return claims if isinstance(claims, Mapping) else {}

    @property
    def says_it_writes(self) -> bool:
        """Tell whether the server itself says that the tool changes something."""
        return self.claims.get("readOnlyHint") is False or self.claims.get("destructiveHint") is True

    @cached_property
    def fault(self) -> str:
        """Say why the tool has no form that could be offered; empty when it has."""
        if not NAME.fullmatch(self.name):
            return "its name holds other characters than letters, digits, _ . and -, or more than 64"
        if len(_spelled(self.document)) > LARGEST:
            return f"what it says of itself is longer than {LARGEST:,} characters"
        if self.schema.get("type", "object") != "object" or _depth(self.schema) > DEEPEST:
            return "its arguments are no object, or nested too deeply"
        return ""

    def to_json(self) -> dict[str, object]:
        """Return it as it is kept."""
        return {"origin": self.origin, "document": dict(self.document)}

    def lines(self) -> list[str]:
        """Return it as people read it, line by line; nothing in it can move a cursor or hide."""
        shown = json.dumps(
            {"from": self.origin, **self.document}, indent=2, sort_keys=True, ensure_ascii=False
        )
        return printable(shown.replace("\\n", "\n    ")).splitlines()


def difference(before: Definition, after: Definition) -> str:
    """Return what changed, as a unified diff."""
    lines = difflib.unified_diff(before.lines(), after.lines(), "approved", "now", lineterm="", n=2)
    return "\n".join(lines)


def digest_of(value: object) -> str:
    """Return the hash of plain JSON."""
    return hashlib.sha256(_spelled(value).encode()).hexdigest()


def together(digests: Sequence[str]) -> str:
    """Return one hash for several."""
    return digest_of(sorted(digests)) if digests else ""


def _spelled(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEEPEST:
        deepest += 1
        held = [
            one.values() if isinstance(one, Mapping) else one
            for one in level
            if isinstance(one, Mapping | list)
        ]
        level = [item for items in held for item in items]
    return deepest
