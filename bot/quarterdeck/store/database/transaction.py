"""Keep values for the length of one transaction, so that jobs that share a commit can share work.

The audit chain reads its head and writes it back once a commit, however many rows join in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Final

from sqlalchemy import Connection

from quarterdeck.core.value import dataclass

_NAME: Final = (
    "quarterdeck_scratch"  # an attribute of the connection: its `info` costs twenty times as much to reach
)

BeforeCommit = Callable[[Connection, object], None]


@dataclass(slots=True)
class Scratch:
    """Hold values by name; each may have a call that runs with the value once, right before the commit.

    `known` are names of rows that are there for good; it outlives the transaction unless that fails.
    """

    values: dict[str, object] = field(default_factory=dict)
    before_commit: dict[str, BeforeCommit] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def copy(self) -> Scratch:
        """Return one that changes apart from this one; values themselves must be immutable."""
        return Scratch(dict(self.values), dict(self.before_commit), set(self.known))


def scratch(connection: Connection) -> Scratch:
    """Return the present transaction's scratch; only inside a job of `Store.write`."""
    found = getattr(connection, _NAME)
    assert isinstance(found, Scratch)
    return found


def use(connection: Connection, new: Scratch) -> None:
    """Make `new` the scratch of this connection; only the store does this, at each begin and roll-back."""
    setattr(connection, _NAME, new)


def finish(connection: Connection) -> None:
    """Run what is due before the commit."""
    present = scratch(connection)
    for name, call in present.before_commit.items():
        call(connection, present.values[name])
