"""Do what `quarterdeck mcp` asks for, inside the process that holds the data folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from quarterdeck.core.errors import UsageError
from quarterdeck.core.mcp import McpServer, McpTool
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.mcp.desk import McpDesk

Parameters = Mapping[str, Json]


class McpOperations:
    """Offer `mcp.list`, `mcp.show`, `mcp.approve` and `mcp.test`."""

    def __init__(self, desk: McpDesk) -> None:
        self._desk = desk

    def all(self) -> list[Operation]:
        """Return them."""
        return [
            Operation(name="mcp.list", handler=self._list),
            Operation(name="mcp.show", handler=self._show),
            Operation(name="mcp.approve", handler=self._approve, effect="write"),
            Operation(name="mcp.test", handler=self._test),
        ]

    async def _list(self, parameters: Parameters, progress: Progress) -> Json:
        servers = await self._desk.servers(ask=bool(parameters.get("ask", True)))
        return [_server(one) for one in servers]

    async def _show(self, parameters: Parameters, progress: Progress) -> Json:
        name = _text(parameters, "name")
        tools = await self._desk.show(name)
        server = name.removeprefix("mcp.").partition(".")[0]
        shown = next(one for one in await self._desk.servers() if one.name == server)
        return {**_server(shown), "tools": [_tool(one) for one in tools]}

    async def _approve(self, parameters: Parameters, progress: Progress) -> Json:
        approved = await self._desk.approve(_text(parameters, "name"), _text(parameters, "digest"))
        return [_tool(one) for one in approved]

    async def _test(self, parameters: Parameters, progress: Progress) -> Json:
        name = _text(parameters, "name").removeprefix("mcp.").partition(".")[0]
        await progress(f"Asking {name}")
        await self._desk.show(name)
        return _server(next(one for one in await self._desk.servers() if one.name == name))


def _server(server: McpServer) -> dict[str, Json]:
    return {**asdict(server), "tools": [_tool(one) for one in server.tools]}


def _tool(tool: McpTool) -> dict[str, Json]:
    return {"name": tool.name, **asdict(tool)}


def _text(parameters: Parameters, key: str) -> str:
    value = parameters.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{key} is missing", hint="`quarterdeck mcp --help`")
    return value.strip()
