"""Prove how an answer goes through its rounds: what runs, side by side or one by one, up to where, and what is told."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.bot.router.tools.conftest import FREELY, MakeParlour, Script, calls

from quarterdeck.core.errors import Rejected, Unavailable
from quarterdeck.core.model import Delta, ModelMessage
from quarterdeck.core.reply import Citation, File
from quarterdeck.core.tool import Answered, ToolResult, ToolUse
from quarterdeck.router.tools.rounds import MOST_CALLS, MOST_ROUNDS
from quarterdeck.router.tools.wording import LONGEST_RESULT, on_the_wire

ASK = ModelMessage(speaker="user", text="What now?")


async def test_a_tool_runs_between_two_rounds_and_the_answer_says_so(make_parlour: MakeParlour) -> None:
    """A person sees what is being used while it is, and in the end what was."""
    model = Script([[Delta(text="Let me look."), calls("shed_look")], "It is blue."])
    parlour = make_parlour(model)
    parlour.shed.add("shed.look", result=ToolResult(text="blue"))

    *pieces, last = await parlour.answer(ASK)

    assert ["Let me look.", "\n\n_Using `shed.look` …_\n\n", "It is blue."] == pieces
    assert ("Let me look.\n\nIt is blue.", ("`shed.look`",)) == (last.text, last.used)
    assert ["assistant", "tool"] == [turn.speaker for turn in model.told[1][-2:]]
    assert ("blue", "c0") == (model.told[1][-1].text, model.told[1][-1].call_id)


async def test_reads_run_side_by_side_within_bounds(make_parlour: MakeParlour) -> None:
    """Four at a time: eight that wait for each other by fours end, nine at once would show."""
    parlour = make_parlour(Script([["shed_wait"] * 8, "done"]))
    under_way, most = 0, 0
    together = asyncio.Barrier(4)

    async def wait(use: ToolUse) -> ToolResult:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await together.wait()
        under_way -= 1
        return ToolResult(text="ok")

    parlour.shed.add("shed.wait", result=wait)

    await parlour.answer(ASK)

    assert (8, 4) == (len(parlour.shed.done), most)


async def test_what_changes_something_runs_one_by_one_in_order(
    make_parlour: MakeParlour, tmp_path: Path
) -> None:
    """A model that says first this, then that, means it."""
    parlour = make_parlour(Script([[("shed_write", f'{{"n": {n}}}') for n in range(5)], "done"]))
    await parlour.policy(FREELY, tmp_path)
    under_way = 0

    async def write(use: ToolUse) -> ToolResult:
        nonlocal under_way
        under_way += 1
        assert 1 == under_way
        await asyncio.sleep(0)
        under_way -= 1
        return ToolResult(text="ok")

    parlour.shed.add("shed.write", "write", write)

    await parlour.answer(ASK)

    assert [0, 1, 2, 3, 4] == [arguments["n"] for _, arguments in parlour.shed.done]


async def test_an_endless_loop_ends(make_parlour: MakeParlour) -> None:
    """A model that always wants one more is told that there is none, and then is not asked again."""
    model = Script([["shed_look"]])
    parlour = make_parlour(model)
    parlour.shed.add("shed.look")

    *_, last = await parlour.answer(ASK)

    assert (MOST_ROUNDS, MOST_ROUNDS + 2) == (len(parlour.shed.done), len(model.told))
    assert f"after {MOST_ROUNDS} rounds" == last.stopped


async def test_more_calls_than_there_may_be_are_not_run(make_parlour: MakeParlour) -> None:
    """Also when they come at once."""
    parlour = make_parlour(Script([["shed_look"] * 40, "done"]))
    parlour.shed.add("shed.look")

    *_, last = await parlour.answer(ASK)

    assert (MOST_CALLS, f"after {MOST_CALLS} uses") == (len(parlour.shed.done), last.stopped)


@pytest.mark.parametrize("finish", ["length", "refusal", "content_filter"])
async def test_an_answer_that_did_not_end_well_runs_nothing(make_parlour: MakeParlour, finish: Any) -> None:
    """Half of what a model wanted may be the opposite of it."""
    parlour = make_parlour(Script([[Delta(text="I"), calls("shed_look", finish=finish)]]))
    parlour.shed.add("shed.look")

    *_, last = await parlour.answer(ASK)

    assert ([], finish) == (parlour.shed.done, last.finish)


async def test_a_broken_stream_is_an_error_and_runs_nothing(make_parlour: MakeParlour) -> None:
    """The person is told; nothing was done behind their back."""
    parlour = make_parlour(Script([[Delta(text="I will"), Unavailable("it was cut off", service="x")]]))
    parlour.shed.add("shed.look")

    with pytest.raises(Unavailable):
        await parlour.answer(ASK)

    assert [] == parlour.shed.done


async def test_a_model_that_takes_no_tools_answers_without_and_is_remembered(
    make_parlour: MakeParlour,
) -> None:
    """Many small local models refuse a request that has tools in it."""
    error = Rejected("m does not support tools", service="x", status=400)
    model = Script([error, "Hello.", "Again."])
    parlour = make_parlour(model)
    parlour.shed.add("shed.look")

    *_, first = await parlour.answer(ASK)
    *_, second = await parlour.answer(ASK)

    assert ("Hello.", "Again.") == (first.text, second.text)
    assert [True, False, False] == [bool(wanted.tools) for wanted in model.wanted]


async def test_other_refusals_are_told(make_parlour: MakeParlour) -> None:
    """A spent account is no reason to ask twice."""
    model = Script([Rejected("no credit left", service="x", status=402)])
    parlour = make_parlour(model)
    parlour.shed.add("shed.look")

    with pytest.raises(Rejected):
        await parlour.answer(ASK)

    assert 1 == len(model.told)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(Unavailable("the shed is down", service="x"), "the shed is down"), (KeyError("x"), "it broke")],
)
async def test_a_tool_that_fails_costs_its_call_only(
    make_parlour: MakeParlour, raised: Exception, expected: str
) -> None:
    """The model learns why, and may say it in its own words."""

    async def fail(use: ToolUse) -> ToolResult:
        raise raised

    model = Script([["shed_fail"], "Sorry."])
    parlour = make_parlour(model)
    parlour.shed.add("shed.fail", result=fail)

    *_, last = await parlour.answer(ASK)

    result = model.told[1][-1]
    assert ("Sorry.", True) == (last.text, result.is_error)
    assert expected in result.text


async def test_results_are_bounded_and_marked(make_parlour: MakeParlour) -> None:
    """A page of a hundred megabytes is not paid for, and what strangers wrote says so."""
    model = Script([["shed_page"], "Read."])
    parlour = make_parlour(model)
    parlour.shed.add("shed.page", result=ToolResult(text="x" * 1_000_000, is_untrusted=True))

    await parlour.answer(ASK)

    told = json.loads(model.told[1][-1].text)
    assert "never an order" in told["note"]
    assert LONGEST_RESULT < len(told["result"]) < LONGEST_RESULT + 100
    assert model.told[1][-1].is_untrusted


async def test_sources_count_on_and_only_those_cited_are_named(make_parlour: MakeParlour) -> None:
    """Two searches have no two sources of one number."""

    async def search(use: ToolUse) -> ToolResult:
        found = [Citation(n=n, document=f"{use.arguments['q']}{n}.md") for n in (1, 2)]
        return ToolResult(text="[1] first\n[2] second [9]", citations=tuple(found))

    model = Script([[("shed_find", '{"q": "a"}'), ("shed_find", '{"q": "b"}')], "So it is [2][3], not [7]."])
    parlour = make_parlour(model)
    parlour.shed.add("shed.find", result=search)

    *_, last = await parlour.answer(ASK)

    assert "[3] first\n[4] second [9]" == model.told[1][-1].text
    assert [(2, "a2.md"), (3, "b1.md")] == [(one.n, one.document) for one in last.citations]


async def test_files_of_tools_come_with_the_answer(make_parlour: MakeParlour) -> None:
    """A chart that was drawn is shown."""
    chart = File(name="chart.png", path="/files/chart.png")
    parlour = make_parlour(Script([["shed_draw"], "Here."]))
    parlour.shed.add("shed.draw", result=ToolResult(text="drawn", files=(chart,)))

    *_, last = await parlour.answer(ASK)

    assert isinstance(last, Answered)
    assert (chart,) == last.files


@pytest.mark.parametrize("text", ["[1, 2]", "{", '"x"', ""])
async def test_arguments_that_are_no_object_run_nothing(make_parlour: MakeParlour, text: str) -> None:
    """Whoever stands behind `Models` may not check it."""
    parlour = make_parlour(Script([[("shed_look", text or "[]")], "Sorry."]))
    parlour.shed.add("shed.look")

    await parlour.answer(ASK)

    assert [] == parlour.shed.done


def test_names_fit_every_vendor_and_stay_apart(make_parlour: MakeParlour) -> None:
    """a.b and a_b are two tools; so are two that are alike in their first 64 letters."""
    parlour = make_parlour()
    for name in ("a.b", "a_b", "x" * 70 + "1", "x" * 70 + "2", "ключ.слово"):
        parlour.shed.add(name)

    named = on_the_wire(list(parlour.shed.usables.values()))

    assert set(parlour.shed.usables) == {one.name for one in named.values()}
    assert [] == [name for name in named if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)]


async def test_stopping_an_answer_stops_its_tools(make_parlour: MakeParlour) -> None:
    """`/cancel` means the tool, too."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(use: ToolUse) -> ToolResult:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    parlour = make_parlour(Script([["shed_hang"], "never"]))
    parlour.shed.add("shed.hang", result=hang)
    answering = asyncio.create_task(parlour.answer(ASK))
    await begun.wait()

    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering

    assert ended.is_set()
