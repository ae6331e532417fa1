"""Line up parts that wait to go out, so that a newer form can take the place of an older one before it has gone."""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import Self

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.delivery import Outgoing
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.value import dataclass

MOST_IN_MEMORY = 1_000  # parts with their text; what waits behind so many is read from the disk again


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    """Hold a place in a conversation's line. `row` is None where it is read when its turn comes.

    `has_begun`: its present content is on its way. `changing`: its content is being replaced on disk just now.
    `arrived`: it was sent, and only that is still to be written down. A sketch is no part but a view of the unfinished
    one that it `replaces`; it goes out when there is room for it, or never: `over` is set then, `was_drawn` says which.
    """

    id: str
    conversation: Conversation
    row: Outgoing | None = None
    replaces: str = ""
    has_begun: bool = False
    was_put_back: bool = False
    is_buried: bool = False
    changing: asyncio.Event | None = None
    arrived: Message | None = None
    sketch: Rendered | None = None
    was_drawn: bool = False
    over: asyncio.Event | None = None
    names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, row: Outgoing) -> Self:
        """Return the place of a part; it has begun when it is stored as being sent."""
        return cls(
            id=row.id,
            conversation=row.conversation,
            row=row,
            replaces=row.replaces,
            has_begun=row.state == "sending",
        )


class Entries:
    """Find entries by the part that they are, were, or change."""

    def __init__(self) -> None:
        self._of_part: dict[str, Entry] = {}
        self._of_change: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Take an entry in; far behind in a long queue it keeps no text in memory."""
        if len(self._of_part) >= MOST_IN_MEMORY and not entry.has_begun:
            entry.row = None
        self._of_part[entry.id] = entry
        if entry.replaces:
            self._of_change[entry.replaces] = entry

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        for name in (entry.id, *entry.names):
            self._of_part.pop(name, None)
        if entry.replaces and self._of_change.get(entry.replaces) is entry:
            del self._of_change[entry.replaces]

    def waits(self, row_id: str) -> bool:
        """Tell whether a part waits or is on its way."""
        return row_id in self._of_part

    def is_changing(self, row_id: str) -> bool:
        """Tell whether a change of this part waits or is on its way."""
        return row_id in self._of_change

    def outdated_by(self, change: Outgoing) -> Entry | None:
        """Return what need not go out any more once `change` is there, None where all of it has begun."""
        for entry in (self._of_change.get(change.replaces), self._of_part.get(change.replaces)):
            if entry is not None and not entry.has_begun and entry.changing is None:
                return entry
        return None

    def replace(self, entry: Entry, row: Outgoing) -> None:
        """Give an entry's place in the line to another part; it stays known by its old name too."""
        entry.names.append(entry.id)
        entry.id, entry.row = row.id, row
        self._of_part[row.id] = entry

    def bury(self, conversation_id: str) -> None:
        """Let nothing of a conversation go out that waits now."""
        for entry in self._of_part.values():
            if entry.conversation.id == conversation_id and not entry.has_begun:
                entry.is_buried = True
