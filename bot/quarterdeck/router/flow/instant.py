"""Answer instant commands before their event is on disk, so that event, decision and answer are one commit.

Nothing is lost by that: such a command changes nothing, and the platform gets its acknowledgement after the commit as
ever. What turns out to wait for something is dropped and begun once more the ordinary way, as after a crash.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TypeVar

from quarterdeck.core.command import Command
from quarterdeck.core.event import Event, Invoked, Posted
from quarterdeck.core.ports import Commands
from quarterdeck.router.addressing import Wish

PATIENCE = 3  # times in a row that a command may wait, before it is mostly taken for an ordinary one
TRY_AGAIN = 16  # every so often it is tried again: it may have waited for what is in memory from then on

ORDERS = (Posted, Invoked)  # the events that may give a command

T = TypeVar("T")

log = logging.getLogger(__name__)


class Instants:
    """Know which events give instant commands, and which of these commands keep their promise."""

    def __init__(self, commands: Commands, read: Callable[[Event], Wish | None]) -> None:
        self._commands, self._read = commands, read
        self._waited: Counter[str] = Counter()  # times in a row, by command

    def of(self, event: Event) -> Command | None:
        """Return the instant command that an event gives; one that had to wait again and again is none."""
        if event.is_late or event.origin or not isinstance(event, ORDERS):
            return None
        wish = self._read(event)
        command = self._commands.get(wish.name) if wish is not None and wish.is_ordered else None
        if command is None or not command.is_instant:
            return None
        waited = self._waited[command.name]
        if waited >= PATIENCE and waited % TRY_AGAIN:
            self._waited[command.name] += 1
            return None
        return command

    def run(self, command: Command, answer: Callable[[], Coroutine[None, None, T]]) -> T | None:
        """Return what `answer` returns if it waits for nothing."""
        answering = answer()
        try:
            answering.send(None)
        except StopIteration as end:
            self._waited[command.name] = 0
            found: T = end.value
            return found
        except Exception:  # the ordinary way says it, and counts
            log.debug("Not answered at once", exc_info=True)
        else:
            answering.close()
        self._waited[command.name] += 1
        return None
