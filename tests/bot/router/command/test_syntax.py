"""One text syntax: what is typed is understood, or refused with the fix."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.command import Command, Option, OptionKind
from quarterdeck.core.errors import UsageError
from quarterdeck.router.command.syntax import Missing, complete, parse, split, wants_help


async def never(call: object) -> None:
    """Stand in for a handler."""


def command(*options: Option) -> Command:
    """Declare a command with these options."""
    return Command(name="deploy", summary="Deploy a service", handler=never, options=options)


def option(name: str, kind: OptionKind = "string", **facts) -> Option:
    """Declare an option."""
    return Option(name=name, summary=f"The {name}", kind=kind, **facts)


DEPLOY = command(
    option("service", required=True, positional=True),
    option("version", default="latest", positional=True),
    option("env", "choice", choices=("staging", "prod"), default="staging"),
    option("replicas", "integer", minimum=1, maximum=50, default=1),
    option("weight", "number"),
    option("dry-run", "boolean", default=False),
    option("at", "datetime"),
    option("wait", "duration"),
    option("note", max_length=20),
)
ECHO = command(option("text", "text", required=True, positional=True, rest=True))
ASK = command(option("collection"), option("question", required=True, positional=True, rest=True))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("api", {"service": "api"}),
        ("api 1.2", {"service": "api", "version": "1.2"}),
        ("api --env prod --replicas 3", {"env": "prod", "replicas": 3}),
        ("--env=prod api", {"env": "prod", "service": "api"}),
        ("api —env prod", {"env": "prod"}),
        ("api --ENV".replace("ENV", "env") + " PROD", {"env": "prod"}),
        ('"my api" --note "two words"', {"service": "my api", "note": "two words"}),
        ('\'it is\' --note="a \\" b"', {"service": "it is", "note": 'a " b'}),
        ("“curly one” --note \u2018x y\u2019", {"service": "curly one", "note": "x y"}),
        ("api --dry-run", {"dry-run": True}),
        ("api --dry-run=no", {"dry-run": False}),
        ("api --weight 2.5", {"weight": 2.5}),
        ("api --weight -0.5", {"weight": -0.5}),
        ("api --wait 1h30m", {"wait": 5400}),
        ("api --at 2027-01-31T09:00:00+00:00", {"at": datetime(2027, 1, 31, 9, tzinfo=UTC)}),
        ("  api\t--replicas\n50  ", {"service": "api", "replicas": 50}),
        ('""', {"service": ""}),
        ('"--env"', {"service": "--env"}),
        ("--replicas 2 -- --env", {"replicas": 2, "service": "--env"}),
        ("— --env", {"service": "--env"}),
        ("--service api 2.0", {"service": "api", "version": "2.0"}),
        ("api --at 2027-01-31T09:00:00", {"at": datetime(2027, 1, 31, 9, tzinfo=UTC)}),
    ],
)
def test_values_are_read_in_their_types(line: str, expected: dict[str, object]) -> None:
    """The same line means the same on every platform, and with what phones make of it."""
    values = parse(DEPLOY, line)

    assert expected == {name: values[name] for name in expected}
    assert {one.name for one in DEPLOY.options} == set(values)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", ["service", "/deploy SERVICE"]),
        ("api --env produ", ["env", "produ", "prod", "staging"]),
        ("api --replica 3", ["--replica", "--replicas"]),
        ("api --replicas three", ["replicas", "three", "whole number"]),
        ("api --replicas 51", ["replicas", "51", "50"]),
        ("api --replicas 0", ["replicas", "0", "1"]),
        ("api --replicas ٣", ["replicas"]),
        ("api --replicas " + "9" * 100, ["replicas", "whole number"]),
        ("api --replicas", ["--replicas", "needs a value"]),
        ("api --weight nan", ["weight", "number"]),
        ("api --weight 1e999", ["weight", "number"]),
        ("api --dry-run=maybe", ["dry-run", "maybe", "yes or no"]),
        ("api --at tomorrow", ["at", "tomorrow", "2027-01-31T09:00:00+01:00"]),
        ("api --at soon", ["at", "soon", "UTC"]),
        ("api --note --env prod", ["--note", "--env", "needs a value"]),
        ("api --wait soon", ["wait", "soon", "1h30m"]),
        ("api --note " + "x" * 21, ["note", "20"]),
        ("api 1 2", ["'2'", "/deploy"]),
        ('"api', ["quote", "character 1"]),
        ("api --env prod --env staging", ["--env", "twice"]),
        ("api -- x --env prod", ["--env", "no further value"]),
        ("--service api web now", ["now", "no further value"]),
    ],
)
def test_a_refusal_names_option_value_and_fix(line: str, named: list[str]) -> None:
    """Nobody should have to guess what was wrong."""
    with pytest.raises(UsageError) as refusal:
        parse(DEPLOY, line)
    said = f"{refusal.value.message} {refusal.value.hint}"

    assert [] == [word for word in named if word not in said], said
    assert refusal.value.hint
    assert 400 > len(said)


@given(st.text(min_size=1).filter(str.strip))
def test_text_is_taken_byte_for_byte(text: str) -> None:
    """Quotes, dashes, blanks and control characters included."""
    line = split(f"/echo {text}")

    assert line is not None
    assert {"text": text} == parse(ECHO, line.rest)


def test_a_question_keeps_its_words() -> None:
    """Only options before the question are options."""
    values = parse(ASK, '--collection handbook  why does "--env prod" fail?  ')

    assert {"collection": "handbook", "question": 'why does "--env prod" fail?'} == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/ping", ("ping", "")),
        ("/Ping@quarterdeck_bot  x", ("ping", " x")),
        ("/deploy\napi", ("deploy", "api")),
        ("ping", None),
        ("/", None),
        ("// comment", None),
        ("/ ping", None),
        ("", None),
        ("/\u200bping", None),
    ],
)
def test_a_line_is_cut_into_name_and_rest(text: str, expected: tuple[str, str] | None) -> None:
    """What begins with a slash and a letter is a command line, nothing else."""
    line = split(text)

    assert expected == (None if line is None else (line.name, line.rest))


def test_help_is_a_word_of_its_own() -> None:
    """It asks for an explanation only where text is not taken as it is."""
    asks = (
        " --help ",
        "—help",
        "api --env prod --help",
        "api --nonsense --help",
        "api",
        "-- --help",
        '"--help"',
    )

    assert [True, True, True, False, False, False, False] == [wants_help(DEPLOY, line) for line in asks]
    assert [False, True, False] == [
        wants_help(ECHO, "--help"),
        wants_help(ASK, "--help"),
        wants_help(ASK, "what does --help do?"),
    ]


def test_what_is_missing_can_be_asked_for() -> None:
    """With all that was given, once that is sound."""
    with pytest.raises(Missing) as missing:
        parse(DEPLOY, "--env prod --replicas 3")
    with pytest.raises(UsageError) as wrong:
        parse(DEPLOY, "--env nowhere")

    assert (("service",), {"env": "prod", "replicas": "3"}) == (missing.value.names, missing.value.given)
    assert not isinstance(wrong.value, Missing)


def explained(work: Callable[[], object]) -> bool:
    """Return whether `work` was refused; a refusal without a fix fails the test."""
    with suppress(UsageError):
        work()
        return False
    with pytest.raises(UsageError) as refusal:
        work()
    assert refusal.value.message
    assert refusal.value.hint
    return True


HOSTILE = [
    "--" * 500,
    '"' * 501,
    "\\" * 1000,
    "=" * 1000,
    "--=",
    "--env=",
    "--env ''",
    "\x00" * 20,
    "\u202e\u200b--env",
    "--dry-run=" + "a" * 5000,
    "--__class__ x",
    "{0.__class__}",
    "%s%n%x",
    "$(reboot) `reboot`",
    "'; DROP TABLE inbox; --",
    "😀" * 300,
    "\ud800",
    "--replicas 1_000",
    "--replicas +1",
    "--replicas 0x10",
    "--weight infinity",
    "--wait 99999999999999999999d",
    "--at 0000-00-00",
    "--at 99999-01-01T00:00:00Z",
]
PIECES = [
    "--",
    "—",
    "env",
    "replicas",
    "=",
    " ",
    '"',
    "'",
    "“",
    "\\",
    "api",
    "3",
    "\n",
    "\x00",
    "é",
    "\u202e",
    "--help",
    "/",
]


def test_a_thousand_hostile_lines_break_nothing() -> None:
    """Each is understood or refused with a fix; none raises anything else."""
    dice = random.Random(20261121)
    lines = HOSTILE + ["".join(dice.choices(PIECES, k=dice.randint(1, 60))) for _ in range(1_000)]
    refused = 0
    for line in lines:
        for one in (DEPLOY, ECHO, ASK):
            refused += explained(lambda one=one, line=line: parse(one, line))

    assert 1_000 < refused


@given(
    st.dictionaries(st.text(max_size=12), st.none() | st.booleans() | st.integers() | st.floats() | st.text())
)
def test_native_values_of_any_kind_break_nothing(values: dict[str, object]) -> None:
    """A platform sends what its users make it send."""
    explained(lambda: complete(DEPLOY, {"service": "api", **values}))


def test_long_lines_cost_no_more_than_their_length() -> None:
    """T26: nothing backtracks, so twice the line is twice the time; a quadratic reader would take minutes."""
    attacks = [
        "x" * 65_536,
        '"' + "\\" * 65_000,
        "--env=" * 10_000,
        "a " * 32_768,
        " " * 65_536,
        "—" * 65_536,
        '"a" ' * 16_000,
        "--" + "x" * 65_536,
    ]
    slowest_ms = 0.0
    for line in attacks:
        for one in (DEPLOY, ECHO, ASK):
            started = time.process_time()
            with suppress(UsageError):
                parse(one, line)
            slowest_ms = max(slowest_ms, (time.process_time() - started) * 1000)

    assert 20 > slowest_ms
