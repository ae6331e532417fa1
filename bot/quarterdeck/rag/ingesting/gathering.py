"""Say what a kind of source must do: name its documents one after the other, their bytes on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from quarterdeck.core.knowledge import KnownDocument
from quarterdeck.core.sourcing import KnowledgeSource
from quarterdeck.core.value import dataclass
from quarterdeck.rag.reading.sources import Item

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json
    from quarterdeck.rag.reading.desk import ReadingDesk


@dataclass(slots=True)
class Round:
    """Hold one sync of one source.

    `known` are its documents by path. `staging` is an empty folder: files there are deleted once they are read.
    `cursor` is what the source remembered; what it holds at the end is kept. `total` is how many documents there are,
    0 while nobody knows. `below` narrows the round down to what lies at or below a path.
    """

    source: KnowledgeSource
    known: Mapping[str, KnownDocument]
    staging: Path
    desk: ReadingDesk
    cursor: dict[str, Json] = field(default_factory=dict)
    total: int = 0
    below: str = ""


class Gathering(Protocol):
    """Gather documents of one kind of source."""

    @property
    def keeps_absent(self) -> bool:
        """Tell whether a document that is not named any more stays, as an entry that fell off a feed."""

    def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield every document there is.

        Raises:
            UsageError: there is no such place.
            QuarterdeckError: it cannot be reached now; what was read before stays.
        """

    def is_gone(self, source: KnowledgeSource) -> bool:
        """Tell, after there was no such place, whether it was deleted for good, and its documents with it."""

    def forget(self, source: KnowledgeSource) -> None:
        """Delete what the bot holds of a source besides its documents: a copy of a repository, an uploaded file."""
