"""The conversations that come with the package, played on Slack, Discord and Telegram against the real bot."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.conftest import Program

pytestmark = pytest.mark.slow

SHIPPED = sorted(path.stem for path in Path(__file__).parents[2].glob("config/transcripts/*.yaml"))
WRONG = """
title: Wrong
people: {ada: owner}
steps:
  - command: ping
  - expect: [{text: Pang.}]
    timeout_s: 1
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_people_see_the_same_everywhere(program: Program, name: str) -> None:
    """And no platform has to refuse anything."""
    results = program.json("simulate", name)

    assert ["slack", "discord", "telegram"] == [one["platform"] for one in results]
    assert all(one["passed"] and not one["difference"] and not one["refused"] for one in results)


def test_what_differs_is_shown_and_fails(program: Program, tmp_path: Path) -> None:
    """As a diff on standard error."""
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, "utf-8")

    done = program.call("simulate", str(path), "--platform", "slack", expect=1)

    assert ["-- text: Pang.", "+- text: Pong."] == [
        line for line in done.stderr.splitlines() if "- text" in line
    ]
    assert "slack     different, 1 steps" == done.stdout.strip()


def test_what_people_see_can_be_recorded(program: Program, tmp_path: Path) -> None:
    """What was recorded passes."""
    path = tmp_path / "recorded.yaml"
    path.write_text(WRONG, "utf-8")

    path.write_text(program.call("simulate", str(path), "--platform", "slack", "--record").stdout, "utf-8")

    assert program.json("simulate", str(path), "--platform", "slack")[0]["passed"]


def test_a_transcript_that_the_bot_cannot_start_for_says_why(program: Program, tmp_path: Path) -> None:
    """With the end of its log."""
    path = tmp_path / "t.yaml"
    path.write_text(WRONG + "settings: {log.level: loud}\n", "utf-8")

    done = program.call("simulate", str(path), "--platform", "slack", expect=1)

    assert "the bot ended before it was ready" in done.stderr
    assert "log.level" in done.stderr
