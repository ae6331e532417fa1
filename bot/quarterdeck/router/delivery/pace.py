"""Keep to what a platform bears: per conversation, per group and minute, and overall.

Vendors allow bursts, so answers go out at once until one is refused for speed; from then on the declared pace is kept,
for that place or for all, until no refusal has come for a while. Changes of messages always keep to it. Turns are
given in the order of asking, and a conversation asks for one turn at a time, so that the longest queue cannot keep the
others waiting. Whoever must wait sleeps exactly until it is due.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import field

from quarterdeck.core.adapter import Pace
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass

GROUP_WINDOW_S = 60.0
SLACK = 1.1  # requests of one second may reach the platform closer together than they left us
QUIET_S = 60.0  # without a refusal for so long, answers go out at once again
FORGET_EVERY_S = 10.0
ROOM = 0.5  # of the overall limit is kept free of what can be left out


@dataclass(slots=True)
class _Place:
    name: str
    free_at_s: float = 0.0  # by the declared pace
    held_until_s: float = 0.0
    strict_until_s: float = 0.0
    used_at_s: float = 0.0
    kept_pace: bool = True  # when it was used last
    recent: deque[float] = field(default_factory=deque)


class Pacer:
    """Give turns to speak on one platform; every turn that was given ends in `over`."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace, self._clock = pace, clock
        self._most = max(1, int(pace.per_second)) if pace.per_second else 0
        self._window_s = SLACK * self._most / pace.per_second if pace.per_second else 0.0
        self._given: deque[float] = deque()  # when turns were given, or will be: the last `_most` of them
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._held_until_s = self._strict_until_s = 0.0
        self._forgets_at_s = 0.0
        self._holds = 0
        self._is_bounded = bool(pace.conversation_s or pace.per_second or pace.group_per_minute)

    def take(self, to: Conversation, *, is_change: bool = False) -> bool:
        """Take a turn if one is free this moment; returns whether."""
        if not self._is_bounded:
            return True
        now_s, place = self._clock.monotonic(), self._place(to)
        if self._due(to, place, now_s, is_change=is_change) > now_s or self._slot(now_s) > now_s:
            return False
        self._give(to, place, now_s)
        return True

    async def turn(self, to: Conversation, *, is_change: bool = False) -> bool:
        """Wait for a turn and take it; returns true."""
        while not self.take(to, is_change=is_change):
            now_s, place = self._clock.monotonic(), self._place(to)
            due_s = self._due(to, place, now_s, is_change=is_change)
            if due_s > now_s:
                await self._clock.sleep(due_s - now_s)
                continue
            holds, slot_s = self._holds, self._slot(now_s)
            self._give(to, place, slot_s)
            await self._clock.sleep(slot_s - now_s)
            if holds == self._holds:
                return True
        return True

    def wait_s(self, to: Conversation) -> float:
        """Return how long the next turn is away, as far as can be seen."""
        now_s = self._clock.monotonic()
        return max(self._due(to, self._place(to), now_s, is_change=False), self._slot(now_s)) - now_s

    def over(self, to: Conversation) -> None:
        """Say that what the turn was for has reached the platform: the conversation's pause begins now."""
        if self._pace.conversation_s:
            place, now_s = self._place(to), self._clock.monotonic()
            place.free_at_s = max(place.free_at_s, now_s + self._pace.conversation_s)

    def refused(self, to: Conversation, pause_s: float, *, is_global: bool) -> None:
        """Take note of a refusal for speed: a pause, and strictness after it.

        A place that had kept its own pace was refused for what all of them did together.
        """
        now_s, place = self._clock.monotonic(), self._place(to)
        self._is_bounded = True
        place.strict_until_s = now_s + pause_s + QUIET_S
        if is_global:
            self._held_until_s = max(self._held_until_s, now_s + pause_s)
        else:
            place.held_until_s = max(place.held_until_s, now_s + pause_s)
        if is_global or place.kept_pace:
            self._strict_until_s = now_s + pause_s + QUIET_S
        if is_global:
            self._holds += 1
            self._given = deque(at_s for at_s in self._given if at_s <= now_s)

    def has_room(self, to: Conversation) -> bool:
        """Tell whether there is room for what can be left out: nobody waits, and the half of the limit is free."""
        if not self._is_bounded:
            return True
        now_s = self._clock.monotonic()
        busy = sum(at_s > now_s - self._window_s for at_s in self._given)
        is_quiet = self._held_until_s <= now_s and (not self._most or busy <= self._most * ROOM)
        return is_quiet and self._due(to, self._place(to), now_s, is_change=True) <= now_s

    def _place(self, to: Conversation) -> _Place:
        name = self._pace.place(to)
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = _Place(name)
        return place

    def _due(self, to: Conversation, place: _Place, now_s: float, *, is_change: bool) -> float:
        """Return when the conversation may speak, as far as it is about this conversation."""
        held_s = max(place.held_until_s, self._held_until_s)
        is_strict = is_change or place.strict_until_s > now_s
        return max(held_s, self._in_pace(to, place)) if is_strict else held_s

    def _in_pace(self, to: Conversation, place: _Place) -> float:
        most = self._pace.group_per_minute
        if most and to.kind != "direct" and len(place.recent) >= most:
            return max(place.free_at_s, place.recent[0] + GROUP_WINDOW_S)
        return place.free_at_s

    def _slot(self, now_s: float) -> float:
        """Return when the next turn can be given, as far as it is about all conversations together."""
        if self._strict_until_s <= now_s or len(self._given) < self._most or not self._most:
            return max(now_s, self._held_until_s)
        return max(now_s, self._held_until_s, self._given[0] + self._window_s)

    def _give(self, to: Conversation, place: _Place, at_s: float) -> None:
        place.kept_pace = self._in_pace(to, place) <= at_s
        place.free_at_s = at_s + self._pace.conversation_s
        place.used_at_s = at_s
        if self._pace.group_per_minute and to.kind != "direct":
            place.recent.append(at_s)
            if len(place.recent) > self._pace.group_per_minute:
                place.recent.popleft()
        if self._most:
            self._given.append(at_s)
            if len(self._given) > self._most:
                self._given.popleft()
        self._places.move_to_end(place.name)
        if at_s > self._forgets_at_s:
            self._forget(at_s)
            self._forgets_at_s = at_s + FORGET_EVERY_S

    def _forget(self, now_s: float) -> None:
        """Drop places that were silent for so long that nothing binds them."""
        while self._places:
            name, place = next(iter(self._places.items()))
            last_s = max(place.used_at_s, place.held_until_s, place.strict_until_s)
            if last_s > now_s - 2 * GROUP_WINDOW_S:
                return
            del self._places[name]
