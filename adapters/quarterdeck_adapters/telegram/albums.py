"""Gather the messages of an album into one: Telegram sends each of its pictures as a message of its own.

Each part is on disk before it is acknowledged. An album is whole when nothing has come for it for a second, or when
its sender goes on; from then on its parts are fixed ("sealed"), so that a crash repeats the same event and not
another one. A part that comes later still is a message of its own: nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, cast

from quarterdeck.core.adapter import Memory
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.value import dataclass

QUIET_S: Final = 1.0
RETRY_S: Final = 1.0
PATIENCE_S: Final = 2.0
KEEP_S: Final = 2 * 86_400.0  # Telegram repeats an update for a day (Bot API, Getting updates, 2026-11-21)
INDEX: Final = "albums"

log = logging.getLogger(__name__)

Update = Mapping[str, Any]
HandOver = Callable[[Sequence[Update]], Awaitable[None]]


@dataclass(slots=True)
class _Album:
    name: str
    parts: dict[str, Update] = field(default_factory=dict)  # by message id
    is_sealed: bool = False
    due_s: float = 0.0
    ending: asyncio.Task[None] | None = None


class Albums:
    """Keep the parts of albums that are not whole yet. `hand_over` takes those of one, in order; it may be repeated."""

    def __init__(self, memory: Memory, clock: Clock, hand_over: HandOver, group: asyncio.TaskGroup) -> None:
        self._memory, self._clock, self._hand_over, self._group = memory, clock, hand_over, group
        self._open: dict[str, _Album] = {}

    async def resume(self) -> None:
        """Go on with what a stop or a crash left."""
        names = await self._memory.get(INDEX)
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and name not in self._open:
                record = await self._memory.get(name)
                if isinstance(record, Mapping) and "posted" not in record:
                    self._restore(name, record)

    async def take(self, message: Update, update: Update) -> bool:
        """Keep one part; returns when it is on disk. False: the album has been handed over without it."""
        name = f"album:{message['chat']['id']}:{message['media_group_id']}"
        part = str(message["message_id"])
        album = self._open.get(name)
        if album is None:
            record = await self._memory.get(name)
            if isinstance(record, Mapping) and "posted" in record:
                return part in cast("list[str]", record["posted"])
            album = self._open.get(name) or await self._begin(name, record)
        if part in album.parts or album.is_sealed:
            return part in album.parts
        album.parts[part] = update
        album.due_s = self._clock.monotonic() + QUIET_S
        await self._memory.put(name, self._record(album), keep_s=KEEP_S)
        return True

    async def end(self, message: Update) -> None:
        """Hand over what the sender of `message` has open there, before it; wait for that, but not for long."""
        if not self._open:
            return
        ends = {self._end(album) for album in self._open.values() if _is_by_same(album, message)}
        if ends:
            await asyncio.wait(ends, timeout=PATIENCE_S)

    async def _begin(self, name: str, record: Json) -> _Album:
        """Open an album; the index comes first, so that no part can be on disk and forgotten."""
        if isinstance(record, Mapping):
            return self._restore(name, record)
        album = self._open[name] = _Album(name, due_s=self._clock.monotonic() + QUIET_S)
        self._group.create_task(self._wait(album), name=name)
        await self._memory.put(INDEX, list(self._open))
        return album

    def _restore(self, name: str, record: Mapping[str, Json]) -> _Album:
        album = _Album(name, is_sealed=record.get("sealed") is True)
        for update in cast("list[Update]", record.get("parts") or []):
            album.parts[str(update["message"]["message_id"])] = update
        album.due_s = self._clock.monotonic() + QUIET_S
        self._open[name] = album
        self._group.create_task(self._wait(album), name=name)
        return album

    async def _wait(self, album: _Album) -> None:
        while not album.is_sealed and (left_s := album.due_s - self._clock.monotonic()) > 0:
            await self._clock.sleep(left_s)
        await asyncio.shield(self._end(album))

    def _end(self, album: _Album) -> asyncio.Task[None]:
        if album.ending is None:
            album.ending = self._group.create_task(self._finish(album), name=f"{album.name}:end")
        return album.ending

    async def _finish(self, album: _Album) -> None:
        album.is_sealed = True
        parts = [album.parts[part] for part in sorted(album.parts, key=int)]
        while True:
            try:
                if parts:
                    await self._memory.put(album.name, self._record(album), keep_s=KEEP_S)
                    await self._hand_over(parts)
                posted: Json = {"posted": sorted(album.parts)}
                await self._memory.put(album.name, posted, keep_s=KEEP_S)
                self._open.pop(album.name, None)
                return await self._memory.put(INDEX, list(self._open))
            except (
                QuarterdeckError
            ) as error:  # too much waits, or the disk is full: the parts are safe meanwhile
                log.warning("Album waits", extra={"error": error.message})
                await self._clock.sleep(RETRY_S)

    def _record(self, album: _Album) -> Json:
        return {"sealed": album.is_sealed, "parts": cast("Json", list(album.parts.values()))}


def _is_by_same(album: _Album, message: Update) -> bool:
    part = next(iter(album.parts.values()), None)
    return part is not None and all(
        part["message"].get(name, {}).get("id") == message.get(name, {}).get("id")
        for name in ("chat", "from")
    )
