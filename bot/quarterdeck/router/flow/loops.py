"""Notice when a program that does not say it is one answers our answers, and fall silent.

Platforms mark most programs, and those are never answered. One that writes through a person's account is known by its
haste and by saying the same: again and again it writes in the moment in which we have answered, words that it has just
used. Only what is said freely counts; commands are asked for, however fast. Programs with more to say meet the budgets.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import field
from datetime import datetime, timedelta

from quarterdeck.core.event import Event, Posted
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

HASTE = timedelta(seconds=2)  # from our answer to theirs
DEPTH = 4  # hasty repetitions in a row that are still answered
REMEMBERED = 3  # of the account's last messages, as hashes
SILENCE = timedelta(minutes=10)
MOST_WATCHED = 10_000
SAID = (
    "You answer me at once, and always with the same words, so I take you for a program and fall silent towards you "
    "here for ten minutes. Commands still work."
)


@dataclass(slots=True)
class _Pair:
    """Watch one account in one conversation."""

    answered_at: datetime | None = None
    hasty: int = 0
    silent_until: datetime | None = None
    last: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class LoopGuard:
    """Watch who answers us at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()

    def look(self, event: Event) -> Reply | bool | None:
        """Return True when this is to be answered, else what to say instead: a sentence once, then nothing (None)."""
        pair = self._pair(event)
        now = self._clock.now()
        words = hash(event.message.text.strip().lower()) if isinstance(event, Posted) else 0
        if pair.silent_until is not None:
            if now < pair.silent_until:
                return None
            pair.silent_until, pair.hasty = None, 0
        if pair.answered_at is not None:
            gap = event.received_at - pair.answered_at
            is_hasty = timedelta(0) <= gap < HASTE  # what was written before our answer is no answer to it
            pair.hasty = pair.hasty + 1 if is_hasty and words in pair.last else 0
        pair.last.append(words)
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
