"""F38: a server dies, hangs, floods and changes its tools, again and again, in the midst of the work of others.

`QUARTERDECK_MCP_FAULTS=200` runs as many; fewer otherwise, since each is a process.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from tests.bot.mcp.conftest import Bench, tool

from quarterdeck.core.errors import QuarterdeckError, ServiceError, Unavailable, Unknown
from quarterdeck.core.tool import ToolResult
from quarterdeck.mcp import server as module
from quarterdeck.mcp.server import Server

FAULTS = int(os.environ.get("QUARTERDECK_MCP_FAULTS", "12"))
KINDS = ("die", "hang", "endless", "turn")
LIMIT_S = 0.5  # of a call of the server that is broken
TOLD_S = 30.0  # T30: nobody waits longer


class Rig:
    """Hold a server that breaks and one that works, side by side."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.was_told: list[str] = []

    @property
    def server(self) -> Server:
        """Return the one that breaks."""
        return self.bench.servers["bad"]

    async def set_up(self) -> None:
        """Start both, approved."""
        everything = [tool("say"), *(tool(kind) for kind in KINDS)]
        self.bench.put("bad", "tools.json", everything)
        self.bench.set_up(
            bad=self.bench.raw(timeout_s=LIMIT_S), good=self.bench.raw(timeout_s=TOLD_S, concurrency=8)
        )
        await self.bench.approve("bad")
        await self.bench.approve("good")

    async def break_by(self, kind: str) -> None:
        """Let one fault happen, while the other server is used."""
        broken, *rest = await asyncio.gather(
            self.bench.use(f"mcp.bad.{kind}"),
            self.bench.use("mcp.good.say"),
            self.bench.use("mcp.good.say"),
            return_exceptions=True,
        )
        assert ["say is done"] * 2 == [one.text for one in rest if isinstance(one, ToolResult)]
        if kind == "turn":
            assert isinstance(broken, ToolResult)
            return
        assert isinstance(broken, ServiceError), repr(broken)
        self.was_told.append(broken.message)

    async def mend(self, kind: str) -> None:
        """Bring the server back as an operator would: it comes by itself, and what changed is looked at anew."""
        if kind == "turn":
            with pytest.raises(QuarterdeckError):
                await self.bench.desk.call(self.bench.call("bad.say"))  # approved was another description
            self.bench.put("bad", "tools.json", [tool("say"), *(tool(one) for one in KINDS)])
            await self.server.close()
        for _ in range(5):
            await self.bench.clock.advance(600)
            if (await self.bench.states()).get("mcp.bad.say") == "approved" and self.server.is_ready:
                return
        raise AssertionError(self.server.problem)


@pytest.mark.slow
async def test_f38_a_server_that_breaks_costs_its_calls_and_nothing_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tools are gone until it is back, what changed is switched off, the other server never notices."""
    rig, dice = Rig(bench), random.Random(38)
    await rig.set_up()
    monkeypatch.setattr(module, "START_S", 4.0)
    for _ in range(FAULTS):
        kind = dice.choice(KINDS)
        async with asyncio.timeout(TOLD_S):
            await rig.break_by(kind)
        await rig.mend(kind)
        assert "say is done" == (await bench.use("mcp.bad.say")).text

    assert [] == [words for words in rig.was_told if not words.startswith("bad")]
    assert 0 == bench.servers["good"].restarts


async def test_f38_a_server_that_hangs_is_down_and_started_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that answers nothing any more would cost each call its whole time otherwise."""
    rig = Rig(bench)
    await rig.set_up()
    monkeypatch.setattr(module, "START_S", 0.5)
    with pytest.raises(Unavailable, match="bad did not answer within"):
        await bench.use("mcp.bad.hang")
    await bench.states()
    monkeypatch.undo()
    offered, shown = await bench.offered(), {one.name: one for one in await bench.desk.servers()}
    await rig.mend("hang")

    assert ("down", []) == (shown["bad"].state, [name for name in offered if name.startswith("mcp.bad.")])
    assert "bad is gone: it did not list its tools within 0.5 s" == shown["bad"].problem
    assert ("say is done", 1) == ((await bench.use("mcp.bad.say")).text, rig.server.restarts)


async def test_f38_a_step_goes_on_or_fails_as_its_file_says(bench: Bench) -> None:
    """A read may be tried again; of what may have written something nobody knows whether it did."""
    bench.put("raw", "tools.json", [tool("die")])
    bench.set_up(raw=bench.raw())
    await bench.approve("raw")
    with pytest.raises(Unavailable) as read:
        await bench.desk.call(bench.call("raw.die"))
    bench.set_up(raw=bench.raw(tools={"die": "write"}))
    with pytest.raises(Unknown):
        await bench.desk.call(bench.call("raw.die", effect="write"))

    assert read.value.retryable
