"""`/tools`: see what the language model may use in your name here; carries out what was approved."""

from __future__ import annotations

from quarterdeck.commands.chat import go_on
from quarterdeck.core.access import AccessRequest
from quarterdeck.core.command import Call, Command, Effect, Option
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.mcp import Mcp, McpServer, McpTool
from quarterdeck.core.reply import Reply
from quarterdeck.core.tool import Offer, Talk

HASH = 12


async def tools(call: Call) -> Reply:
    """List, run what was approved, or look after MCP servers."""
    match call.text("action"):
        case "servers":
            return await _servers(await _desk(call, "list", "read"))
        case "show":
            return await _show(await _desk(call, "show", "read"), call.text("id"))
        case "approve":
            desk = await _desk(call, "approve", "write")
            return await _approve(desk, call.text("id"), call.text("hash"), call.person.id)
        case _:
            return await _used(call)


async def _used(call: Call) -> Reply:
    """List what a model may use, or run what was approved."""
    talk = Talk(
        person=call.person, identity=call.identity, conversation=call.conversation, event=call.event_id
    )
    if call.text("action") == "run":
        if not call.text("id"):
            raise UsageError(
                "say which approval", hint="`/tools run k3m9qa`; I do that myself once it is granted"
            )
        return await go_on(call, await call.services.tools.carry_out(call.text("id").lower(), talk))
    offers = await call.services.tools.offered(talk)
    if not offers:
        return Reply(text="A language model may use nothing in your name here.")
    lines = ["In your name, and with your rights, a language model may use here:", ""]
    return Reply(text="\n".join([*lines, *map(_line, offers)]))


async def _desk(call: Call, verb: str, effect: Effect) -> Mcp:
    """Return who knows the servers, if the person may do this: the same right as on the command line.

    Raises:
        Denied: they may not.
        NotFound: there are no servers.
    """
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action=f"operation:mcp.{verb}",
            way="message",
            conversation=call.conversation,
            least_role="owner",
            effect=effect,
        )
    )
    if not decision.allowed:
        raise Denied(
            decision.reason or "only an owner looks after MCP servers", hint="`/why` shows the rules"
        )
    if call.services.mcp is None:
        raise NotFound("there are no MCP servers here", hint="docs/tools.md shows how to set one up")
    return call.services.mcp


async def _servers(desk: Mcp) -> Reply:
    found = await desk.servers(ask=True)
    if not found:
        return Reply(text="No MCP server is set up; `docs/tools.md` shows how.")
    return Reply(text="\n".join(line for one in found for line in _server(one)), link_hosts=frozenset())


def _server(server: McpServer) -> list[str]:
    trouble = f": {server.problem}" if server.problem else ""
    lines = [f"- `{server.name}` is {server.state}{trouble}"]
    for tool in server.tools:
        why = f" ({tool.why})" if tool.why else ""
        lines.append(f"    - `{tool.name}`: {tool.state}, {tool.effect}{why}")
    if server.digest:
        lines.append(f"    - some wait for an owner: `/tools show {server.name}`")
    return lines


async def _show(desk: Mcp, name: str) -> Reply:
    if not name:
        raise UsageError(
            "say which server or tool", hint="`/tools show tickets` or `/tools show tickets.create`"
        )
    found = await desk.show(name)
    text = "\n\n".join(map(_told, found)) or "It offers no tools."
    server = next((one for one in await desk.servers() if found and one.name == found[0].server), None)
    if server is not None and server.digest and "." not in name.removeprefix("mcp."):
        text += f"\n\nAll that wait: `/tools approve {server.name} {server.digest[:HASH]}`"
    return Reply(text=text, link_hosts=frozenset())


def _told(tool: McpTool) -> str:
    """Show a tool; what its server says stands in a fence, which it cannot leave."""
    said = "\n".join(filter(None, [tool.about, tool.difference])).replace(
        "`", "\N{MODIFIER LETTER GRAVE ACCENT}"
    )
    lines = [f"`{tool.name}`: {tool.state}, used as {tool.effect}{f'; {tool.why}' if tool.why else ''}"]
    lines += ["```", said, "```"] if said else []
    lines += [f"Arguments: {', '.join(f'`{name}`' for name in _arguments(tool)) or 'none'}"]
    if tool.state in ("new", "changed"):
        lines.append(f"`/tools approve {tool.server}.{tool.tool} {tool.digest[:HASH]}`")
    return "\n".join(lines)


def _arguments(tool: McpTool) -> list[str]:
    properties = tool.schema.get("properties")
    return [str(name).replace("`", "'") for name in properties] if isinstance(properties, dict) else []


async def _approve(desk: Mcp, name: str, digest: str, person_id: str) -> Reply:
    if not name or not digest:
        raise UsageError("say which tool and which hash", hint="`/tools show SERVER` says both")
    approved = await desk.approve(name, digest, person_id=person_id)
    return Reply(text="\n".join(f"`{one.name}` is approved ({one.effect})." for one in approved))


def _line(offer: Offer) -> str:
    who = ["you" if one == "asker" else one.replace(":", " ", 1) for one in offer.asks]
    marks = [f"once {' or '.join(who)} agreed" if who else "", "reaches outside" if offer.is_outward else ""]
    noted = ", ".join(filter(None, marks))
    return f"- `{offer.name}`: {offer.summary.split('. ')[0].rstrip('.')}{f' ({noted})' if noted else ''}"


COMMAND = Command(
    name="tools",
    summary="See what the language model may use in your name",
    handler=tools,
    options=(
        Option(
            name="action",
            summary="List what there is, run what was approved, or look after MCP servers",
            kind="choice",
            choices=("list", "run", "servers", "show", "approve"),
            default="list",
            positional=True,
        ),
        Option(
            name="id",
            summary="The approval, such as k3m9qa, or a server or tool, such as tickets.create",
            positional=True,
            max_length=150,
        ),
        Option(name="hash", summary="Of the tool that was looked at", positional=True, max_length=64),
    ),
    allow="operator",
    effect="read",
    examples=("/tools", "/tools show tickets"),
    detail=(
        "What changes something waits until you agree, by a card that shows exactly what would run. A tool call that "
        "was approved runs by itself; `run` is how. `servers`, `show` and `approve` are for owners: MCP servers, what "
        "they say of their tools, and the word that lets models use them."
    ),
)
