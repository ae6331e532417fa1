"""kill -9 at every durable write between a platform and its answer: nothing lost, nothing doubled (F1, F2, F4)."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_bot.py")
MESSAGES = 24
PARTS = 2  # `number 0000` in parts of seven characters
POINTS = [
    f"{point}{moment}"
    for point in ("inbox.accepted", "outbox.queued", "outbox.sending", "outbox.sent", "inbox.resumed")
    for moment in (".before", "")
]
INSTANT = [
    f"{point}{moment}"
    for point in ("outbox.answered", "outbox.sent", "outbox.sending")
    for moment in (".before", "")
]
PASSAGES = ((1, 2), (1, 7), (1, 20))  # an event that three kills cut off is set aside: two do not


def run(folder: Path, kind: str, fault: str) -> int:
    """Run the bot; returns its exit status, -9 when it was killed."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(MESSAGES), kind, fault],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -9), done.stderr
    return done.returncode


def posts(folder: Path) -> list[tuple[str, str, str]]:
    """Return what reached the platform: key, conversation, text."""
    lines = (folder / "posts").read_text().splitlines()
    return [(key, place, text) for key, place, text in (line.split("|") for line in lines)]


def states(folder: Path) -> Counter[str]:
    """Count outgoing parts by state, and events by state with `event ` before it."""
    with sqlite3.connect(folder / "quarterdeck.db") as database:
        parts = Counter(state for (state,) in database.execute("select state from outbox"))
        events = Counter(f"event {state}" for (state,) in database.execute("select state from inbox"))
    return parts + events


@pytest.mark.slow
@pytest.mark.parametrize("passages", PASSAGES)
@pytest.mark.parametrize("point", POINTS)
def test_every_message_is_answered_once_where_the_platform_takes_our_key(
    tmp_path: Path, point: str, passages: tuple[int, ...]
) -> None:
    """Two kills at different passages of the point, one after the other, then one start undisturbed."""
    killed = sum(run(tmp_path, "idempotent", f"{point}:{passage}:kill") == -9 for passage in passages)
    assert run(tmp_path, "idempotent", "") == 0

    assert killed or point.startswith("outbox.sending")  # which such a platform does not need
    assert {"sent": MESSAGES * PARTS, "event done": MESSAGES} == dict(states(tmp_path))
    whole = [(f"fake::Ev{n}#{part}", 1) for n, part in itertools.product(range(MESSAGES), (1, 2))]
    assert sorted(whole) == sorted(Counter(key for key, _, _ in posts(tmp_path)).items())
    assert_order(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("passages", PASSAGES)
@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_doubled_and_every_doubt_is_shown_where_it_does_not(
    tmp_path: Path, point: str, passages: tuple[int, ...]
) -> None:
    """What was under way at a kill is `unknown`, at most one part for each conversation and kill; the rest is sent."""
    killed = sum(run(tmp_path, "plain", f"{point}:{passage}:kill") == -9 for passage in passages)
    assert run(tmp_path, "plain", "") == 0

    found = states(tmp_path)
    posted = Counter(key for key, _, _ in posts(tmp_path))
    assert killed
    assert MESSAGES == found["event done"]
    assert MESSAGES * PARTS == found["sent"] + found["unknown"]
    assert 3 * killed >= found["unknown"]
    assert {1} == set(posted.values())
    assert found["sent"] <= len(posted) <= MESSAGES * PARTS


@pytest.mark.slow
@pytest.mark.parametrize("passages", PASSAGES)
@pytest.mark.parametrize("point", INSTANT)
@pytest.mark.parametrize("kind", ["idempotent instant", "plain instant"])
def test_what_is_answered_at_once_is_neither_lost_nor_doubled(
    tmp_path: Path, point: str, kind: str, passages: tuple[int, ...]
) -> None:
    """The same kills where event and answer are one commit, and what was sent is written behind."""
    killed = sum(run(tmp_path, kind, f"{point}:{passage}:kill") == -9 for passage in passages)
    assert run(tmp_path, kind, "") == 0

    found = states(tmp_path)
    posted = Counter(key for key, _, _ in posts(tmp_path))
    assert killed or (point.startswith("outbox.sending") and kind.startswith("idempotent"))
    assert MESSAGES == found["event done"]
    assert MESSAGES * PARTS == found["sent"] + found["unknown"]
    assert (0 if kind.startswith("idempotent") else 3 * killed) >= found["unknown"]
    assert {1} == set(posted.values())


def assert_order(folder: Path) -> None:
    """Hold the order of each conversation's posts to the order of its messages."""
    for place in range(3):
        numbers = [key for key, where, _ in posts(folder) if where == f"fake:place{place}"]
        expected = [f"fake::Ev{n}#{part}" for n in range(place, MESSAGES, 3) for part in (1, 2)]
        assert expected == numbers
