"""Remember which definitions of tools an owner approved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol, cast

from quarterdeck.core.ports import Json
from quarterdeck.mcp.definition import Definition


class Kept(Protocol):
    """Remember by name, on disk."""

    async def get(self, name: str) -> Json: ...
    async def put(self, name: str, value: Json) -> None: ...


class Pins:
    """Know what was approved, by server and tool; read from disk once."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._known: dict[str, dict[str, Definition]] = {}
        self._writing = asyncio.Lock()

    async def of(self, server: str) -> Mapping[str, Definition]:
        """Return the approved definitions of a server, by tool."""
        if server not in self._known:
            stored = await self._kept.get(server)
            rows = cast("Mapping[str, Mapping[str, object]]", stored or {})
            self._known[server] = {
                tool: Definition(
                    origin=str(row["origin"]), document=cast("Mapping[str, object]", row["document"])
                )
                for tool, row in rows.items()
            }
        return self._known[server]

    async def pin(self, server: str, definitions: Iterable[Definition]) -> None:
        """Approve definitions, in place of earlier ones of the same tools; on disk when it returns."""
        async with self._writing:
            known = {**await self.of(server), **{one.name: one for one in definitions}}
            await self._kept.put(
                server, cast("Json", {tool: one.to_json() for tool, one in sorted(known.items())})
            )
            self._known[server] = known
