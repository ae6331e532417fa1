"""Whatever people type is understood or refused with the fix, and costs no more than its length (T26, F23, F24)."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import nearest
from quarterdeck.router.addressing import wish_of
from quarterdeck.router.command.catalogue import Catalogue, discover
from quarterdeck.router.command.syntax import complete, parse, wants_help
from quarterdeck.testing.platform import FakePlatform

LENGTH = 64 * 1024


async def run(call: Call) -> Reply:
    """Answer."""
    return Reply(text="done")


EVERYTHING = Command(
    name="everything",
    summary="Take an option of every kind",
    handler=run,
    options=(
        Option(
            name="name",
            summary="A name",
            positional=True,
            required=True,
            pattern=r"(\w+\s?)+",
            max_length=200,
        ),
        Option(name="count", summary="How many", kind="integer", minimum=1, maximum=9, default=1),
        Option(name="part", summary="How much", kind="number"),
        Option(name="sure", summary="Is it", kind="boolean"),
        Option(name="env", summary="Where", kind="choice", choices=("staging", "prod")),
        Option(name="who", summary="Who", kind="user"),
        Option(name="where", summary="Where", kind="channel"),
        Option(name="group", summary="Which", kind="role"),
        Option(name="at", summary="When", kind="datetime"),
        Option(name="wait", summary="How long", kind="duration"),
        Option(name="plan", summary="The plan", kind="file"),
        Option(name="note", summary="Anything", kind="text", rest=True, positional=True),
    ),
)
COMMANDS = Catalogue([*discover("quarterdeck.commands").all(), EVERYTHING])
PLATFORM = FakePlatform()

NAMES = [option.name for option in EVERYTHING.options]
PIECES = [
    "/", "/everything ", "--", "\u2014", "=", " ", '"', "'", "\u201c", "\\", "\n", "\x00", "\u202e", "\u200d",
    "\ufeff", "\ud800", "tomorrow 9:00", "in 99w", "90s", "1e999", "slack:T1:U1", "@anna", "#general", "plan.pdf",
    "--help", "me", "here", "/qd ", *(f"--{name} " for name in NAMES), *(f"--{name}=" for name in NAMES),
]  # fmt: skip
LINES = st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=30).map("".join)


def route(text: str) -> UsageError | None:
    """Take a message as far as the router does before anybody is asked; returns the refusal."""
    wish = wish_of(PLATFORM.posted(text, event_id="e"), COMMANDS)
    command = COMMANDS.get(wish.name) if wish else None
    if wish is None or command is None or wants_help(command, wish.rest):
        return None
    try:
        parse(command, wish.rest)
    except UsageError as refusal:
        return refusal
    return None


def is_explained(refusal: UsageError | None) -> bool:
    """Tell whether a refusal, if it is one, names what was wrong and what to do, and is no essay."""
    if refusal is None:
        return True
    return bool(refusal.message and refusal.hint) and len(refusal.message) + len(refusal.hint) < 1_000


@settings(max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
@given(LINES)
def test_a_thousand_hostile_lines_crash_nothing_and_each_refusal_names_the_fix(line: str) -> None:
    """Of every kind of option, through the umbrella, and with half a character in them."""
    assert is_explained(route(line))
    assert is_explained(route(f"/everything {line}"))


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=30)
        | st.binary(max_size=4),
    )
)
def test_values_that_no_platform_should_send_crash_nothing(values: dict[str, object]) -> None:
    """Forms and native commands hand over what their users make them."""
    refusal: UsageError | None = None
    try:
        complete(EVERYTHING, values)
    except UsageError as error:
        refusal = error

    assert is_explained(refusal)


def work(text: str) -> int:
    """Count every call of a function while the text is routed, ours and C's."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        route(text)
    finally:
        sys.setprofile(None)
    return calls


ATTACKS: list[Callable[[int], str]] = [
    lambda length: "x" * length,
    lambda length: "/everything " + "x" * length,
    lambda length: "/everything " + "a " * (length // 2),
    lambda length: "/everything " + '"' + "\\" * length,
    lambda length: "/everything " + '\\"' * (length // 2),
    lambda length: "/everything " + '"' + "\\x" * (length // 2),
    lambda length: "/everything " + '"' + "\\x" * (length // 2) + '"',
    lambda length: "/everything " + "--env=" * (length // 6),
    lambda length: "/everything " + "--x --y " * (length // 8),
    lambda length: "/everything " + "\u2014" * length,
    lambda length: "/everything " + " " * length + "--help",
    lambda length: "/everything x --at " + "9:" * (length // 2),
    lambda length: "/everything x --wait " + "1h" * (length // 2),
    lambda length: "/everything x --who " + "a:" * (length // 2),
    lambda length: "/everything " + '"' + "a " * (length // 2) + '!"',
    lambda length: "/" * length,
    lambda length: "/qd " * (length // 4),
    lambda length: "/help " + "schedule " * (length // 9),
]


@pytest.mark.parametrize("attack", range(len(ATTACKS)))
def test_a_longer_line_is_no_more_work_for_us(attack: int) -> None:
    """Counted, not timed: our code takes the same steps for 64 KiB; C looks at each sign a few times."""
    half, whole = work(ATTACKS[attack](LENGTH // 2)), work(ATTACKS[attack](LENGTH))

    assert whole <= half + 20
    assert whole < 1_000


def test_what_is_too_long_for_a_name_is_compared_with_none() -> None:
    """Comparing grows with the product of the lengths."""
    assert nearest("a" * 101, ["a" * 101]) is None
    assert "deploy" == nearest("deplyo", ["deploy", "ping"])


async def test_a_thousand_lines_are_answered_by_a_live_bot(make_bot) -> None:
    """The same, through inbox, router and outbox: nothing is set aside."""
    dice = random.Random(20261121)
    bot = make_bot([EVERYTHING])
    async with bot.live():
        for number in range(1_000):
            line = "".join(dice.choices(PIECES, k=dice.randint(1, 20)))
            await bot.post(f"/everything {line}", conversation=bot.platform.conversation(f"c{number % 50}"))
            if number % 50 == 49:
                await bot.settled()
        await bot.settled()

    assert 1_000 <= len(bot.platform.sent)
    assert [] == [text for text in bot.platform.texts() if "Something broke" in text]
