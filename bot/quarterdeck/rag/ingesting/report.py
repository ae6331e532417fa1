"""Count what reading the sources did."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json


@dataclass(slots=True)
class Report:
    """Count what one ingest did; `missing` are sources out of reach, whose documents were kept."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """Return what `knowledge add --json` prints."""
        return {
            "added": self.added,
            "changed": self.changed,
            "moved": self.moved,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "chunks": self.chunks,
            "failed": [{"document": name, "reason": reason} for name, reason in self.failed],
            "missing": list(self.missing),
        }
