"""`mcp.call`: a step says which tool, and what it may do at the most."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.bot.mcp.conftest import ANNA, HERE, IDENTITY, Bench, bench, tool

from quarterdeck.core.action import ActionCall
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError, Rejected
from quarterdeck.core.ports import Json, Services
from quarterdeck_workflows.actions.kit.perform import perform
from quarterdeck_workflows.actions.kit.registry import discover

ACTION = discover().get("mcp.call")

__all__ = ["bench"]


async def run(bench: Bench, *, mcp: object = None, **given: Json) -> Any:
    """Run the action as the engine does."""
    assert ACTION is not None

    async def tell(sentence: str) -> None:
        """Tell nobody."""

    call = ActionCall(
        input=given,
        key="k",
        run_id="r",
        workflow="w",
        person=ANNA,
        identity=IDENTITY,
        conversation=HERE,
        folder=bench.folder / "run",
        services=cast("Services", SimpleNamespace(mcp=mcp)),
        progress=tell,
    )
    return await perform(ACTION, call)


async def test_a_step_uses_an_approved_tool(bench: Bench) -> None:
    """Its words come back as what strangers wrote, its files lie in the run's folder."""
    picture = {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}
    bench.put("raw", "result.json", {"content": [{"type": "text", "text": "here"}, picture]})
    desk = bench.set_up(raw=bench.raw())
    await bench.approve("raw")
    output = await run(bench, mcp=desk, tool="raw.say", arguments={"a": 1})

    assert {"text": "here\n\n(the file raw-say-1.png, 8 bytes)", "files": ["raw-say-1.png"]} == output
    assert b"\x89PNG\r\n\x1a\n" == (bench.folder / "run" / "raw-say-1.png").read_bytes()
    assert ACTION is not None
    assert ACTION.spec.is_untrusted


async def test_what_cannot_be_done_is_refused(bench: Bench) -> None:
    """Unknown, unapproved, stronger than declared, failed, and where nothing is set up."""
    bench.put("raw", "tools.json", [tool("say"), tool("make")])
    desk = bench.set_up(raw=bench.raw(tools={"make": "write"}))
    with pytest.raises(NotFound, match="no owner has approved it"):
        await run(bench, mcp=desk, tool="raw.say")
    await bench.approve("raw")
    with pytest.raises(Denied, match="is marked write"):
        await run(bench, mcp=desk, tool="raw.make")
    bench.put("raw", "result.json", {"content": [{"type": "text", "text": "no room"}], "isError": True})
    with pytest.raises(Rejected, match="the tool failed: no room"):
        await run(bench, mcp=desk, tool="raw.say")
    with pytest.raises(NotFound, match="no MCP servers"):
        await run(bench, tool="raw.say")
    with pytest.raises(QuarterdeckError):
        await run(bench, mcp=desk, tool="../say")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, ("read", "pure")),
        ({"effect": "write"}, ("write", "none")),
        ({"effect": "destructive"}, ("destructive", "none")),
    ],
)
def test_what_a_step_declares_is_what_the_engine_asks_for(
    given: dict[str, Json], meant: tuple[str, str]
) -> None:
    """So approvals and the journal are right before the server is asked."""
    assert ACTION is not None
    spec = ACTION.spec.meant(given)

    assert meant == (spec.effect, spec.idempotency)
