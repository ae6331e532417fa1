"""Offer what an owner approved of the servers' tools, and run it with the rights of who asks (the `Mcp` port)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from quarterdeck.core.access import AccessRequest, Authoriser
from quarterdeck.core.approval import ASKER, TOOL
from quarterdeck.core.errors import Conflict, Denied, NotFound, QuarterdeckError, SetupError, UsageError
from quarterdeck.core.mcp import McpCall, McpServer, McpTool
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.tool import ToolResult, ToolUse, Usable
from quarterdeck.mcp.content import Files, result_of
from quarterdeck.mcp.definition import DIGEST_SHOWN, Definition, together
from quarterdeck.mcp.pins import Pins
from quarterdeck.mcp.server import Server
from quarterdeck.mcp.view import STATES, effect_of, shown_tool, state_of, stated
from quarterdeck.runtime.observability import metrics

PREFIX: Final = "mcp."
LEAST: Final[Mapping[str, str]] = {"read": "operator", "write": "operator", "destructive": "admin"}
STRENGTH: Final = ("none", "read", "write", "money", "destructive")
WAITING: Final = ("new", "changed")


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None: ...


class McpDesk:
    """Know the servers. `refusal` says why none of the programs among them may be started; empty when they may."""

    def __init__(
        self,
        servers: Sequence[Server],
        pins: Pins,
        *,
        authoriser: Authoriser,
        record: Record,
        files: Files,
        refusal: Callable[[], SetupError | None] = lambda: None,
    ) -> None:
        self._servers = {one.name: one for one in servers}
        self._pins, self._authoriser, self._record = pins, authoriser, record
        self._files, self._refusal = files, refusal

    async def serve(self) -> None:
        """Keep every server connected until cancelled."""
        async with asyncio.TaskGroup() as group:
            for server in self._usable_servers():
                group.create_task(server.keep(), name=f"mcp {server.name}")

    async def close(self) -> None:
        """End every server, and the programs behind them."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    async def tools(self) -> Sequence[Usable]:
        """Return what was approved, of servers that are not down; asks no server."""
        found = []
        for server in self._usable_servers():
            if server.is_resting:
                continue
            for pin in (await self._pins.of(server.name)).values():
                if state_of(server, pin.name, pin) == "approved":
                    found.append(self._usable(server, pin))
        return found

    async def servers(self, *, ask: bool = False) -> Sequence[McpServer]:
        """Return all that are configured, by name; with `ask` each is spoken with first, within its time limit."""
        if ask:
            await asyncio.gather(*(self._asked(one) for one in self._usable_servers()))
        shown = [await self._shown(server) for _, server in sorted(self._servers.items())]
        states = [tool.state for server in shown for tool in server.tools]
        for state in STATES:
            metrics.MCP_TOOLS.set(states.count(state), state=state)
        metrics.MCP_TOOLS.set(sum(state not in STATES for state in states), state="other")
        return shown

    async def show(self, name: str, *, ask: bool = True) -> Sequence[McpTool]:
        """Return the tools of `SERVER`, or the one that `SERVER.TOOL` names; with or without `mcp.` before it.

        Raises:
            NotFound: there is no such server or tool.
        """
        server, tool = self._named(name)
        if ask and self._why_off(server) is None:
            await self._asked(server)
        tools = (await self._shown(server)).tools
        found = [one for one in tools if tool in ("", one.tool)]
        if tool and not found:
            why = f"; it is down: {server.problem.message}" if server.problem is not None else ""
            hint = did_you_mean(tool, [one.tool for one in tools]) or f"`quarterdeck mcp list {server.name}`"
            raise NotFound(f"{server.name} has no tool {tool[:80]!r}{why}", hint=hint)
        return found

    async def approve(self, name: str, digest: str, *, person_id: str = "") -> Sequence[McpTool]:
        """Let models use a tool as it is now, or all of a server that wait; `digest` is of what was looked at.

        Raises:
            NotFound: there is no such server or tool.
            UsageError: the digest is too short to say which form was looked at.
            Conflict: what it says of itself is no longer what was looked at, or nothing waits.
            ServiceError: the server cannot be asked.
        """
        server, tool = self._named(name)
        given = digest.strip().lower()
        if len(given) < DIGEST_SHOWN:
            raise UsageError(
                f"the hash {digest[:20]!r} is too short", hint=f"`quarterdeck mcp show {name}` says it"
            )
        if (off := self._why_off(server)) is not None:
            raise off
        await server.ready()
        waiting = [one for one in await self.show(name, ask=False) if one.state in WAITING]
        if not waiting:
            raise Conflict(
                f"nothing of {name} waits for approval", hint="`quarterdeck mcp list` says how all stand"
            )
        now = waiting[0].digest if tool else together([one.digest for one in waiting])
        if not now.startswith(given):
            raise Conflict(
                f"{name} is no longer what you looked at", hint=f"look again: `quarterdeck mcp show {name}`"
            )
        detail = {"server": server.name, "tools": {one.tool: one.digest for one in waiting}}
        await self._record.append("mcp.approved", detail, person_id=person_id)
        await self._pins.pin(server.name, [server.seen[one.tool] for one in waiting])
        approved = {one.tool for one in waiting}
        return [one for one in (await self._shown(server)).tools if one.tool in approved]

    async def call(self, call: McpCall) -> ToolResult:
        """Run a tool, if the person may.

        Raises:
            NotFound: there is no such tool, or it is not approved.
            Denied: the person may not, or the tool does more than was declared.
            ServiceError: the server failed.
        """
        server, tool = self._named(call.tool)
        pin = (await self._pins.of(server.name)).get(tool)
        state = state_of(server, tool, pin)
        if pin is None or state != "approved" or self._why_off(server) is not None:
            words = stated(state) if self._why_off(server) is None else "its server is off"
            raise NotFound(
                f"{call.tool} cannot be used: {words}", hint=f"`quarterdeck mcp show {server.name}`"
            )
        effect = effect_of(server, tool)
        if STRENGTH.index(effect) > STRENGTH.index(call.effect):
            raise Denied(
                f"{call.tool} is marked {effect}, and the step declares {call.effect}",
                hint=f"write effect: {effect} in the step",
            )
        decision = await self._authoriser.authorise(
            AccessRequest(
                person=call.person,
                identity=call.identity,
                action=f"{TOOL}{PREFIX}{server.name}.{tool}",
                way="workflow",
                conversation=call.conversation,
                least_role=LEAST[effect],
                effect=effect,
                arguments=call.arguments,
            )
        )
        needs = decision.needs_approval  # of the person themselves: the step that they started declares it
        if needs is not None and needs.by != (ASKER,):
            raise Denied(
                f"{call.tool} needs an approval ({decision.rule})",
                hint="ask for it in a rule about action:mcp.call with arguments: {tool: …}, which workflows wait for",
            )
        if not decision.allowed and needs is None:
            raise Denied(decision.reason or f"{call.tool} is not allowed", hint="`/why` shows the rules")
        return await self._ran(server, pin, call.arguments, call.progress)

    def _usable(self, server: Server, pin: Definition) -> Usable:
        async def run(use: ToolUse) -> ToolResult:
            return await self._ran(server, pin, use.arguments, None)

        def accept(use: ToolUse) -> Mapping[str, object]:
            return _fitting(pin, use.arguments)

        effect = effect_of(server, pin.name)
        return Usable(
            name=f"{PREFIX}{server.name}.{pin.name}",
            summary=f"(described by the MCP server {server.name}) {pin.about}",
            schema={"type": "object", **pin.schema},
            run=run,
            accept=accept,
            effect=effect,
            least_role=LEAST[effect],
            is_outward=server.settings.reaches_out,
        )

    async def _ran(
        self,
        server: Server,
        pin: Definition,
        arguments: Mapping[str, object],
        progress: Callable[[str], Awaitable[None]] | None,
    ) -> ToolResult:
        changes = effect_of(server, pin.name) != "read"
        said = await server.call(pin, arguments, progress, changes=changes)
        return await result_of(said, self._files, stem=f"{server.name}-{pin.name}".replace(".", "-"))

    async def _asked(self, server: Server) -> None:
        try:
            await server.ready()
        except QuarterdeckError as error:
            server.problem = server.problem or error

    async def _shown(self, server: Server) -> McpServer:
        pins = await self._pins.of(server.name)
        names = sorted({*pins, *server.seen})
        tools = tuple(shown_tool(server, name, pins.get(name)) for name in names)
        off = self._why_off(server)
        problem = off or server.problem
        protocol, software = server.spoken
        return McpServer(
            name=server.name,
            kind="http" if server.settings.url else "stdio",
            state="off" if off else "ready" if server.is_ready else "down" if server.is_down else "idle",
            problem="" if problem is None or server.is_ready else problem.message,
            fix="" if problem is None or server.is_ready else problem.hint,
            protocol=protocol,
            software=software,
            restarts=server.restarts,
            tools=tools,
            digest=together([one.digest for one in tools if one.state in WAITING]),
        )

    def _why_off(self, server: Server) -> SetupError | None:
        if not server.settings.enabled:
            key = f"mcp.servers.{server.name}.enabled"
            return SetupError(f"{server.name} is switched off", hint=f"set {key}: true", key=key)
        return self._refusal() if server.settings.command else None

    def _usable_servers(self) -> list[Server]:
        return [one for one in self._servers.values() if self._why_off(one) is None]

    def _named(self, name: str) -> tuple[Server, str]:
        asked, _, tool = name.strip().removeprefix(PREFIX).partition(".")
        server = self._servers.get(asked)
        if server is None:
            known = ", ".join(sorted(self._servers))
            hint = did_you_mean(asked, self._servers) or (f"known: {known}" if known else "see docs/tools.md")
            raise NotFound(f"there is no MCP server {asked[:80]!r}", hint=hint)
        return server, tool


def _fitting(pin: Definition, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Return arguments whose names fit; their values are checked by the server, whose patterns we do not run.

    Raises:
        UsageError: one is missing, or unknown.
    """
    properties, required = pin.schema.get("properties"), pin.schema.get("required")
    known = list(properties) if isinstance(properties, Mapping) else []
    missing = [str(one) for one in required if one not in arguments] if isinstance(required, list) else []
    if missing:
        raise UsageError(f"{pin.name} needs {', '.join(missing)[:200]}")
    unknown = [one for one in arguments if one not in known]
    if unknown and pin.schema.get("additionalProperties") is False:
        raise UsageError(f"{pin.name} takes no {unknown[0][:80]!r}", hint=did_you_mean(unknown[0], known))
    return arguments
