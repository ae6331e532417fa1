"""Commands as Discord takes them: typed, bounded, replaced as a whole."""

import pytest
from tests.adapters.discord.bench import bench, command, says

from quarterdeck.core.command import Option, OptionKind
from quarterdeck.core.errors import ServiceError
from quarterdeck.runtime.platform_facts import read
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck_adapters.discord import render
from quarterdeck_adapters.discord.adapter import ABILITIES, PACE
from quarterdeck_adapters.discord.api import breaker
from quarterdeck_adapters.discord.api.declare import SIZE, offered
from quarterdeck_adapters.discord.gateway import budget
from quarterdeck_adapters.discord.interactions import forms, references
from quarterdeck_adapters.discord.manifest import manifest
from quarterdeck_adapters.discord.settings import DiscordSettings
from quarterdeck_adapters.discord.writing import components

NOTHING = says(None)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("string", 3),
        ("text", 3),
        ("choice", 3),
        ("datetime", 3),
        ("duration", 3),
        ("integer", 4),
        ("boolean", 5),
        ("user", 6),
        ("channel", 7),
        ("role", 8),
        ("number", 10),
        ("file", 11),
    ],
)
def test_every_kind_of_option_has_its_own(kind: OptionKind, number: int) -> None:
    """Discord then checks and completes by itself."""
    (told,) = offered([command("go", Option(name="a", summary="A", kind=kind))])

    assert number == told["options"][0]["type"]


def test_bounds_and_choices_are_told() -> None:
    """As far as Discord can hold them; what it cannot is checked here when it comes."""
    many = tuple(f"c{n}" for n in range(26))
    (told,) = offered(
        [
            command(
                "go",
                Option(name="n", summary="N", kind="integer", minimum=1, maximum=9),
                Option(name="f", summary="F", kind="number", minimum=0.5, maximum=2.0**60),
                Option(name="t", summary="T", kind="text", max_length=50),
                Option(name="c", summary="C", kind="choice", choices=("a", "b")),
                Option(name="m", summary="M", kind="choice", choices=many),
                Option(name="r", summary="R", required=True),
            )
        ]
    )
    by_name = {one["name"]: one for one in told["options"]}

    assert "r" == told["options"][0]["name"]
    assert (1, 9) == (by_name["n"]["min_value"], by_name["n"]["max_value"])
    assert (0.5, None) == (by_name["f"]["min_value"], by_name["f"].get("max_value"))
    assert 50 == by_name["t"]["max_length"]
    assert ["a", "b"] == [one["value"] for one in by_name["c"]["choices"]]
    assert (True, None) == (by_name["m"]["autocomplete"], by_name["m"].get("choices"))


def test_a_command_that_is_too_large_offers_instead_of_listing() -> None:
    """8,000 characters for all names, descriptions and choices of one command."""
    choices = tuple(f"{n:02}" + "x" * 98 for n in range(25))
    options = [Option(name=f"o{n}", summary="O", kind="choice", choices=choices) for n in range(5)]
    (told,) = offered([command("go", *options)])
    listed = [one for one in told["options"] if "choices" in one]

    assert 0 < len(listed) < 5
    assert sum(len(choice["value"]) for one in listed for choice in one["choices"]) <= SIZE
    assert [True] * (5 - len(listed)) == [one["autocomplete"] for one in told["options"] if one not in listed]


async def test_a_change_replaces_the_set_and_no_change_sends_nothing(discord: DiscordSimulator) -> None:
    """People's clients forget the commands for a while whenever the set is sent."""
    async with bench(discord, NOTHING).running() as bot:
        await discord.ready()
        first, second = [command("ping"), command("go", Option(name="a", summary="A"))], [command("ping")]
        await bot.adapter.declare(first)
        discord.fail(Fault(kind="status", where="PUT commands", status=400))
        await bot.adapter.declare(first)  # nothing is sent, so nothing fails
        with pytest.raises(ServiceError):
            await bot.adapter.declare(second)
        await discord.command("ann", "go", {})  # the old set stays
        await bot.adapter.declare(second)

        with pytest.raises(LookupError):
            await discord.command("ann", "go", {})
        assert [] == [one for one in discord.refusals() if "PUT" not in one]


async def test_what_was_offered_elsewhere_is_taken_away_after_the_new_set_stands(
    discord: DiscordSimulator,
) -> None:
    """From everywhere to one server: both at once would show every command twice."""
    first = bench(discord, NOTHING)
    async with first.running():
        await discord.ready()
        await first.adapter.declare([command("ping")])
        guild = next(iter(first.adapter._world.guilds))
    second = bench(discord, NOTHING, memory=first.memory)
    second.settings = second.settings.model_copy(update={"guild_ids": (guild,)})
    second.adapter = second.built()
    async with second.running():
        await discord.ready()
        await second.adapter.declare([command("ping")])
        rest = (await second.adapter._connected()).rest
        application = (await rest.call("GET", "/oauth2/applications/@me"))["id"]

        everywhere = await rest.call("GET", f"/applications/{application}/commands")
        here = await rest.call("GET", f"/applications/{application}/guilds/{guild}/commands")
        assert ([], ["ping"]) == (everywhere, [one["name"] for one in here])


def test_the_manifest_names_what_to_click() -> None:
    """The link, the intents, and the commands that come by themselves."""
    said = manifest([command("ping")], DiscordSettings())
    over_http = manifest([command("ping")], DiscordSettings(public_key="ab" * 32))

    assert "scope=bot+applications.commands" in said
    assert "permissions=274878008384" in said
    assert "Message Content Intent" in said
    assert "/ping - Do ping" in said
    assert "https://YOUR-HOST/discord/interactions" in over_http


def test_the_facts_are_those_that_the_code_keeps_to() -> None:
    """The parity table and the checks read the file, the adapter its constants."""
    facts = read("discord")
    limits = facts.limits.model_dump()

    assert ABILITIES == frozenset(facts.abilities)
    assert {
        "text": render.LIMIT,
        "files": render.FILES,
        "form_inputs": forms.MOST_INPUTS,
        "form_title": forms.TITLE,
        "button_data": references.LONGEST,
        "buttons": components.PER_ROW * components.ROWS,
        "button_label": components.LABEL,
        "command_size": SIZE,
    }.items() <= limits.items()
    assert (limits["identifies"] // 2, limits["refused"] // 5) == (budget.MOST, breaker.MOST)
    pace = facts.model_dump()["pace"]
    assert (PACE.conversation_s, PACE.per_second, PACE.edit_s) == (
        pace["conversation_s"],
        pace["per_second"],
        pace["edit_s"],
    )
