"""Notice when a program that does not say it is one answers our answers, and fall silent.

Platforms mark most programs, and those are never answered. One that writes through a person's account is known by its
haste: again and again it writes in the moment in which we have answered, faster than anybody reads. Only what is said
freely counts; commands are asked for, however fast.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.core.event import Event
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply

HASTE = timedelta(seconds=2)  # from our answer to theirs
DEPTH = 4  # hasty messages in a row that are still answered
SILENCE = timedelta(minutes=10)
MOST_WATCHED = 10_000
SAID = (
    "You answer me faster than people read, so I take you for a program and fall silent towards you here for ten "
    "minutes. Commands still work."
)


@dataclass(slots=True)
class _Pair:
    """Watch one account in one conversation."""

    answered_at: datetime | None = None
    hasty: int = 0
    silent_until: datetime | None = None


class LoopGuard:
    """Watch who answers us at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()

    def look(self, event: Event) -> Reply | bool | None:
        """Return True when this is to be answered, else what to say instead: a sentence once, then nothing (None)."""
        pair = self._pair(event)
        now = self._clock.now()
        if pair.silent_until is not None:
            if now < pair.silent_until:
                return None
            pair.silent_until, pair.hasty = None, 0
        if pair.answered_at is not None:
            gap = event.received_at - pair.answered_at
            is_hasty = timedelta(0) <= gap < HASTE  # what was written before our answer is no answer to it
            pair.hasty = pair.hasty + 1 if is_hasty else 0
        if pair.hasty > DEPTH:
            pair.silent_until = now + SILENCE
            return Reply(text=SAID, status="denied")
        return True

    def answered(self, event: Event) -> None:
        """Take note that something freely said was answered just now."""
        self._pair(event).answered_at = self._clock.now()

    def _pair(self, event: Event) -> _Pair:
        key = (event.conversation.id, str(event.actor))
        pair = self._pairs.setdefault(key, _Pair())
        self._pairs.move_to_end(key)
        while len(self._pairs) > MOST_WATCHED:
            self._pairs.popitem(last=False)
        return pair
