"""Count things over all runs of a workflow (the `Tallies` port), on what remembers by name over restarts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Final, Protocol, cast

from quarterdeck.core.action import Tally
from quarterdeck.core.ports import Clock, Json

KEYS_KEPT: Final = 50  # tries of the same step come soon after each other
CLEARED_S: Final = 24 * 3600.0


class Memory(Protocol):
    """Remember by name."""

    async def get(self, name: str) -> Json: ...
    async def put(self, name: str, value: Json, *, keep_s: float | None = None) -> None: ...
    async def forget(self, name: str) -> None: ...


class KeptTallies:
    """Count, one change at a time."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock, self._lock = memory, clock, asyncio.Lock()

    async def add(self, workflow: str, name: str, *, key: str, within_s: float) -> Tally:
        """Count one more; after `within_s` without one it begins anew. The same `key` twice counts once."""
        place, now_ms = _place(workflow, name), self._clock.now_ms()
        async with self._lock:
            row = _row(await self._memory.get(place))
            counted = cast("dict[str, int]", row.get("keys") or {})
            if key in counted:
                return _tally({**row, "count": counted[key]})
            if not row or now_ms - cast("int", row["last"]) > within_s * 1000:
                row = {"count": 0, "first": now_ms, "value": None}
                counted = {}
            count = cast("int", row["count"]) + 1
            counted = dict([*counted.items(), (key, count)][-KEYS_KEPT:])
            row = {**row, "count": count, "last": now_ms, "keys": counted}
            await self._memory.put(place, row, keep_s=within_s)
            return _tally(row)

    async def put(self, workflow: str, name: str, value: Json) -> Tally:
        """Note something beside a count; nothing where there is none."""
        place = _place(workflow, name)
        async with self._lock:
            row = _row(await self._memory.get(place))
            if row:
                row = {**row, "value": value}
                await self._memory.put(place, row, keep_s=CLEARED_S * 30)
            return _tally(row)

    async def clear(self, workflow: str, name: str, *, key: str) -> Tally:
        """Count from nothing again; returns what there was, the same for the same `key`."""
        place, done = _place(workflow, name), _place(workflow, f"cleared:{key}")
        async with self._lock:
            before = await self._memory.get(done)
            if before is None:
                before = _row(await self._memory.get(place))
                if not before:
                    return Tally()
                await self._memory.put(done, before, keep_s=CLEARED_S)
                await self._memory.forget(place)
            return _tally(_row(before))


def _place(workflow: str, name: str) -> str:
    return f"{workflow}:{hashlib.sha256(name.encode()).hexdigest()}"


def _row(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, Mapping) else {}


def _tally(row: Mapping[str, Json]) -> Tally:
    if not row:
        return Tally()
    return Tally(
        count=cast("int", row["count"]),
        first_at_ms=cast("int", row["first"]),
        last_at_ms=cast("int", row["last"]),
        value=row.get("value"),
    )
