"""Keep what platform adapters must know after a restart (the `Memory` port)."""

from __future__ import annotations

from typing import Final

import orjson
from sqlalchemy import Connection, bindparam, delete, or_, select

from quarterdeck.core.ports import Clock, Json
from quarterdeck.store.database.upsert import upsert
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import platform_memory

_IS_MINE: Final = (
    platform_memory.c.platform == bindparam("of"),
    platform_memory.c.name == bindparam("wanted"),
)
_IS_ALIVE: Final = or_(
    platform_memory.c.expires_at_ms.is_(None), platform_memory.c.expires_at_ms > bindparam("now_ms")
)
_GET: Final = select(platform_memory.c.value).where(*_IS_MINE, _IS_ALIVE)
_FORGET: Final = delete(platform_memory).where(*_IS_MINE)
_SWEEP: Final = delete(platform_memory).where(platform_memory.c.expires_at_ms <= bindparam("now_ms"))
_CHANGED: Final = ("value", "expires_at_ms")
_KEY: Final = ("platform", "name")
SWEEP_EVERY = 500  # writes


class PlatformMemory:
    """Remember by name for one platform; what has expired is swept out now and then."""

    def __init__(self, store: Store, platform: str, clock: Clock) -> None:
        self._store, self._platform, self._clock = store, platform, clock
        self._until_sweep = SWEEP_EVERY

    async def get(self, name: str) -> Json:
        """Return what was put last, None when there is nothing or its time is over."""
        asked = {"of": self._platform, "wanted": name, "now_ms": self._clock.now_ms()}
        found = await self._store.read(lambda connection: connection.execute(_GET, asked).scalar())
        value: Json = None if found is None else orjson.loads(str(found))
        return value

    async def put(self, name: str, value: Json, *, keep_s: float | None = None) -> None:
        """Write it down; returns once it is on disk."""
        now_ms = self._clock.now_ms()
        row = {
            "platform": self._platform,
            "name": name,
            "value": orjson.dumps(value).decode(),
            "expires_at_ms": None if keep_s is None else now_ms + round(keep_s * 1000),
        }
        self._until_sweep -= 1
        is_time = self._until_sweep <= 0
        if is_time:
            self._until_sweep = SWEEP_EVERY

        def write(connection: Connection) -> None:
            connection.execute(upsert(connection.dialect.name, platform_memory, _KEY, _CHANGED), row)
            if is_time:
                connection.execute(_SWEEP, {"now_ms": now_ms})

        await self._store.write("memory.kept", write)

    async def forget(self, name: str) -> None:
        """Delete it."""
        asked = {"of": self._platform, "wanted": name}
        await self._store.write("memory.forgotten", lambda connection: connection.execute(_FORGET, asked))
