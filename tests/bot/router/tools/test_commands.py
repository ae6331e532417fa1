"""Prove that a command is the same for a model as for a person: options, bounds, pace, and who may see the answer."""

from __future__ import annotations

from typing import Any

import pytest
from tests.bot.router.conftest import OWNER
from tests.bot.router.tools.conftest import MakeParlour, Script

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Card, Field, Reply
from quarterdeck.router.tools.commands import NOT_FOR_MODELS, schema_of

GROUP = Conversation(id="fake:team", platform="fake", kind="group")
OPTIONS = (
    Option(name="what", summary="What", required=True, max_length=5, pattern="[a-z]+"),
    Option(name="count", summary="How many", kind="integer", minimum=1, maximum=3, default=1),
    Option(name="where", summary="Where", kind="choice", choices=("here", "there")),
    Option(name="soon", summary="When", kind="duration"),
    Option(name="plan", summary="A file", kind="file"),
)


def order_of(done: list[Any], **facts: Any) -> Command:
    """Return a command that writes down its options."""

    async def order(call: Call) -> Reply:
        done.append(dict(call.options))
        return Reply(card=Card(title="Order", fields=(Field(label="No", value="7"),)))

    return Command(
        name="order", summary="Order it", handler=order, options=OPTIONS, **{"effect": "read", **facts}
    )


def test_options_become_a_schema() -> None:
    """A pattern is told in words: its engine is ours, and linear."""
    assert {
        "type": "object",
        "properties": {
            "what": {"type": "string", "description": "What; of the form [a-z]+", "maxLength": 5},
            "count": {"type": "integer", "description": "How many", "minimum": 1, "maximum": 3},
            "where": {"type": "string", "description": "Where", "enum": ["here", "there"]},
            "soon": {"type": "string", "description": "When; a duration such as 1h30m"},
        },
        "required": ["what"],
        "additionalProperties": False,
    } == schema_of(order_of([]))


async def test_a_model_gives_options_as_a_person_does(make_parlour: MakeParlour) -> None:
    """Typed, with defaults; a card comes back as words."""
    done: list[Any] = []
    model = Script([[("command_order", '{"what": "tea", "soon": "10m", "where": null}')], "Ordered."])
    parlour = make_parlour(model, commands=[order_of(done)])
    async with parlour.bot.live():
        await parlour.bot.say("Order tea")

    assert [{"what": "tea", "count": 1, "where": None, "soon": 600.0, "plan": None}] == done
    assert "**Order**" in model.told[1][-1].text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"what": "TEA"}', "of the form"),
        ('{"what": "tea", "count": 9}', "up to 3"),
        ('{"what": "tea", "sugar": 1}', "no option 'sugar'"),
        ('{"what": "tea", "plan": "x.txt"}', "plan cannot be"),
        ("{}", "needs 'what'"),
    ],
)
async def test_wrong_options_are_explained_to_the_model(
    make_parlour: MakeParlour, arguments: str, expected: str
) -> None:
    """It can do better next time; nothing ran."""
    done: list[Any] = []
    model = Script([[("command_order", arguments)], "Sorry."])
    parlour = make_parlour(model, commands=[order_of(done)])
    async with parlour.bot.live():
        await parlour.bot.say("Order tea")

    assert [] == done
    assert expected in model.told[1][-1].text


async def test_the_pace_of_a_command_holds(make_parlour: MakeParlour) -> None:
    """A model is not a way around a cooldown."""
    done: list[Any] = []
    two = [("command_order", '{"what": "tea"}'), ("command_order", '{"what": "milk"}')]
    parlour = make_parlour(Script([two, "Ordered."]), commands=[order_of(done, cooldown_s=60.0)])
    async with parlour.bot.live():
        await parlour.bot.say("Order tea and milk")

    assert 1 == len(done)


@pytest.mark.parametrize(("place", "is_told"), [(GROUP, False), (None, True)])
async def test_what_is_for_one_person_alone_is_told_to_no_group(
    make_parlour: MakeParlour, place: Conversation | None, is_told: bool
) -> None:
    """A model's answer is read by everybody there."""

    async def secret(call: Call) -> Reply:
        return Reply(text="the number is 42", private_to=OWNER)

    command = Command(name="secret", summary="Tell", handler=secret, effect="read")
    model = Script([["command_secret"], "Well."])
    parlour = make_parlour(model, commands=[command], abilities=[Ability.PRIVATE])
    async with parlour.bot.live():
        await parlour.bot.say("Tell me", conversation=place, mentions_bot=True)

    assert is_told == ("42" in model.told[1][-1].text)


async def test_what_people_do_themselves_is_not_offered(make_parlour: MakeParlour) -> None:
    """Nor is what needs a file, or asks a model again."""
    file = Option(name="file", summary="A file", kind="file", required=True)

    async def never(call: Call) -> Reply:
        raise AssertionError

    parlour = make_parlour(commands=[Command(name="upload", summary="Up", handler=never, options=(file,))])
    names = {offer.name for offer in await parlour.desk.offered(await parlour.talk())}

    assert "command.remember" in names
    assert set() == names & {f"command.{name}" for name in (*NOT_FOR_MODELS, "upload")}
