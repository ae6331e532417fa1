"""Prove which tools a model is shown: few at first, the rest when it looks for them, all of them callable."""

import json
from pathlib import Path
from typing import Any

from tests.bot.router.tools.conftest import MakeParlour, Script

from quarterdeck.core.model import ModelMessage, ToolCall
from quarterdeck.core.tool import ToolResult
from quarterdeck.router.tools.choice import FEW, FIND, MOST_FITTING, Choice

NO_WEATHER = """
rules:
  - name: no weather
    deny: tool:shed.weather
  - name: everything else
    allow: "*"
    role: viewer
"""


def ask(text: str) -> ModelMessage:
    return ModelMessage(speaker="user", text=text)


def full(make_parlour: MakeParlour, *said: Any) -> tuple[Any, Script]:
    """Return a parlour with more tools than are shown at once, and its model."""
    model = Script([*said])
    parlour = make_parlour(model)
    for n in range(FEW + 1):
        parlour.shed.add(f"shed.thing{n}", summary=f"Turn the number {n}")
    parlour.shed.add("shed.weather", summary="Tell the weather of a town", result=ToolResult(text="rain"))
    return parlour, model


def shown(model: Script, round_: int = 0) -> list[str]:
    return [tool.name for tool in model.wanted[round_].tools]


async def test_few_tools_are_all_shown(make_parlour: MakeParlour) -> None:
    """Nothing is to be looked for then."""
    model = Script(["Fine."])
    parlour = make_parlour(model)
    parlour.shed.add("shed.weather")

    await parlour.answer(ask("How are you?"))

    assert (True, False) == ("shed_weather" in shown(model), FIND in shown(model))


async def test_of_many_only_those_are_shown_that_fit_the_question(make_parlour: MakeParlour) -> None:
    """Each that is shown is read again with each round."""
    parlour, model = full(make_parlour, "Rain.")

    await parlour.answer(ask("What will the weather be in the towns?"))

    assert ["shed_weather", FIND] == shown(model)


async def test_a_question_that_fits_many_shows_the_best(make_parlour: MakeParlour) -> None:
    """Never more than so many, whatever people write."""
    parlour, model = full(make_parlour, "Fine.")

    await parlour.answer(ask("Turn the number, and tell the weather of this town"))

    assert (MOST_FITTING + 1, True) == (len(shown(model)), "shed_weather" in shown(model))


async def test_what_a_model_looks_for_is_shown_from_then_on(make_parlour: MakeParlour) -> None:
    """A question in another language fits nothing by itself; the model knows the English word."""
    look = (FIND, json.dumps({"words": "weather"}))
    parlour, model = full(make_parlour, [look], ["shed_weather"], "Regen.")

    *pieces, last = await parlour.answer(ask("Wie wird das Wetter?"))

    assert [[FIND], ["shed_weather", FIND]] == [shown(model, 0), shown(model, 1)]
    assert "shed_weather: Tell the weather of a town" == model.told[1][-1].text
    assert (["\n\n_Using `shed.weather` …_\n\n", "Regen."], ("`shed.weather`",)) == (pieces, last.used)


async def test_what_is_not_found_is_said(make_parlour: MakeParlour) -> None:
    """The model goes on without."""
    parlour, model = full(make_parlour, [(FIND, '{"words": "submarine"}')], "I cannot do that.")

    await parlour.answer(ask("Dive!"))

    assert "No tool fits these words. Say so, or try others." == model.told[1][-1].text


async def test_a_tool_that_is_not_shown_can_be_called_all_the_same(make_parlour: MakeParlour) -> None:
    """The model may know it from before; its rights are decided at the call."""
    parlour, model = full(make_parlour, ["shed_weather"], "Rain.")

    *_, last = await parlour.answer(ask("Wie wird das Wetter?"))

    assert ("shed_weather" in {tool.name for tool in model.wanted[0].unshown}, ("`shed.weather`",)) == (
        True,
        last.used,
    )


async def test_what_the_person_may_not_use_is_neither_shown_nor_found_nor_run(
    make_parlour: MakeParlour, tmp_path: Path
) -> None:
    """It does not exist for their model."""
    look = (FIND, '{"words": "weather"}')
    parlour, model = full(make_parlour, [look], ["shed_weather"], "No.")
    await parlour.policy(NO_WEATHER, tmp_path)

    *_, last = await parlour.answer(ask("The weather?"))

    everything = {tool.name for tool in (*model.wanted[0].tools, *model.wanted[0].unshown)}
    assert "No tool fits these words. Say so, or try others." == model.told[1][-1].text
    assert (False, (), []) == ("shed_weather" in everything, last.used, parlour.shed.done)


def test_a_search_without_words_finds_nothing() -> None:
    """Whatever a model writes, the answer goes on."""
    found = Choice({}, "").find(ToolCall(id="1", name=FIND, arguments="{}"))

    assert "No tool fits these words. Say so, or try others." == found.text
