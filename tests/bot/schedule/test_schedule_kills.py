"""Prove with `kill -9` of a real process that every planned time fires once: F33, with dense times."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.forks import Forks

from quarterdeck.runtime import faults

KILLS = 8
POINTS = (
    "run.enqueued.before",
    "run.enqueued",
    "inbox.accepted.before",
    "inbox.accepted",
    "schedule.fired.before",
    "schedule.fired",
)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Hold the program, imported."""
    with Forks("tests.bot.schedule.schedule_program", "quarterdeck.runtime.durable.engine") as made:
        yield made


def killed(forks: Forks, folder: Path, *, fault: str = "", after_s: float | None = None) -> None:
    """Run the program until the fault, or this program, kills it."""
    life = forks.start(folder, QUARTERDECK_FAULT=fault)
    assert "serving" == life.line()
    assert [] == life.rest(20 if after_s is None else after_s)
    if after_s is None:
        assert -signal.SIGKILL == life.code, "it lived on"
    assert -signal.SIGKILL == life.kill()


def missing_and_doubled(forks: Forks, folder: Path) -> tuple[set[str], list[str], int]:
    """Let the program finish in peace; returns planned times that never came, or came twice, and how many came."""
    life = forks.start(folder, 2)
    assert "serving" == life.line()
    first, last = life.line(60).split()
    assert 0 == (life.rest(), life.code)[1]
    with sqlite3.connect(folder / "quarterdeck.db") as database:
        came = [row[0].removeprefix("cron:dense:") for row in database.execute("SELECT event_id FROM inbox")]
        fired = [
            row[0] for row in database.execute("SELECT planned_at_ms FROM fires WHERE outcome = 'fired'")
        ]
    database.close()
    moment, planned = datetime.fromisoformat(first), set()
    while moment <= datetime.fromisoformat(last):
        planned.add(moment.isoformat())
        moment += timedelta(seconds=1)
    doubled = [one for one in came if came.count(one) > 1]
    assert len(fired) >= len(planned)
    return planned - set(came), doubled, len(came)


@pytest.mark.slow
def test_killed_at_each_write_on_the_way_every_second_fires_once(forks: Forks, tmp_path: Path) -> None:
    """Between tick, enqueue, event and mark, before and after each commit; a quick machine needs few seconds for it."""
    for point in POINTS:
        assert point.removesuffix(".before") in faults.POINTS
        killed(forks, tmp_path, fault=f"{point}:1:kill")

    missing, doubled, came = missing_and_doubled(forks, tmp_path)

    assert (set(), []) == (missing, doubled)
    assert came > 1


@pytest.mark.slow
def test_killed_at_random_moments_every_second_fires_once(forks: Forks, tmp_path: Path) -> None:
    """Also while it starts, recovers and catches up."""
    chance = random.Random(33)
    for _ in range(KILLS):
        killed(forks, tmp_path, after_s=chance.uniform(0.0, 1.5))

    missing, doubled, _ = missing_and_doubled(forks, tmp_path)

    assert (set(), []) == (missing, doubled)
