"""Keep where the session stands, what was seen and what is to be read again, over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, cast

from quarterdeck.core.adapter import Memory
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.discord.gateway.intake import Intake
from quarterdeck_adapters.discord.world import World

SESSION: Final = "session"
WORLD: Final = "world"
GAP: Final = "gap"
SAVE_S: Final = 1.0  # a kill makes Discord repeat at most this much; the inbox knows what it has
WORLD_S: Final = 30.0
LIMIT_S: Final = 2.0


@dataclass(slots=True)
class Session:
    """Say where to go on: at Discord's `url`, after event `number` of session `id`."""

    id: str
    url: str
    number: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Say what may have been missed: all after `since_ms`, in a channel that was `seen` all after that message."""

    since_ms: int
    seen: Mapping[str, str]


class State:
    """Write it down at most once a second, a new session at once, and the gap before the session that came after."""

    def __init__(self, memory: Memory, clock: Clock, world: World, intake: Intake) -> None:
        self._memory, self._clock, self._world, self._intake = memory, clock, world, intake
        self._changed = asyncio.Event()
        self._is_new = False
        self._world_s: float | None = None
        self._alive_ms: int | None = None
        self._written_gap: Gap | None = None
        self.session: Session | None = None
        self.gap: Gap | None = None
        self.is_due = asyncio.Event()  # there is a gap, and a session after it

    async def load(self) -> None:
        """Read what the last process left."""
        self._world.read(await self._memory.get(WORLD))
        written = await self._memory.get(SESSION)
        if isinstance(written, Mapping):
            self._alive_ms = cast("int", written["at_ms"])
            if written["id"]:
                number = cast("int", written["number"])
                self.session = Session(str(written["id"]), str(written["url"]), number)
        gap = await self._memory.get(GAP)
        if isinstance(gap, Mapping):
            self.gap = self._written_gap = Gap(
                cast("int", gap["since_ms"]), dict(cast("Mapping[str, str]", gap["seen"]))
            )
            self.is_due.set()

    def lose(self) -> None:
        """Give the session up; what happens from its end on is a gap, an older gap remains one."""
        self.session = None
        self._intake.forget()
        if self.gap is None and self._alive_ms is not None:
            self.gap = Gap(self._alive_ms, dict(self._world.seen))

    def begin(self, session_id: str, url: str, number: int) -> None:
        """Take a new session."""
        self.session = Session(session_id, url, number)
        self._is_new = True
        self._world_s = None  # what READY said is worth writing
        if self.gap is not None:
            self.is_due.set()
        self.touch()

    def touch(self) -> None:
        """Say that something came."""
        self._changed.set()

    async def close_gap(self) -> None:
        """Note that everything missed has been read."""
        self.gap = self._written_gap = None
        await self._memory.forget(GAP)

    async def keep(self) -> None:
        """Write changes down until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._is_new:  # a kill within the first second must be able to resume it
                self._is_new = False
                await self.save()
            await self._clock.sleep(SAVE_S)
            await self.save()

    async def save(self, *, is_end: bool = False) -> None:
        """Write down now."""
        if self.gap is not None and self.gap is not self._written_gap:
            gap = self.gap
            await self._memory.put(GAP, {"since_ms": gap.since_ms, "seen": dict(gap.seen)})
            self._written_gap = gap
        now_s = self._clock.monotonic()
        if is_end or self._world_s is None or now_s - self._world_s >= WORLD_S:
            self._world_s = now_s
            await self._memory.put(WORLD, self._world.written())
        session = self.session
        if session is not None and self._intake.number is not None:
            session.number = self._intake.number
        self._alive_ms = self._clock.now_ms()
        saved: Mapping[str, Json] = {
            "id": session.id if session else "",
            "url": session.url if session else "",
            "number": session.number if session else 0,
            "at_ms": self._alive_ms,
        }
        await self._memory.put(SESSION, saved)
