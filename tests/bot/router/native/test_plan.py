"""What a platform is offered fits it; the rest is reached below one command, and said."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Command, Option
from quarterdeck.core.event import Invoked
from quarterdeck.core.person import Identity
from quarterdeck.router.addressing import wish_of
from quarterdeck.router.command.catalogue import Catalogue, check, discover
from quarterdeck.router.native.plan import Plan, plan, umbrella
from quarterdeck.runtime.platform_facts import PlatformFacts, read_all
from quarterdeck.testing.platform import START, FakePlatform


async def never(call: object) -> None:
    """Stand in for a handler."""


def command(name: str, allow: str = "operator", summary: str = "Do it", *options: Option) -> Command:
    """Declare a command."""
    return Command(name=name, summary=summary, handler=never, allow=allow, options=options)


def facts(*abilities: Ability, **limits) -> PlatformFacts:
    """State the facts of a platform."""
    return PlatformFacts(
        id="fake",
        name="Fake",
        proof="live",
        source="here",
        checked_on=date(2026, 11, 21),
        abilities=abilities or (Ability.COMMANDS,),
        limits=limits,
    )


def whys(found: Plan) -> dict[str, str]:
    """Return why each surplus command is one."""
    return {one.command: one.why for one in found.surplus}


def test_all_that_fits_is_offered_as_it_is() -> None:
    """Without an umbrella, unless the platform always has one."""
    commands = [command("b"), command("a")]

    assert ["a", "b"] == [one.name for one in plan(facts(), commands).commands]
    assert ["a", "b", "qd"] == [one.name for one in plan(facts(umbrella="always"), commands).commands]
    assert () == plan(facts(Ability.BUTTONS), commands).commands


def test_what_more_people_may_use_comes_first_when_there_is_no_room_for_all() -> None:
    """U23: the hundred-and-first command must not break the first hundred."""
    commands = [
        command("admin", "admin"),
        command("zebra", "viewer"),
        *(command(f"c{n:03}") for n in range(120)),
    ]
    found = plan(facts(commands=100), commands)

    assert 100 == len(found.commands)
    assert {"zebra", "qd", "c000"} <= {one.name for one in found.commands}
    assert "100 commands" in whys(found)["admin"]
    assert {one.name for one in commands} == set(found.native) | set(whys(found))


def test_bytes_are_counted_too() -> None:
    """U23: 8 KB in all, whatever the letters."""
    commands = [command(f"c{n:02}", summary="ü" * 100) for n in range(60)]
    found = plan(facts(set_bytes=8192), commands)

    assert sum(len(f"{one.name}{one.summary}".encode()) for one in found.commands) <= 8192
    assert 38 < len(found.native) < 41


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"command_name": 3}, "name"),
        ({"command_name_letters": "abc"}, "name"),
        ({"command_summary": 5}, "summary"),
        ({"taken": ("deploy",)}, "of its own"),
        ({"options": 1}, "options"),
        ({"option_name": 3}, "'first'"),
        ({"option_summary": 3}, "'first'"),
        ({"command_size": 10}, "10 characters"),
    ],
)
def test_a_command_that_does_not_fit_is_reached_below_the_umbrella(
    limits: dict[str, object], why: str
) -> None:
    """And why is said."""
    first, second = Option(name="first", summary="One of them"), Option(name="second", summary="Another")
    found = plan(facts(**limits), [command("deploy", "operator", "Deploy it", first, second)])

    assert ["qd"] == [one.name for one in found.commands]
    assert why in whys(found)["deploy"]


@pytest.mark.parametrize("choices", [tuple(f"c{n}" for n in range(26)), ("x" * 101,)])
async def test_more_choices_than_can_be_listed_become_text_that_completes(choices: tuple[str, ...]) -> None:
    """Nothing is cut: all of them can still be given."""
    option = Option(name="env", summary="Where", kind="choice", choices=choices)
    (offered,) = plan(facts(choices=25), [command("deploy", "operator", "Deploy", option)]).commands

    assert ("string", ()) == (offered.options[0].kind, offered.options[0].choices)
    assert list(choices) == await offered.options[0].complete("")


@given(
    st.lists(st.integers(0, 60), max_size=40, unique=True),
    st.integers(0, 30),
    st.integers(0, 900),
    st.sampled_from(["always", "surplus"]),
)
def test_no_set_of_commands_breaks_a_limit(names: list[int], most: int, size: int, when: str) -> None:
    """And none is lost."""
    commands = [command(f"c{n}", summary="s" * (1 + n)) for n in names]
    found = plan(facts(commands=most, set_bytes=size, umbrella=when), commands)
    offered = sum(len(f"{one.name}{one.summary}") for one in found.commands)

    assert {one.name for one in commands} == set(found.native) | set(whys(found))
    assert not most or len(found.commands) <= most
    assert not size or offered <= size or found.native == ()
    assert not found.surplus or "qd" in {one.name for one in found.commands}


def test_the_umbrella_is_the_command_that_it_names() -> None:
    """However the platform hands it over."""
    check_name = umbrella().name
    commands = Catalogue([command("deploy")])
    actor = Identity.parse("fake::U1")

    def invoked(options: dict[str, object], text: str = ""):
        event = Invoked(
            id="i", platform="fake", received_at=START, conversation=FakePlatform().conversation(), actor=actor,
            command=check_name, options=options, text=text,
        )  # fmt: skip
        wish = wish_of(event, commands)
        return (wish.way, wish.name, wish.rest)

    assert ("native", "deploy", "api --env prod") == invoked({"command": "deploy", "line": "api --env prod"})
    assert ("native", "deploy", "api") == invoked({}, "/deploy api")
    assert ("native", "help", "") == invoked({})
    typed = wish_of(FakePlatform().posted("/qd deploy api", event_id="t"), commands)
    assert ("message", "deploy", "api") == (typed.way, typed.name, typed.rest)


@pytest.mark.parametrize("platform", sorted(read_all()))
def test_our_commands_fit_every_platform(platform: str) -> None:
    """All of them natively, wherever there are native commands, but for the names that it has itself."""
    commands = discover("quarterdeck.commands").all()
    found = plan(read_all()[platform], commands)

    assert [] == [one for one in found.surplus if one.command not in read_all()[platform].limits.taken]
    assert [] == [one.name for one in commands if check(one) is not None]
