"""Commands are found by their place and held to what every platform can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.command import Command, Option
from quarterdeck.core.errors import SetupError
from quarterdeck.router.command.catalogue import Catalogue, check, discover


async def never(call: object) -> None:
    """Stand in for a handler."""


def command(**facts) -> Command:
    """Declare a command, sound but for `facts`."""
    return Command(**{"name": "deploy", "summary": "Deploy a service", "handler": never, **facts})


REST = Option(name="text", summary="Text", rest=True, positional=True)
NAMED = Option(name="env", summary="Where")


@pytest.mark.parametrize(
    "facts",
    [
        {"name": ""},
        {"name": "Deploy"},
        {"name": "de ploy"},
        {"name": "x" * 33},
        {"name": "\u0434eploy"},
        {"summary": ""},
        {"summary": "x" * 101},
        {"allow": "boss"},
        {"allow": ""},
        {"options": (REST, NAMED)},
        {"options": (NAMED, NAMED)},
        {"options": (Option(name="env", summary="Where", kind="choice"),)},
        {"options": (Option(name="env", summary="Where", choices=("a",)),)},
        {"options": (Option(name="env", summary="Where", required=True, default="x"),)},
        {"options": (Option(name="env", summary=""),)},
        {"name": "qd"},
        {"effect": "harmless"},
        {"lane": "slow"},
        {"needs": ("luck",)},
        {"cooldown_s": -1.0},
        {"options": (Option(name="env", summary="Where", kind="colour"),)},
        {"options": (Option(name="env", summary="Where", kind="choice", choices=("a", "A")),)},
        {"options": (Option(name="env", summary="Where", minimum=1),)},
        {"options": (Option(name="n", summary="How many", kind="integer", minimum=2, maximum=1),)},
        {"options": (Option(name="n", summary="How many", kind="integer", max_length=2),)},
        {"options": (Option(name="n", summary="How many", max_length=0),)},
        {"options": (Option(name="n", summary="How many", kind="integer", pattern="a"),)},
        {"options": (Option(name="n", summary="How many", kind="integer", default="many"),)},
        {"options": (Option(name="n", summary="How many", kind="integer", default=3, maximum=2),)},
        {"options": (Option(name="at", summary="When", kind="datetime", default="now"),)},
        {"options": (Option(name="env", summary="Where", kind="choice", choices=("a",), default="b"),)},
        {"options": (Option(name="env", summary="Where", pattern="[a"),)},
        {"options": (Option(name="env", summary="Where", pattern=r"(a)\1"),)},
        {"options": (Option(name="env", summary="Where", pattern="(?=a)"),)},
        {"options": (Option(name="env", summary="Where", pattern="a{1000}{1000}"),)},
        {"options": (Option(name="env", summary="Where", pattern="a" * 1001),)},
        {"options": (Option(name="env", summary="Where", pattern="[a-z]+", default="A1"),)},
        {"options": (Option(name="yes", summary="Is it", kind="boolean", complete=never),)},
    ],
    ids=lambda facts: str(facts).partition(" at 0x")[0],
)
def test_an_unsound_declaration_is_refused_by_name(facts: dict[str, object]) -> None:
    """At the start, not when somebody types it."""
    with pytest.raises(SetupError, match="declared wrongly"):
        check(command(**facts))


def test_a_sound_one_is_taken() -> None:
    """And found whatever the case it is typed in."""
    found = Catalogue([command(options=(NAMED, REST))])

    assert "deploy" == found.get("DEPLOY").name
    assert found.get("other") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "COMMAND = 1",
        "nonsense(",
        "import nothing_of_this_name",
        "raise RuntimeError('no')",
        "from quarterdeck.core.command import Command\n"
        "async def run(call): ...\nCOMMAND = Command(name='other', summary='x', handler=run)",
    ],
)
def test_a_file_that_declares_no_command_is_named(tmp_path: Path, text: str) -> None:
    """The owner learns which file it is."""
    (tmp_path / "mine.py").write_text(text)

    with pytest.raises(SetupError) as refusal:
        discover("quarterdeck.commands", tmp_path)

    assert "mine.py" in str(refusal.value.file)
