"""Every need is met natively, by a stated fallback, or refused by name."""

from __future__ import annotations

from typing import get_args

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Command, Need, Option
from quarterdeck.router.native.parity import LABELS, needs_of, parity, report, table, unmet

ALL = frozenset(Ability)


async def never(call: object) -> None:
    """Stand in for a handler."""


def command(*needs: Need, options: tuple[Option, ...] = ()) -> Command:
    """Declare a command."""
    return Command(name="deploy", summary="Deploy", handler=never, needs=needs, options=options)


def test_every_need_has_its_label() -> None:
    """A need that the report does not know would be met by nothing, in silence."""
    assert set(get_args(Need)) <= set(LABELS)


@pytest.mark.parametrize("need", sorted(LABELS))
def test_a_need_is_native_or_has_a_fallback_or_is_refused(need: str) -> None:
    """Only files have no stand-in."""
    assert "native" == parity("x", need, ALL).how
    assert ("refused" if need == "file" else "fallback") == parity("x", need, frozenset()).how


def test_a_required_file_is_a_need() -> None:
    """It is refused by name where there are no files."""
    required = command(options=(Option(name="plan", summary="It", kind="file", required=True),))
    optional = command(options=(Option(name="plan", summary="It", kind="file"),))

    assert ({"file"}, set()) == (needs_of(required), needs_of(optional))
    assert "files" in unmet(required, frozenset())
    assert "" == unmet(required, ALL)
    assert "" == unmet(command("private", "thread", "form", "buttons"), frozenset())


def test_the_report_is_about_what_is_needed() -> None:
    """By platform."""
    found = list(report([command("file"), command("form")], {"a": ALL, "b": frozenset()}))

    assert [
        ("a", "form", "native"),
        ("b", "form", "fallback"),
        ("a", "file", "native"),
        ("b", "file", "refused"),
    ] == [(one.platform, one.need, one.how) for one in found]


def test_the_table_has_a_row_for_each_need() -> None:
    """In Markdown, for the documentation."""
    lines = table({"a": ALL, "b": frozenset()}, {"a": "Alpha", "b": "Beta"}).splitlines()

    assert "| what | Alpha | Beta |" == lines[0]
    assert len(LABELS) + 2 == len(lines)
    assert "| Files, in and out | yes | no |" in lines
