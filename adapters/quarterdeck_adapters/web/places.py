"""Keep what is only seen while somebody looks: unfinished answers, typing; and wake who looks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from quarterdeck.core.ports import Clock
from quarterdeck.core.screen import Wake, Watched

TYPING_S = 6.0  # the core says it again every four seconds
MOST_PARTIALS = 16  # unfinished answers of one conversation; what was stopped leaves one behind
NOTHING: Mapping[str, str] = MappingProxyType({})


class Place:
    """Hold what is unfinished in one conversation."""

    def __init__(self) -> None:
        self.partials: dict[str, str] = {}
        self.typing_until_s = 0.0
        self.wakes: dict[Watch, Wake] = {}


class Places:
    """Hold every conversation in which something is unfinished, or which somebody looks at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places: dict[str, Place] = {}

    def watch(self, room_id: str, wake: Wake) -> Watched:
        """Look at a conversation."""
        watch = Watch(self, room_id)
        self._places.setdefault(room_id, Place()).wakes[watch] = wake
        return watch

    def leave(self, room_id: str, watch: Watch) -> None:
        """Look no more."""
        place = self._places.get(room_id)
        if place is not None:
            place.wakes.pop(watch, None)
            self._tidy(room_id, place)

    def add_piece(self, room_id: str, cause: str, piece: str) -> None:
        """Add to an unfinished answer."""
        place = self._places.setdefault(room_id, Place())
        place.partials[cause] = place.partials.get(cause, "") + piece
        while len(place.partials) > MOST_PARTIALS:
            del place.partials[next(iter(place.partials))]
        self.wake(room_id)

    def end(self, room_id: str, cause: str) -> None:
        """Forget an unfinished answer: it is there whole."""
        place = self._places.get(room_id)
        if place is not None:
            place.partials.pop(cause, None)
            place.typing_until_s = 0.0
            self.wake(room_id)
            self._tidy(room_id, place)

    def type(self, room_id: str) -> None:
        """Show that an answer is on its way."""
        place = self._places.get(room_id)
        if place is not None:
            place.typing_until_s = self._clock.monotonic() + TYPING_S
            self.wake(room_id)

    def wake(self, room_id: str) -> None:
        """Let everybody who looks at a conversation look again."""
        place = self._places.get(room_id)
        for wake in list(place.wakes.values()) if place is not None else ():
            wake()

    def partials(self, room_id: str) -> Mapping[str, str]:
        """Return the unfinished answers of a conversation."""
        place = self._places.get(room_id)
        return place.partials if place is not None else NOTHING

    def is_typing(self, room_id: str) -> bool:
        """Tell whether an answer was announced a moment ago."""
        place = self._places.get(room_id)
        return place is not None and self._clock.monotonic() < place.typing_until_s

    def _tidy(self, room_id: str, place: Place) -> None:
        if not place.wakes and not place.partials:
            self._places.pop(room_id, None)


class Watch:
    """Be one look at a conversation."""

    def __init__(self, places: Places, room_id: str) -> None:
        self._places, self._room_id = places, room_id

    @property
    def partials(self) -> Mapping[str, str]:
        """Return the unfinished answers, by the key of what they answer."""
        return self._places.partials(self._room_id)

    @property
    def is_typing(self) -> bool:
        """Tell whether an answer was announced a moment ago."""
        return self._places.is_typing(self._room_id)

    def unwatch(self) -> None:
        """Look no more."""
        self._places.leave(self._room_id, self)
