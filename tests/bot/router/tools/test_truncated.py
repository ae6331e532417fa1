"""Cut real streams in four wire formats: a tool from half an answer never runs, and the person is told (F14)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from tests.bot.models.conftest import Kit, Vendor, connection_to, stream_answer
from tests.bot.models.wires import SCHEMA, WIRES
from tests.bot.router.tools.conftest import MakeParlour

from quarterdeck.core.errors import Unavailable
from quarterdeck.core.model import Connected, Delta, ModelMessage, ModelRequest
from quarterdeck.models.calling.checked import checked
from quarterdeck.testing.traitor import TRAITOR

CUTS = 80  # of each stream: 320 in all


class Wired:
    """Implement `Models` with one dialect and what is checked of every answer."""

    def __init__(self, dialect: Any) -> None:
        self._dialect = dialect

    async def connected(self, role: str = "chat") -> Connected | None:
        """Be the model."""
        return TRAITOR

    def complete(
        self, messages: Sequence[ModelMessage], *, wanted: Any, **_: Any
    ) -> AsyncGenerator[Delta, None]:
        """Answer over the wire."""
        request = ModelRequest(model="m-1", messages=tuple(messages), tools=wanted.tools)
        return checked(self._dialect.complete, request)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WIRES))
async def test_a_call_from_a_cut_stream_never_runs(make_parlour: MakeParlour, name: str) -> None:
    """Cut anywhere before its end, the answer is an error that says so; whole, the same stream runs its tools."""
    wire, vendor = WIRES[name], Vendor()
    body = wire.stream(Kit())
    whole_from = body.index(wire.whole_from)
    cuts = sorted({*(n * whole_from // CUTS for n in range(CUTS)), *range(whole_from - 20, whole_from + 1)})
    await vendor.start()
    dialect = wire.dialect(connection_to(vendor))
    parlour = make_parlour(Wired(dialect))
    parlour.shed.add("weather", schema={**SCHEMA, "required": []})
    quiet: list[int] = []
    try:
        for cut in cuts:
            vendor.answers = [stream_answer(body, cut=cut)]
            try:
                await parlour.answer(ModelMessage(speaker="user", text="How is the weather?"))
            except Unavailable:
                continue
            quiet.append(cut)
        assert ([], []) == (quiet, parlour.shed.done)

        vendor.answers = [stream_answer(body)]
        *_, last = await parlour.answer(ModelMessage(speaker="user", text="How is the weather?"))
    finally:
        await dialect.close()
        await vendor.stop()

    assert len(cuts) >= CUTS
    assert ("weather", {"city": "Köln"}) in parlour.shed.done
    assert last.stopped
