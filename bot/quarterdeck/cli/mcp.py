"""`quarterdeck mcp`: see, try and approve the tools of MCP servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

import click

from quarterdeck.cli import remote
from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.ports import Json

if TYPE_CHECKING:
    from quarterdeck.runtime.findings import Finding
    from quarterdeck.runtime.settings import Settings

AREA: Final = "mcp"
HASH: Final = 12
WAITING: Final = ("new", "changed")
NONE: Final = "No MCP server is set up; docs/tools.md shows how."

Shown = Mapping[str, Json]


@click.group("mcp", cls=VerbGroup)
def verb() -> None:
    """Show, try and approve the tools of MCP servers.

    \b
    Example:
      quarterdeck mcp list
    """


@verb.command("list")
@click.argument("server", default="", metavar="[SERVER]")
@click.pass_obj
def list_(invocation: Invocation, server: str) -> None:
    """List the servers and their tools, with the line that approves what waits; each server is asked first.

    \b
    Example:
      quarterdeck mcp list
    """
    found = cast("list[Shown]", call("mcp.list"))
    shown = [one for one in found if server in ("", one["name"])] if server else found
    if server and not shown:
        call("mcp.show", {"name": server})  # raises, and says which there are
    invocation.show(shown, "\n\n".join(map(_server, shown)) or NONE)


@verb.command("show")
@click.argument("name", metavar="SERVER[.TOOL]")
@click.pass_obj
def show(invocation: Invocation, name: str) -> None:
    """Show what a server says of its tools, word for word, and what changed since it was approved.

    \b
    Example:
      quarterdeck mcp show tickets.create
    """
    server = cast("Shown", call("mcp.show", {"name": name}))
    tools = cast("list[Shown]", server["tools"])
    is_one = "." in name.removeprefix("mcp.")
    parts = [_tool(one) for one in tools] or ["It offers no tools."]
    if not is_one and server["digest"]:
        parts.append(f"All that wait: quarterdeck mcp approve {server['name']} {_short(server)}")
    invocation.show(server, "\n\n".join(parts))


@verb.command("approve")
@click.argument("name", metavar="SERVER[.TOOL]")
@click.argument("digest", metavar="HASH")
@click.pass_obj
def approve(invocation: Invocation, name: str, digest: str) -> None:
    """Let models use a tool, or all of a server that wait, as `show` showed them: HASH says which form that was.

    \b
    Example:
      quarterdeck mcp approve tickets.create 4f3a9c21d07e
    """
    approved = cast("list[Shown]", call("mcp.approve", {"name": name, "digest": digest}))
    lines = [f"{one['name']} is approved ({one['effect']})" for one in approved]
    invocation.show(approved, "\n".join(lines))


@verb.command("test")
@click.argument("server", metavar="SERVER")
@click.pass_obj
def test(invocation: Invocation, server: str) -> int:
    """Start or reach a server, and print what it speaks and offers; exit status 1 when that fails.

    \b
    Example:
      quarterdeck mcp test tickets
    """
    tested = cast("Shown", call("mcp.test", {"name": server}))
    invocation.show(tested, _server(tested))
    return 0 if tested["state"] == "ready" else 1


def findings(settings: Settings) -> Iterator[Finding]:
    """Say for `check` which servers answer, and which of their tools nobody approved."""
    from quarterdeck.runtime.findings import Finding

    if not settings.mcp.servers:
        return
    try:
        found = cast("list[Shown]", remote.call("mcp.list"))
    except QuarterdeckError as error:
        yield Finding(level="error", area=AREA, message=error.message, fix=error.hint)
        return
    for server in found:
        yield from _findings_of(server)


def _findings_of(server: Shown) -> Iterator[Finding]:
    from quarterdeck.runtime.findings import Finding

    name, tools = server["name"], cast("list[Shown]", server["tools"])
    if server["state"] != "ready":
        level = "off" if "switched off" in str(server["problem"]) else "error"
        message = f"{name} is {server['state']}: {server['problem']}"
        fix = str(server["fix"]) or f"`quarterdeck mcp test {name}`"
        yield Finding(level=level, area=AREA, message=message, fix=fix)  # type: ignore[arg-type]  # one of two words
    else:
        usable = sum(one["state"] == "approved" for one in tools)
        message = f"{name} answers ({server['protocol']}); {usable} of {len(tools)} tools may be used"
        yield Finding(level="ok", area=AREA, message=message)
    for tool in tools:
        if tool["state"] in (*WAITING, "unmarked", "refused"):
            fix = f"`quarterdeck mcp show {name}.{tool['tool']}`"
            yield Finding(level="warning", area=AREA, message=f"{tool['name']}: {tool['why']}", fix=fix)


def _server(server: Shown) -> str:
    speaks = (
        f", {server['software'] or 'nameless'}, protocol {server['protocol']}" if server["protocol"] else ""
    )
    lines = [f"{server['name']} ({server['kind']}): {server['state']}{speaks}"]
    if server["problem"]:
        lines.append(f"  {server['problem']}" + (f" ({server['fix']})" if server["fix"] else ""))
    tools = cast("list[Shown]", server["tools"])
    rows = [{**one, "hash": _short(one)} for one in tools]
    lines.append(table(rows, ("tool", "state", "effect", "hash", "why"), empty="  no tools"))
    if server["digest"]:
        lines.append(f"Look at them (quarterdeck mcp show {server['name']}), then approve all that wait:")
        lines.append(f"  quarterdeck mcp approve {server['name']} {_short(server)}")
    return "\n".join(lines)


def _tool(tool: Shown) -> str:
    lines = [f"{tool['name']}: {tool['state']}, used as {tool['effect']}, hash {_short(tool)}"]
    lines += [f"  {tool['why']}"] if tool["why"] else []
    lines += [f"  it says of itself: {tool['about']}"] if tool["about"] else []
    claims = cast("Shown", tool["claims"])
    if claims:
        told = ", ".join(f"{key}: {value}" for key, value in claims.items())
        lines.append(f"  it claims, which counts for nothing: {told}")
    schema = cast("Shown", tool["schema"])
    for name, one in cast("Shown", schema.get("properties") or {}).items():
        lines.append(f"  argument {name}: {one}")
    if tool["difference"]:
        lines += ["  what changed:", *(f"    {line}" for line in str(tool["difference"]).splitlines())]
    if tool["state"] in WAITING:
        lines.append(f"  quarterdeck mcp approve {tool['server']}.{tool['tool']} {_short(tool)}")
    return "\n".join(lines)


def _short(of: Shown) -> str:
    return str(of["digest"])[:HASH]
