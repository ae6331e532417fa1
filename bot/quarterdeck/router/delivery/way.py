"""Hold what leads to each platform: its adapter, who gives the turns, and what keeps a closed one shut."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.adapter import Adapter
from quarterdeck.core.errors import NotFound
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.router.delivery.gate import Gate
from quarterdeck.router.delivery.pace import Pacer


@dataclass(frozen=True, slots=True)
class Way:
    """Lead to one platform."""

    adapter: Adapter
    pacer: Pacer
    gate: Gate


class Ways:
    """Find the way to each platform; made when first asked for, and kept."""

    def __init__(self, adapters: Mapping[str, Adapter], clock: Clock) -> None:
        self._adapters, self._clock = adapters, clock
        self._known: dict[str, Way] = {}

    def to(self, platform: str) -> Way:
        """Return the way to a platform.

        Raises:
            NotFound: no platform of this name is connected.
        """
        return self._known.get(platform) or self._made(platform)

    def _made(self, platform: str) -> Way:
        adapter = self._adapters.get(platform)
        if adapter is None:
            raise NotFound(
                f"no platform {platform!r} is connected", hint="`quarterdeck check` says what switches it on"
            )
        way = self._known[platform] = Way(adapter, Pacer(adapter.pace, self._clock), Gate(self._clock))
        return way
