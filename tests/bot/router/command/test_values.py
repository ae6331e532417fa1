"""Every kind of option has its type, and refuses what is not of it with the fix."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.core.command import Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.router.command.values import READERS, Reading, read_value

READING = Reading(
    now=datetime(2026, 11, 21, 9, 0, tzinfo=UTC),
    zone=ZoneInfo("Europe/Berlin"),
    identity=Identity.parse("slack:T1:U1"),
    conversation=Conversation(id="slack:T1:C1", platform="slack", kind="group"),
    attachments=(Attachment(name="plan.pdf", media_type="application/pdf", size_bytes=9),),
)


def value(kind: str, given: object, **facts) -> object:
    """Read one value."""
    return read_value("deploy", Option(name="it", summary="It", kind=kind, **facts), given, READING)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("user", "slack:T1:U2", "slack:T1:U2"),
        ("user", "<@slack:T1:U2>", "slack:T1:U2"),
        ("user", "`discord::42`", "discord::42"),
        ("user", "me", "slack:T1:U1"),
        ("channel", "slack:T1:C9:1700.1", "slack:T1:C9:1700.1"),
        ("channel", "telegram:-100", "telegram:-100"),
        ("channel", "here", "slack:T1:C1"),
        ("role", "discord:1:2", "discord:1:2"),
        ("file", "plan.pdf", "plan.pdf"),
        ("datetime", "tomorrow 9:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("duration", "2 min", 120.0),
        ("text", "two\nlines", "two\nlines"),
    ],
)
def test_a_value_is_read_in_its_kind(kind: str, given: object, expected: object) -> None:
    """As `core.command.Option` says."""
    assert expected == value(kind, given)


@pytest.mark.parametrize(
    ("kind", "given", "fix"),
    [
        ("user", "anna", "mention"),
        ("user", "@anna", "mention"),
        ("user", "slack:T1:@anna", "mention"),
        ("user", "slack:T1:U\u0406", "mention"),
        ("user", "slack:T1:U1 U2", "mention"),
        ("user", 42, "mention"),
        ("channel", "#general", "links it"),
        ("channel", "slack:#general", "links it"),
        ("channel", "general", "links it"),
        ("role", "admins", "group"),
        ("role", "discord:1:@admins", "group"),
        ("role", "discord::2", "group"),
        ("file", "other.pdf", "plan.pdf"),
        ("file", None, "plan.pdf"),
        ("datetime", "later", "Europe/Berlin"),
        ("datetime", 5, "tomorrow 9:00"),
        ("duration", 90, "90s"),
        ("text", None, "text"),
    ],
)
def test_a_name_is_no_id_and_the_fix_is_said(kind: str, given: object, fix: str) -> None:
    """T14: names are not who somebody is."""
    with pytest.raises(UsageError) as refusal:
        value(kind, given)

    assert fix in refusal.value.hint
    assert "it" in refusal.value.message


def test_a_pattern_describes_the_whole_value() -> None:
    """On an engine that cannot go back (T26): a pattern and a text that hold `re` for hours take no time here."""
    assert "v1.20" == value("string", "v1.20", pattern=r"v\d+\.\d+")
    with pytest.raises(UsageError, match="it cannot be"):
        value("string", "xv1.20", pattern=r"v\d+\.\d+")
    with pytest.raises(UsageError, match="it cannot be"):
        value("string", "a" * 60_000 + "!", pattern=r"(\w+\s?)+")
    with pytest.raises(UsageError, match="it cannot be"):
        value("string", "\ud800", pattern="a")


def test_a_duration_out_of_bounds_is_told_in_durations() -> None:
    """Nobody counts in seconds."""
    with pytest.raises(UsageError) as refusal:
        value("duration", "30s", minimum=60, maximum=5400)

    assert "write a duration from 1m up to 1h30m" == refusal.value.hint


def test_a_file_that_came_along_can_be_asked_for() -> None:
    """Nothing to type, only to send."""
    with pytest.raises(UsageError) as refusal:
        read_value("x", Option(name="it", summary="It", kind="file"), "plan.pdf", Reading())

    assert "send the file" in refusal.value.hint


def test_every_kind_has_its_reader() -> None:
    """A kind without one would be a kind that does nothing."""
    from typing import get_args

    from quarterdeck.core.command import OptionKind

    assert set(get_args(OptionKind)) == set(READERS)
